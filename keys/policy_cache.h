/* Key policies that were read lately, so that a policy is not read anew at each use of its key.
 *
 * They are found by their text: a key whose policy is changed has another text, so nobody needs to
 * be told. When there is no room for one more, all of them are forgotten. */
#ifndef SEALIFT_KEYS_POLICY_CACHE_H
#define SEALIFT_KEYS_POLICY_CACHE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "keys/json_arena.h"

#include <jansson.h>

enum { POLICY_CACHE_MAX = 16 }; /* each is compared: of a few keys most uses are */

struct policy_cache {
    struct json_arena json; /* documents and copies of their texts */
    struct {
        struct bytes text;
        const json_t *document;
    } entries[POLICY_CACHE_MAX];
    unsigned count;
};

size_t policy_cache_memory_bytes(void);
void policy_cache_init(struct policy_cache *cache, struct arena *arena);

/* Between json_arena_enter and json_arena_leave. Good until the next call; to be read only. NULL:
 * the text is no JSON object. */
const json_t *policy_cache_find(struct policy_cache *cache, struct bytes text);

#endif
