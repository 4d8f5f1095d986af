/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), in hardware where the processor has SSE 4.2.
 *
 * Finds rot without a key. It authenticates nothing. Chain: crc32c(crc32c(0, a), b) is that of a
 * followed by b; the usual inversions are inside. */
#ifndef SEALIFT_SEAL_CRC32C_H
#define SEALIFT_SEAL_CRC32C_H

#include "base/bytes.h"

uint32_t crc32c(uint32_t before, struct bytes bytes);

/* The table version, which any processor runs; for tests to compare. */
uint32_t crc32c_portable(uint32_t before, struct bytes bytes);

#endif
