/* Protobuf for messages that are nothing but numbers, without allocating.
 *
 * What flows once per record or batch (APPEND, APPENDED, BATCH, ACK, COMMIT, ...) has only unsigned
 * integers, numbered from 1. Value i belongs to field i + 1. The bytes are those that protobuf-c
 * would write; a test compares them. */
#ifndef SEALIFT_PROTO_FLAT_H
#define SEALIFT_PROTO_FLAT_H

#include "base/bytes.h"
#include "base/status.h"

enum { FLAT_FIELDS_MAX = 15 }; /* as many as have a tag of one byte */

size_t flat_bytes(const uint64_t *values, unsigned count);

/* `into` has flat_bytes. */
struct bytes flat_encode(const uint64_t *values, unsigned count, void *into);

/* Fields may come in any order; one that is absent is 0, of a repeated one the last counts.
 * E_MALFORMED for an unknown field, another wire type, a number that is cut or above 64 bits. */
NODISCARD enum status flat_decode(uint64_t *values, unsigned count, struct bytes head);

#endif
