/* A list of a few, and an arena of their own that outlives the requests.
 *
 * The arena is as large as that of a request: whatever could be read when it was put can be read
 * here, alone if need be. */
#include "keys/policy_cache.h"

#include "keys/json_text.h"

size_t policy_cache_memory_bytes(void)
{
    return arena_need(JSON_ARENA_BYTES, 64);
}

void policy_cache_init(struct policy_cache *cache, struct arena *arena)
{
    *cache = (struct policy_cache){
        .json = {.base = arena_take(arena, JSON_ARENA_BYTES, 16), .size = JSON_ARENA_BYTES}};
}

static void forget_all(struct policy_cache *cache)
{
    cache->count = 0;
    cache->json.used = 0;
}

/* NULL: it is no object, or there is no room; what it took of the arena is lost until all is. */
static const json_t *read(struct policy_cache *cache, struct bytes text)
{
    struct json_arena *before = json_arena_switch(&cache->json);
    char *copy = cache->count < POLICY_CACHE_MAX ? json_arena_copy(text) : NULL;
    const json_t *document = copy == NULL ? NULL : json_text_object(text);

    (void)json_arena_switch(before);
    if (document != NULL) {
        cache->entries[cache->count].text = bytes_of(copy, text.size);
        cache->entries[cache->count++].document = document;
    }
    return document;
}

const json_t *policy_cache_find(struct policy_cache *cache, struct bytes text)
{
    for (unsigned i = 0; i < cache->count; i++) {
        if (bytes_equal(cache->entries[i].text, text)) {
            return cache->entries[i].document;
        }
    }

    const json_t *document = read(cache, text);

    if (document == NULL) {
        forget_all(cache);
        document = read(cache, text);
    }
    return document;
}
