/* Fill the buffer until it holds one record, and hand that out. */
#include "cli/slice.h"

#include "base/check.h"
#include "wal/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { FRAME_LENGTH_BYTES = 4, BUFFER_BYTES = RECORD_BYTES_MAX + (1 << 20) };

void slice_open(struct slice *slice, enum slice_kind kind, size_t raw_bytes, int fd)
{
    *slice = (struct slice){.kind = kind, .raw_bytes = raw_bytes, .fd = fd};
    slice->buffer = malloc(BUFFER_BYTES);
    CHECK(slice->buffer != NULL);
}

void slice_close(struct slice *slice)
{
    free(slice->buffer);
}

struct cut {
    bool found;
    size_t skip; /* before the record: a frame's length */
    size_t size;
    size_t after; /* a line's newline */
};

static struct cut cut_line(const struct slice *slice, const uint8_t *data, size_t size)
{
    const uint8_t *newline = size == 0 ? NULL : memchr(data, '\n', size);

    if (newline != NULL) {
        return (struct cut){.found = true, .size = (size_t)(newline - data), .after = 1};
    }
    return (struct cut){.found = slice->at_end && size > 0, .size = size};
}

static struct cut cut_frame(const uint8_t *data, size_t size)
{
    if (size < FRAME_LENGTH_BYTES) {
        return (struct cut){0};
    }
    const size_t length =
        (size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16 | (size_t)data[3] << 24;

    return (struct cut){.found = length == 0 || length > RECORD_BYTES_MAX
                                 || size - FRAME_LENGTH_BYTES >= length,
                        .skip = FRAME_LENGTH_BYTES,
                        .size = length};
}

static struct cut cut_raw(const struct slice *slice, size_t size)
{
    const size_t part = size < slice->raw_bytes ? size : slice->raw_bytes;

    return (struct cut){.found = part == slice->raw_bytes || (slice->at_end && part > 0),
                        .size = part};
}

static struct cut cut_next(const struct slice *slice)
{
    const uint8_t *data = slice->buffer + slice->begin;
    const size_t size = slice->end - slice->begin;

    switch (slice->kind) {
    case SLICE_LINES:
        return cut_line(slice, data, size);
    case SLICE_FRAMES:
        return cut_frame(data, size);
    case SLICE_RAW:
        return cut_raw(slice, size);
    }
    UNREACHABLE();
}

bool slice_is_ready(const struct slice *slice)
{
    return slice->at_end || cut_next(slice).found;
}

static enum status fill(struct slice *slice)
{
    if (slice->begin > 0) {
        memmove(slice->buffer, slice->buffer + slice->begin, slice->end - slice->begin);
        slice->end -= slice->begin;
        slice->begin = 0;
    }
    if (slice->end == BUFFER_BYTES) {
        return E_RECORD_TOO_LARGE; /* only a line can be that long without having been cut */
    }
    const ssize_t got = read(slice->fd, slice->buffer + slice->end, BUFFER_BYTES - slice->end);

    if (got < 0) {
        return errno == EINTR ? OK : E_IO;
    }
    slice->at_end = got == 0;
    slice->end += (size_t)got;
    return OK;
}

static enum status check(const struct slice *slice, const struct cut *cut)
{
    if (cut->size > RECORD_BYTES_MAX) {
        return E_RECORD_TOO_LARGE;
    }
    return cut->size == 0 && slice->kind == SLICE_FRAMES ? E_EMPTY : OK;
}

enum status slice_next(struct slice *slice, struct bytes *record)
{
    for (;;) {
        const struct cut cut = cut_next(slice);

        if (cut.found) {
            TRY(check(slice, &cut));
            *record = bytes_of(slice->buffer + slice->begin + cut.skip, cut.size);
            slice->begin += cut.skip + cut.size + cut.after;
            if (cut.size > 0) {
                return OK;
            }
            slice->empty_lines++;
        } else if (slice->at_end) {
            return slice->end == slice->begin ? E_CLOSED : E_TRUNCATED;
        } else {
            TRY(fill(slice));
        }
    }
}
