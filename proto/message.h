/* What can be said on a link, and how is it framed?
 *
 * Frame: type u16, zero u16, head_bytes u32, tail_bytes u32 (little-endian, 12 bytes), then the
 * head (protobuf) and the tail (raw: sealed batches, records). Caps are checked on the prefix,
 * before anything is allocated. See docs/PROTOCOL.md for who may say what, when. */
#ifndef SEALIFT_PROTO_MESSAGE_H
#define SEALIFT_PROTO_MESSAGE_H

#include "base/bytes.h"
#include "base/status.h"

enum message_type {
    /* member links: replica and its upstream (ship.h) */
    MESSAGE_GREET = 1,
    MESSAGE_KEYS = 2,
    MESSAGE_KEYS_STORED = 3,
    MESSAGE_PROOF = 4,
    MESSAGE_RESUME = 5,
    MESSAGE_SEGMENT = 6, /* tail: a segment header */
    MESSAGE_BATCH = 7, /* tail: a sealed batch */
    MESSAGE_ACK = 8,
    MESSAGE_COMMIT = 9,
    MESSAGE_BYE = 10,
    MESSAGE_FENCE = 11,
    MESSAGE_FENCED = 12,
    MESSAGE_REPAIR_ASK = 13, /* either way: a member whose copy is damaged asks the other */
    MESSAGE_REPAIR_IS = 14, /* tail: a segment header, or whole sealed batches */

    /* client links: clients, readers, operators and a member (control.h) */
    MESSAGE_HELLO = 32,
    MESSAGE_WELCOME = 33,
    MESSAGE_APPEND = 34, /* tail: lengths (u32 each), then bodies */
    MESSAGE_APPENDED = 35,
    MESSAGE_REFUSED = 36,
    MESSAGE_READ = 37,
    MESSAGE_RECORDS = 38, /* tail: lengths (u32 each), then bodies */
    MESSAGE_CONSUMED = 39,
    MESSAGE_READ_END = 40,
    MESSAGE_STATUS = 41,
    MESSAGE_STATUS_IS = 42,
    MESSAGE_VERIFY = 43,
    MESSAGE_VERIFIED_SEGMENT = 44,
    MESSAGE_VERIFIED = 45,
    MESSAGE_PROMOTE = 46,
    MESSAGE_PROMOTED = 47,
    MESSAGE_ROTATE = 48, /* an operator's, without a head; likewise REWRAP (keys_order.h) */
    MESSAGE_ROTATED = 49,
    MESSAGE_REWRAP = 50,
    MESSAGE_REWRAPPED = 51,
    MESSAGE_LAST = MESSAGE_REWRAPPED,
};

enum {
    PROTOCOL_VERSION = 1,
    FRAME_PREFIX_BYTES = 12,
    FRAME_HEAD_BYTES_MAX = 512 * 1024, /* a KEYS with all envelopes of a long life */
    FRAME_TAIL_BYTES_MAX = (16 << 20) + 65536, /* the largest batch, or its records */
};

struct frame {
    uint16_t type;
    uint32_t head_bytes;
    uint32_t tail_bytes;
};

void frame_encode(const struct frame *frame, uint8_t prefix[FRAME_PREFIX_BYTES]);

/* E_TRUNCATED under 12 bytes; E_PROTOCOL for an unknown type or a non-zero filler; E_TOO_LARGE
 * beyond a cap. Types without a tail must have tail_bytes 0 (E_PROTOCOL). */
NODISCARD enum status frame_decode(struct frame *frame, struct bytes prefix);

const char *message_type_name(unsigned type);

#endif
