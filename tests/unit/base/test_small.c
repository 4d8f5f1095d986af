/* Levels, hexadecimal, rings, dice, statuses: each keeps its header's promises at the edges. */
#include "base/arena.h"
#include "base/hex.h"
#include "base/level.h"
#include "base/prng.h"
#include "base/ring.h"
#include "tests/support/test.h"

TEST(a_level_says_itself_and_nothing_else)
{
    static const char *const good[] = {"local", "quorum:1", "quorum:16", "region:2"};
    static const char *const bad[] = {
        "",          "Local",     "quorum",    "quorum:", "quorum:0",   "quorum:17",
        "quorum:1 ", "region:-1", "region:01", "local:1", "quorum:1e1", "region:99999999999"};
    struct level level;
    char text[16];

    for (unsigned i = 0; i < COUNT_OF(good); i++) {
        EXPECT_STATUS(level_parse(&level, good[i]), OK);
        EXPECT(level_is_valid(level));
        EXPECT(strcmp(level_format(level, text, sizeof text), good[i]) == 0);
    }
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        EXPECT_STATUS(level_parse(&level, bad[i]), E_MALFORMED);
    }
}

TEST(hex_goes_both_ways)
{
    uint8_t bytes[3];
    char text[7];

    EXPECT_STATUS(hex_decode("00fFa5", bytes, 3), OK);
    EXPECT(strcmp(hex_encode(bytes_of(bytes, 3), text), "00ffa5") == 0);
    EXPECT_STATUS(hex_decode("00ff", bytes, 3), E_MALFORMED);
    EXPECT_STATUS(hex_decode("00ffg0", bytes, 3), E_MALFORMED);
}

TEST(a_ring_is_first_in_first_out_and_knows_when_it_is_full)
{
    struct ring ring = ring_of(3);

    EXPECT(ring_is_empty(&ring));
    for (unsigned round = 0; round < 5; round++) {
        const uint64_t first = ring_push(&ring);

        ring_push(&ring);
        ring_push(&ring);
        EXPECT(ring_is_full(&ring));
        EXPECT(ring_pop(&ring) == first);
        ring_pop(&ring);
        ring_pop(&ring);
        EXPECT(ring_is_empty(&ring));
    }
}

TEST(dice_repeat_and_stay_in_range)
{
    struct prng a, b;

    prng_seed(&a, 7);
    prng_seed(&b, 7);
    for (unsigned i = 0; i < 1000; i++) {
        const uint64_t drawn = prng_between(&a, 3, 9);

        EXPECT(drawn >= 3 && drawn <= 9);
        EXPECT(drawn == prng_between(&b, 3, 9));
    }
}

TEST(every_status_has_a_name_a_text_and_a_blame)
{
    for (unsigned i = 0; i < STATUSES; i++) {
        EXPECT(strlen(status_name((enum status)i)) > 1);
        EXPECT(strlen(status_text((enum status)i)) > 3);
    }
    EXPECT(status_blame(OK) == BLAME_NOBODY);
    EXPECT(status_blame(E_IO) == BLAME_DISK);
    EXPECT(status_of_number(STATUSES) == E_PROTOCOL);
}

/* As the first release that froze them had them: peers of other versions rely on these. */
TEST(the_number_of_a_status_never_changes)
{
    static const struct {
        unsigned number;
        const char *name;
    } frozen[] = {
        {0, "OK"},
        {1, "E_PROMOTED"},
        {6, "E_PROTOCOL"},
        {11, "E_STALE_EPOCH"},
        {13, "E_LINEAGE"},
        {15, "E_IDENTITY"},
        {19, "E_CLOSED"},
        {23, "E_LOST"},
        {24, "E_BUSY"},
        {28, "E_FOLLOWER"},
        {32, "E_AGED"},
        {33, "E_IO"},
        {46, "E_CUT_COMMITTED"},
        {47, "E_WRONG_KEY"},
        {55, "E_KEY_NOT_NAMED"},
        {56, "E_FULL"},
        {66, "E_NOT_READY"},
        {68, "E_RULE"},
        {73, "E_USAGE"},
        {75, "E_CRL"},
        {76, "E_NO_RECORD"},
        {81, "E_BEHIND"},
        {84, "E_WENT_BACK"},
    };

    for (unsigned i = 0; i < COUNT_OF(frozen); i++) {
        const char *name = status_name(status_of_number(frozen[i].number));

        EXPECT(strcmp(name, frozen[i].name) == 0);
    }
}

TEST(an_arena_aligns)
{
    static _Alignas(4096) uint8_t block[16384];
    struct arena arena = arena_of(block, sizeof block);

    EXPECT(arena_take(&arena, 1, 1) == block);
    EXPECT(arena_take(&arena, 8, 8) == block + 8);
    EXPECT(arena_take(&arena, 8192, 4096) == block + 4096);
}
