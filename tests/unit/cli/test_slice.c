/* Input becomes records by one of three rules; what has not their form is refused by name. */
#include "base/check.h"
#include "cli/slice.h"
#include "tests/support/test.h"
#include "wal/batch.h"

#include <stdlib.h>
#include <unistd.h>

/* A pipe that holds `text` and has ended. */
static int input_of(struct bytes text)
{
    int ends[2];

    CHECK(pipe(ends) == 0);
    CHECK(write(ends[1], text.data, text.size) == (ssize_t)text.size);
    close(ends[1]);
    return ends[0];
}

static void expect_records(enum slice_kind kind, size_t raw_bytes, struct bytes input,
                           const char *const *records, enum status end)
{
    struct slice slice;
    struct bytes record;
    const int fd = input_of(input);

    slice_open(&slice, kind, raw_bytes, fd);
    for (; *records != NULL; records++) {
        EXPECT_STATUS(slice_next(&slice, &record), OK);
        EXPECT(bytes_equal(record, bytes_text(*records)));
    }
    EXPECT_STATUS(slice_next(&slice, &record), end);
    slice_close(&slice);
    close(fd);
}

TEST(a_record_is_a_line_with_or_without_a_last_newline)
{
    const char *const two[] = {"one", "two", NULL};

    expect_records(SLICE_LINES, 0, bytes_text("one\ntwo\n"), two, E_CLOSED);
    expect_records(SLICE_LINES, 0, bytes_text("one\ntwo"), two, E_CLOSED);
    expect_records(SLICE_LINES, 0, bytes_text("\n\none\n\ntwo\n\n"), two, E_CLOSED);
}

TEST(no_input_is_no_record)
{
    const char *const none[] = {NULL};

    expect_records(SLICE_LINES, 0, bytes_none(), none, E_CLOSED);
    expect_records(SLICE_FRAMES, 0, bytes_none(), none, E_CLOSED);
    expect_records(SLICE_RAW, 4, bytes_none(), none, E_CLOSED);
}

TEST(raw_input_is_cut_and_the_rest_is_a_record_too)
{
    const char *const three[] = {"abcd", "efgh", "i", NULL};
    const char *const exact[] = {"abcd", "efgh", NULL};

    expect_records(SLICE_RAW, 4, bytes_text("abcdefghi"), three, E_CLOSED);
    expect_records(SLICE_RAW, 4, bytes_text("abcdefgh"), exact, E_CLOSED);
}

TEST(a_frame_says_its_length_and_must_keep_its_word)
{
    const char *const one[] = {"hey", NULL};
    const char *const none[] = {NULL};

    expect_records(SLICE_FRAMES, 0, bytes_of("\3\0\0\0hey", 7), one, E_CLOSED);
    expect_records(SLICE_FRAMES, 0, bytes_of("\3\0\0\0hey\5\0\0\0a", 12), one, E_TRUNCATED);
    expect_records(SLICE_FRAMES, 0, bytes_of("\3\0\0\0hey\5\0", 9), one, E_TRUNCATED);
    expect_records(SLICE_FRAMES, 0, bytes_of("\0\0\0\0", 4), none, E_EMPTY);
    expect_records(SLICE_FRAMES, 0, bytes_of("\1\0\200\0x", 5), none, E_RECORD_TOO_LARGE);
}

TEST(a_line_beyond_the_largest_record_is_refused_not_cut)
{
    const size_t size = RECORD_BYTES_MAX + 1;
    char path[] = "/tmp/sealift-slice-XXXXXX";
    const int fd = mkstemp(path);
    char *text = malloc(size);
    struct slice slice;
    struct bytes record;

    NEED(fd >= 0 && text != NULL);
    unlink(path);
    memset(text, 'x', size);
    NEED(write(fd, text, size) == (ssize_t)size && write(fd, "\n", 1) == 1);
    NEED(lseek(fd, 0, SEEK_SET) == 0);
    slice_open(&slice, SLICE_LINES, 0, fd);
    EXPECT_STATUS(slice_next(&slice, &record), E_RECORD_TOO_LARGE);
    slice_close(&slice);

    NEED(lseek(fd, 1, SEEK_SET) == 1);
    slice_open(&slice, SLICE_LINES, 0, fd);
    EXPECT_STATUS(slice_next(&slice, &record), OK);
    EXPECT(record.size == RECORD_BYTES_MAX);
    slice_close(&slice);
    free(text);
    close(fd);
}
