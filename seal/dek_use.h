/* What else is a DEK used for, besides segment keys?
 *
 * HKDF-SHA-512(salt: 64 zero bytes, DEK, info = label || lineage || dek_id, 32 bytes), where the
 * lineage is the one that the DEK was made for. The check value tells a right envelope from a wrong
 * one before any batch is touched; it may be stored beside the envelope. */
#ifndef SEALIFT_SEAL_DEK_USE_H
#define SEALIFT_SEAL_DEK_USE_H

#include "base/ids.h"
#include "seal/secret.h"

enum dek_use {
    DEK_USE_HELLO, /* "sealift/hello/v1": key of the proof in a link's greeting */
    DEK_USE_MANIFEST, /* "sealift/manifest/v1": MAC key of snapshot manifests */
    DEK_USE_CHECK, /* "sealift/dek-check/v1": the check value */
};

void dek_use_derive(const struct secret *dek, enum dek_use use, const struct id *lineage,
                    const struct id *dek_id, struct secret *into);

#endif
