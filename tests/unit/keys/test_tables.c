/* The memory that keys live in: a pool of texts, and tables that are sorted by name. */
#include "keys/pool.h"
#include "keys/sorted.h"
#include "keys/tags.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(64) uint8_t block[128 * 1024];

static struct arena fresh_arena(void)
{
    memset(block, 0, sizeof block);
    return arena_of(block, sizeof block);
}

TEST(a_text_that_is_given_back_makes_room_for_another_of_its_size)
{
    struct arena arena = fresh_arena();
    struct pool pool;
    uint8_t text[100];
    struct bytes kept[8];
    const struct bytes one = bytes_of(text, sizeof text);

    memset(text, 7, sizeof text);
    pool_init(&pool, 8 * (size_t)128, &arena);
    for (unsigned i = 0; i < 8; i++) {
        EXPECT(pool_has_room(&pool, &one, 1));
        kept[i] = pool_keep(&pool, one);
        EXPECT(bytes_equal(kept[i], one) && kept[i].data != text);
    }
    EXPECT(!pool_has_room(&pool, &one, 1));
    EXPECT(pool_keep(&pool, bytes_none()).size == 0);
    pool_release(&pool, kept[3]);
    pool_release(&pool, kept[5]);
    EXPECT(kept[3].data[50] == 0); /* wiped */

    const struct bytes three[] = {one, one, one};

    EXPECT(pool_has_room(&pool, three, 2) && !pool_has_room(&pool, three, 3));
    (void)pool_keep(&pool, one);
    (void)pool_keep(&pool, one);
    EXPECT(!pool_has_room(&pool, &one, 1));
}

struct entry {
    char name[SORTED_NAME_MAX];
    unsigned number;
};

TEST(entries_are_found_by_name_and_walked_in_its_order)
{
    struct arena arena = fresh_arena();
    struct sorted sorted;
    static const char *const names[] = {"b/2", "a/1", "b/1", "c/1", "b/3"};

    sorted_init(&sorted, sizeof(struct entry), 5, &arena);
    for (unsigned i = 0; i < 5; i++) {
        struct entry *entry = sorted_put(&sorted, names[i]);

        EXPECT(entry->number == 0);
        entry->number = i + 1;
    }
    EXPECT(((struct entry *)sorted_find(&sorted, "b/1"))->number == 3);
    EXPECT(sorted_find(&sorted, "b/") == NULL && sorted_find(&sorted, "d/1") == NULL);
    EXPECT(sorted_count(&sorted, "b/") == 3 && sorted_count(&sorted, "d/") == 0);

    const char *expected[] = {"b/1", "b/2", "b/3"};
    const char *after = "";

    for (unsigned i = 0; i < 3; i++) {
        const struct entry *entry = sorted_next(&sorted, "b/", after);

        NEED(entry != NULL);
        EXPECT(strcmp(entry->name, expected[i]) == 0);
        after = entry->name;
    }
    EXPECT(sorted_next(&sorted, "b/", after) == NULL);
    EXPECT(sorted_next(&sorted, "b/", "a/9") == sorted_find(&sorted, "b/1"));
    EXPECT(sorted_next(&sorted, "b/", "b/15") == sorted_find(&sorted, "b/2"));
    EXPECT(sorted_next(&sorted, "b/", "zzz") == NULL);
}

TEST(an_entry_keeps_its_address_while_others_come_and_go)
{
    struct arena arena = fresh_arena();
    struct sorted sorted;
    char name[16];

    sorted_init(&sorted, sizeof(struct entry), 16, &arena);

    struct entry *mine = sorted_put(&sorted, "m");

    mine->number = 77;
    for (unsigned i = 0; i < 15; i++) {
        snprintf(name, sizeof name, "%c", 'a' + (int)(i * 7 % 26));
        (void)sorted_put(&sorted, name);
    }
    for (unsigned i = 0; i < 15; i++) {
        snprintf(name, sizeof name, "%c", 'a' + (int)(i * 7 % 26));
        if (strcmp(name, "m") != 0) {
            sorted_remove(&sorted, name);
        }
        EXPECT(sorted_find(&sorted, "m") == mine && mine->number == 77);
    }
    EXPECT(sorted_find(&sorted, "a") == NULL);
    EXPECT(((struct entry *)sorted_put(&sorted, "a"))->number == 0); /* nothing of an old one */
}

TEST(tags_keep_their_order_and_survive_their_encoding)
{
    uint8_t room[KEY_TAGS_BYTES_MAX];
    struct tags tags = {.count = 0};
    struct tags again;
    char keys[KEY_TAGS_MAX][8];

    for (unsigned i = 0; i < KEY_TAGS_MAX; i++) {
        snprintf(keys[i], sizeof keys[i], "k%u", i * 37 % KEY_TAGS_MAX);
        EXPECT_STATUS(tags_set(&tags, bytes_text(keys[i]), bytes_text(i % 2 ? "" : "v")), OK);
    }
    EXPECT_STATUS(tags_set(&tags, bytes_text("z"), bytes_text("")), E_FULL);
    EXPECT_STATUS(tags_set(&tags, bytes_text("k7"), bytes_text("new")), OK);
    tags_decode(&again, tags_encode(&tags, room));
    EXPECT(again.count == KEY_TAGS_MAX);
    for (size_t i = 1; i < again.count; i++) {
        const struct bytes a = again.list[i - 1].key;
        const struct bytes b = again.list[i].key;
        const int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

        EXPECT(order < 0 || (order == 0 && a.size < b.size));
    }
    tags_remove(&again, bytes_text("k7"));
    tags_remove(&again, bytes_text("k7"));
    EXPECT(again.count == KEY_TAGS_MAX - 1);
    EXPECT(tag_text_is_valid("A z_.:/=+-@9") && !tag_text_is_valid("a\n")
           && !tag_text_is_valid("<"));
}
