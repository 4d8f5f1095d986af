/* How does a claim look as text?
 *
 *   sealift-claim 1
 *   version 3
 *   lineage 00112233445566778899aabbccddeeff
 *   epoch 3
 *   writer db-1
 *   folder <hex>
 *   segment 12
 *   chain <hex>
 *   level quorum:1
 *   asked 5                      (only if a candidate has asked)
 *   member db-2 eu-west-1        (any number, up to CLAIM_MEMBERS_MAX)
 *   machine <hex>
 *   inode 1234
 *   crc32c 89abcdef              (of all bytes before this line)
 *
 * Exactly these lines in this order, each ended by a newline: a person reads it, only a program
 * writes it. An empty text is "-". */
#ifndef SEALIFT_HOST_CLAIM_TEXT_H
#define SEALIFT_HOST_CLAIM_TEXT_H

#include "base/bytes.h"
#include "base/status.h"
#include "host/claim_file.h"

enum { CLAIM_TEXT_BYTES_MAX = 16 * 1024 };

/* `text` has room for CLAIM_TEXT_BYTES_MAX. */
struct bytes claim_text_encode(const struct claim_record *record,
                               const struct claim_binding *binding, char *text);

/* E_CHECKSUM, E_VERSION, E_MALFORMED, E_TOO_LARGE. */
NODISCARD enum status claim_text_decode(struct claim_record *record, struct claim_binding *binding,
                                        struct bytes text);

#endif
