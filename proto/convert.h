/* From protobuf-c's types to ours and back, for the messages that are not flat.
 *
 * Internal to proto/. What is unpacked lives in the scratch until the next unpacking into it. What
 * is packed borrows from the plain struct. */
#ifndef SEALIFT_PROTO_CONVERT_H
#define SEALIFT_PROTO_CONVERT_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/level.h"
#include "base/status.h"
#include "proto/scratch.h"

#include <protobuf-c/protobuf-c.h>

/* NULL for what protobuf refuses, what does not fit in the scratch, and unknown fields. */
const void *convert_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes head,
                           struct proto_scratch *scratch);

/* Whether a nested message has no unknown fields either. */
bool convert_is_known(const ProtobufCMessage *message);

/* These borrow. */
ProtobufCBinaryData convert_bytes(struct bytes bytes);
ProtobufCBinaryData convert_fixed(const void *from, size_t size);
ProtobufCBinaryData convert_text(const char *text);

/* E_MALFORMED where the size is another. */
NODISCARD enum status convert_to_fixed(void *into, size_t size, ProtobufCBinaryData from);

/* NUL-terminated. E_MALFORMED where it does not fit or holds a NUL. */
NODISCARD enum status convert_to_text(char *into, size_t room, ProtobufCBinaryData from);

/* As convert_to_text, but not empty. */
NODISCARD enum status convert_to_name(char *into, size_t room, ProtobufCBinaryData from);

struct bytes convert_pack(const ProtobufCMessage *message, void *into);

/* A level on the wire: kind + 1, so that 0 is "not said", and count. */
uint32_t convert_level_kind(struct level level);
NODISCARD enum status convert_to_level(struct level *level, uint64_t kind, uint64_t count);

#endif
