/* One example of each message: with every field at its limit, and with none set.
 *
 * For tests that must hold for all messages alike. Unused fields are zero, so that two structs can
 * be compared through their encodings. */
#ifndef SEALIFT_TESTS_UNIT_PROTO_SAMPLES_H
#define SEALIFT_TESTS_UNIT_PROTO_SAMPLES_H

#include "base/prng.h"
#include "proto/control.h"
#include "proto/keys_order.h"
#include "proto/message.h"
#include "proto/promote.h"
#include "proto/ship.h"

enum { SAMPLES = 31, SAMPLE_BYTES_MAX = 1 << 19 };

union sample_message {
    struct greet greet;
    struct keys_message keys_message;
    struct keys_stored keys_stored;
    struct proof proof;
    struct resume resume;
    struct segment_message segment_message;
    struct batch_message batch_message;
    struct ack ack;
    struct commit commit;
    struct repair_ask repair_ask;
    struct repair_is repair_is;
    struct bye bye;
    struct hello hello;
    struct welcome welcome;
    struct append append;
    struct appended appended;
    struct refused refused;
    struct read_message read_message;
    struct records records;
    struct consumed consumed;
    struct read_end read_end;
    struct member_status member_status;
    struct verify_message verify_message;
    struct verified_segment verified_segment;
    struct verified verified;
    struct fence fence;
    struct fenced fenced;
    struct promote promote;
    struct promoted promoted;
    struct rotated rotated;
    struct rewrapped rewrapped;
};

struct sample_kind {
    const char *name;
    unsigned type; /* enum message_type */
    size_t (*bytes)(const union sample_message *message);
    struct bytes (*encode)(const union sample_message *message, void *into);
    enum status (*decode)(union sample_message *message, struct bytes head,
                          struct proto_scratch *scratch);
    void (*fill)(union sample_message *message, bool full);
};

extern const struct sample_kind sample_kinds[SAMPLES];

/* A scratch of the usual size; never freed. */
struct proto_scratch *sample_scratch(void);

#endif
