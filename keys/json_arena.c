/* A bump pointer behind malloc's face: taking is an addition, giving back is nothing.
 *
 * The arena in use is per thread, because jansson passes its allocator no context. Running out
 * fails the one request that asked for so much. */
#include "keys/json_arena.h"

#include "base/check.h"
#include "seal/secret.h"

#include <jansson.h>

static _Thread_local struct json_arena *in_use;

static void *json_take(size_t size)
{
    enum { ALIGN = 16 };

    if (in_use == NULL || size > in_use->size) {
        return NULL;
    }

    const size_t padded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);

    if (padded > in_use->size - in_use->used) {
        return NULL;
    }
    in_use->used += padded;
    return in_use->base + in_use->used - padded;
}

static void json_give_back(void *memory)
{
    (void)memory; /* the arena is emptied as a whole */
}

void json_arena_install(size_t hash_seed)
{
    CHECK(hash_seed != 0);
    json_set_alloc_funcs(json_take, json_give_back);
    json_object_seed(hash_seed);
}

void json_arena_enter(struct json_arena *arena)
{
    CHECK(in_use == NULL && arena->used == 0);
    in_use = arena;
}

struct json_arena *json_arena_switch(struct json_arena *arena)
{
    struct json_arena *before = in_use;

    CHECK(before != NULL && arena != NULL);
    in_use = arena;
    return before;
}

void *json_arena_copy(struct bytes bytes)
{
    void *copy = json_take(bytes.size);

    if (copy != NULL && bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return copy;
}

void json_arena_leave(struct json_arena *arena)
{
    CHECK(in_use == arena);
    secret_wipe_memory(arena->base, arena->used);
    arena->used = 0;
    in_use = NULL;
}
