/* A nonce is a place, not a throw of dice.
 *
 * base_nonce XOR (final? 01 : 00 || 000000 || batch number, 8 bytes big-endian). Never stored,
 * never random: the reader's own count gives it. See docs/FORMAT.md. */
#ifndef SEALIFT_SEAL_NONCE_H
#define SEALIFT_SEAL_NONCE_H

#include "base/ids.h"

enum { NONCE_BYTES = 12 };

struct nonce {
    uint8_t bytes[NONCE_BYTES];
};

static inline struct nonce nonce_of_place(const struct nonce *base, batch_t batch, bool final)
{
    struct nonce nonce = *base;

    nonce.bytes[0] ^= final ? 1 : 0;
    for (unsigned i = 0; i < 8; i++) {
        nonce.bytes[4 + i] ^= (uint8_t)(batch >> (56 - 8 * i));
    }
    return nonce;
}

#endif
