/* The allocator that libcurl works with. That what it gives back is wiped, tests/integration's
 * test_secrets.sh sees in a member's memory. */
#include "tests/support/test.h"
#include "transport/wiping_memory.h"

#include <stdint.h>
#include <string.h>

TEST(pieces_keep_what_is_in_them)
{
    char *text = wiping_strdup("a piece");

    EXPECT(strcmp(text, "a piece") == 0);
    text = wiping_realloc(text, 100000);
    EXPECT(strcmp(text, "a piece") == 0);
    text[99999] = 'x';
    text = wiping_realloc(text, 3);
    EXPECT(memcmp(text, "a p", 3) == 0);
    wiping_free(text);

    text = wiping_realloc(NULL, 10);
    EXPECT(text != NULL && (uintptr_t)text % 16 == 0);
    memset(text, 1, 10);
    wiping_free(text);
    wiping_free(NULL);
}

TEST(counted_pieces_are_zeroed_and_do_not_overflow)
{
    static const char zeros[64] = {0};
    char *memory = wiping_calloc(16, 4);

    EXPECT(memcmp(memory, zeros, sizeof zeros) == 0);
    wiping_free(memory);
    memory = wiping_calloc(0, 0);
    EXPECT(memory != NULL);
    wiping_free(memory);
    EXPECT(wiping_calloc(SIZE_MAX / 2, 3) == NULL);
    EXPECT(wiping_malloc(SIZE_MAX) == NULL);
}
