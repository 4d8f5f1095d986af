/* Where does jansson get its memory? From a block that is emptied after each request.
 *
 * jansson knows only one allocator for the whole process. json_arena_install makes it this one; the
 * world calls it once, before anything uses jansson. From then on jansson works between
 * json_arena_enter and json_arena_leave only; outside, and where the block is used up, it gets NULL
 * and reports that it has no memory. Leaving wipes what was used: requests hold plaintext.
 *
 * All values that jansson made in between are gone after leaving; freeing them is not needed. */
#ifndef SEALIFT_KEYS_JSON_ARENA_H
#define SEALIFT_KEYS_JSON_ARENA_H

#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>

/* 64 KiB of "[1,1,1..." become 32,768 numbers of 32 bytes, in an array that doubled up to them. */
enum { JSON_ARENA_BYTES = 4 << 20 };

struct json_arena {
    uint8_t *base;
    size_t used;
    size_t size;
};

/* `hash_seed` makes the hash tables unpredictable to whoever writes the requests; not 0. */
void json_arena_install(size_t hash_seed);

void json_arena_enter(struct json_arena *arena);
void json_arena_leave(struct json_arena *arena);

/* Between the two: from now on another one, whose values outlive the request. Returns the one that
 * was in use, to switch back. */
struct json_arena *json_arena_switch(struct json_arena *arena);

/* A copy in the arena in use; NULL where it is used up. */
void *json_arena_copy(struct bytes bytes);

#endif
