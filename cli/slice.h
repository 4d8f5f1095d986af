/* How does a stream of input become records?
 *
 *   lines    each line without its newline; empty lines are skipped and counted
 *   frames   each record behind its length: 4 bytes, little-endian
 *   raw      cut every N bytes; the last may be shorter
 *
 * Reads a file descriptor through one bounded buffer. */
#ifndef SEALIFT_CLI_SLICE_H
#define SEALIFT_CLI_SLICE_H

#include "base/bytes.h"
#include "base/status.h"

enum slice_kind { SLICE_LINES, SLICE_FRAMES, SLICE_RAW };

struct slice {
    enum slice_kind kind;
    size_t raw_bytes;
    int fd;
    uint8_t *buffer; /* room for the largest record and its length */
    size_t begin, end;
    bool at_end;
    uint64_t empty_lines;
};

void slice_open(struct slice *slice, enum slice_kind kind, size_t raw_bytes, int fd);
void slice_close(struct slice *slice); /* not the descriptor */

/* Whether a record or the end is in the buffer: slice_next will not block on the descriptor. */
bool slice_is_ready(const struct slice *slice);

/* The next record, borrowed until the next call; E_CLOSED at the end. E_TRUNCATED: the input ends
 * inside a frame; E_RECORD_TOO_LARGE; E_EMPTY: a frame of no bytes; E_IO. */
NODISCARD enum status slice_next(struct slice *slice, struct bytes *record);

#endif
