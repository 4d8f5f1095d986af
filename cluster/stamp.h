/* How does a small file of ours begin and end?
 *
 *   magic[8] version:u16 zero:u16 bytes:u32   ...   crc32c:u32
 *
 * `bytes` is the size of the whole, the CRC-32C covers all before it. This frame is the same in
 * every version, so that rot is told from a newer version, and a cut file from both. */
#ifndef SEALIFT_CLUSTER_STAMP_H
#define SEALIFT_CLUSTER_STAMP_H

#include "base/bytes.h"
#include "base/reader.h"
#include "base/status.h"
#include "base/writer.h"

enum {
    STAMP_MAGIC_BYTES = 8,
    STAMP_HEAD_BYTES = 16,
    STAMP_TRAILER_BYTES = 4,
    STAMP_BYTES = STAMP_HEAD_BYTES + STAMP_TRAILER_BYTES,
};

/* `magic` has 8 characters. */
void stamp_begin(struct writer *writer, const char *magic, uint16_t version);

/* Fills in the size and appends the CRC; returns the whole. */
struct bytes stamp_end(struct writer *writer);

/* Leaves what is between in `body`. E_TRUNCATED for a file that has been cut, E_MALFORMED for
 * another magic or bytes behind the end, E_CHECKSUM, then E_VERSION. */
NODISCARD enum status stamp_check(struct bytes file, const char *magic, uint16_t version,
                                  struct reader *body);

#endif
