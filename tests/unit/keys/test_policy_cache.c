/* What was read once is found again while there is room; nothing else is found in its place. */
#include "base/check.h"
#include "keys/policy_cache.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE_BYTES = 32 * 1024 };

struct scene {
    void *memory;
    struct policy_cache cache;
    struct json_arena request;
};

static void scene_begin(struct scene *scene)
{
    static bool installed;
    const size_t size = policy_cache_memory_bytes();

    if (!installed) {
        json_arena_install(5);
        installed = true;
    }
    scene->memory = malloc(size);
    scene->request = (struct json_arena){.base = malloc(4096), .size = 4096};
    NEED(scene->memory != NULL && scene->request.base != NULL);

    struct arena arena = arena_of(scene->memory, size);

    policy_cache_init(&scene->cache, &arena);
}

static void scene_end(struct scene *scene)
{
    free(scene->request.base);
    free(scene->memory);
}

/* A request of its own for each. */
static const json_t *find(struct scene *scene, const char *text)
{
    json_arena_enter(&scene->request);

    const json_t *document = policy_cache_find(&scene->cache, bytes_text(text));

    json_arena_leave(&scene->request);
    return document;
}

static bool says(const json_t *document, int number)
{
    return document != NULL && json_integer_value(json_object_get(document, "Id")) == number;
}

TEST(a_policy_is_read_once_and_outlives_the_request)
{
    struct scene scene;
    char text[] = "{\"Id\":1}";

    scene_begin(&scene);

    const json_t *first = find(&scene, text);

    EXPECT(says(first, 1));
    EXPECT(find(&scene, "{\"Id\":1}") == first);
    text[6] = '2'; /* the caller's memory is its own */
    EXPECT(says(first, 1) && says(find(&scene, text), 2));
    EXPECT(find(&scene, "{\"Id\":1}") == first);
    EXPECT(says(find(&scene, "{\"Id\":1} "), 1)); /* another text */
    scene_end(&scene);
}

TEST(more_policies_than_there_is_room_for_are_read_all_the_same)
{
    struct scene scene;
    char text[32];

    scene_begin(&scene);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2 * POLICY_CACHE_MAX + 1; i++) {
            snprintf(text, sizeof text, "{\"Id\":%d}", i);
            EXPECT(says(find(&scene, text), i));
            EXPECT(says(find(&scene, text), i));
        }
    }
    scene_end(&scene);
}

TEST(large_policies_make_room_for_each_other)
{
    struct scene scene;
    char *text = malloc(LARGE_BYTES + 64);

    NEED(text != NULL);
    scene_begin(&scene);
    for (int i = 0; i < 20; i++) {
        size_t size = (size_t)sprintf(text, "{\"Id\":%d,\"List\":[1", i);

        while (size < LARGE_BYTES) {
            size += (size_t)sprintf(text + size, ",1");
        }
        sprintf(text + size, "]}");
        EXPECT(says(find(&scene, text), i));
    }
    free(text);
    scene_end(&scene);
}

TEST(what_is_no_object_is_not_found)
{
    static const char *const texts[] = {"", "[]", "1", "{\"Id\":1", "{\"Id\":1,\"Id\":1}"};
    struct scene scene;

    scene_begin(&scene);
    for (unsigned i = 0; i < COUNT_OF(texts); i++) {
        EXPECT(find(&scene, texts[i]) == NULL);
        EXPECT(says(find(&scene, "{\"Id\":7}"), 7));
    }
    scene_end(&scene);
}
