/* What does a segment's salt make of the cluster's DEK?
 *
 * PRK = HKDF-Extract(SHA-512, salt, DEK); OKM = HKDF-Expand(PRK, "sealift/segment/v1" ||
 * header_hash, 108) = seal key (32), base nonce (12), commitment (32), header MAC key (32).
 * The commitment makes the key explicit, since AES-GCM does not commit to its key: a wrong key
 * reads as a wrong key, rot reads as rot. */
#ifndef SEALIFT_SEAL_SEGMENT_KEY_H
#define SEALIFT_SEAL_SEGMENT_KEY_H

#include "base/ids.h"
#include "seal/nonce.h"
#include "seal/secret.h"

enum { SEGMENT_SALT_BYTES = 32 };

struct segment_key {
    struct secret seal;
    struct nonce base_nonce;
    struct digest commitment;
    struct secret header_mac;
};

void segment_key_derive(struct segment_key *key, const struct secret *dek,
                        const uint8_t salt[SEGMENT_SALT_BYTES], const struct digest *header_hash);
void segment_key_wipe(struct segment_key *key);

#endif
