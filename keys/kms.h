/* A region's key service: it holds KMS keys, and uses them for those who may.
 *
 * A node (node/node.h) that speaks the AWS KMS JSON 1.1 protocol. The world has already ended TLS
 * and HTTP and verified the caller's signature; what is left of a request is a message: who calls
 * which operation (struct kms_request, the head) and the JSON body (the tail). The answer is one
 * SEND to the same link: HTTP status and error name (struct kms_reply) and the JSON body. A link
 * has at most one request under way.
 *
 * No audit, no use: every request that reaches the node, refused ones too, becomes one row of the
 * table "audit" in the same transaction as what it changes, and its answer leaves after SAVED. If
 * that transaction fails, the answer is KMSInternalException (500) and nothing has changed.
 *
 * Key material is made here from the injected entropy, kept sealed under the root key, and never
 * leaves in plain. Row tables: those of keys/key_table.h, and "audit" (of which START needs only
 * the last).
 *
 * jansson allocates from the node's own bounded memory: keys/json_arena.h says what the world must
 * do once, before kms_create. */
#ifndef SEALIFT_KEYS_KMS_H
#define SEALIFT_KEYS_KMS_H

#include "base/arena.h"
#include "base/entropy.h"
#include "base/ids.h"
#include "base/trace.h"
#include "node/node.h"
#include "seal/secret.h"

/* The two message types of a key service's links; they are never framed on a wire. */
enum kms_message_type { KMS_MESSAGE_REQUEST = 1, KMS_MESSAGE_REPLY = 2 };

enum {
    KMS_REQUEST_BYTES_MAX = 64 * 1024, /* the largest legal body is an Encrypt of about 20 KiB */
    KMS_REPLY_BYTES_MAX = 72 * 1024, /* a policy of 32 KiB, all of it escaped */
    KMS_REQUEST_HEAD_MAX = 1024,
    KMS_REPLY_HEAD_MAX = 64,
    KMS_OPERATION_TEXT_MAX = 64,
    KMS_ACCOUNT_TEXT_MAX = 13, /* 12 digits */
    KMS_ACCESS_KEY_TEXT_MAX = 129, /* AWS: 16 to 128 characters */
    KMS_SERVICE_TEXT_MAX = 64, /* rds.REGION.amazonaws.com */
    KMS_REQUEST_ID_TEXT_MAX = 37, /* a UUID */
    KMS_ERROR_TEXT_MAX = 48,
};

/* Who calls what. The world vouches for all of it but the operation's name. */
struct kms_request {
    char operation[KMS_OPERATION_TEXT_MAX]; /* X-Amz-Target behind "TrentService." */
    char principal[KEY_ARN_TEXT_MAX]; /* ARN of the caller */
    char account[KMS_ACCOUNT_TEXT_MAX];
    char access_key[KMS_ACCESS_KEY_TEXT_MAX];
    char request_id[KMS_REQUEST_ID_TEXT_MAX];
    char via_service[KMS_SERVICE_TEXT_MAX]; /* the service that calls for the principal, or "" */
};

struct kms_reply {
    uint16_t http_status;
    char error[KMS_ERROR_TEXT_MAX]; /* "" where the operation was done */
};

/* `into` has room for KMS_REQUEST_HEAD_MAX or KMS_REPLY_HEAD_MAX; returns what was written. */
struct bytes kms_request_encode(const struct kms_request *request, uint8_t *into);
NODISCARD enum status kms_request_decode(struct kms_request *request, struct bytes head);
struct bytes kms_reply_encode(const struct kms_reply *reply, uint8_t *into);
NODISCARD enum status kms_reply_decode(struct kms_reply *reply, struct bytes head);

struct kms_settings {
    char region[REGION_TEXT_MAX];
    uint32_t keys_max; /* AWS allows 100,000 a region; ours is sized for a deployment */
    uint32_t aliases_max;
    uint32_t versions_max; /* older ones, of all keys */
    uint32_t grants_max;
    uint32_t pool_bytes; /* descriptions, policies, tags, constraints of grants */
    uint32_t
        pending_max; /* answers that wait for their transaction; a turn's worth of group commit */
    uint32_t links_max; /* no more links may be up at once */
    struct entropy entropy;
    struct trace trace;
};

/* All but region, entropy and trace. */
void kms_settings_default(struct kms_settings *settings);

size_t kms_memory_bytes(const struct kms_settings *settings);

/* Copies settings and root key. The node lives in the arena; destroying it wipes its secrets. */
struct node *kms_create(const struct kms_settings *settings, const struct secret *root,
                        struct arena *arena);
void kms_destroy(struct node *node);

/* For metrics. */
struct kms_status {
    uint64_t keys;
    uint64_t aliases;
    uint64_t grants;
    uint64_t answered; /* allowed uses since START */
    uint64_t refused;
    uint64_t failed; /* answers withheld because their audit row could not be made durable */
    uint64_t audit_rows;
};

void kms_status(const struct node *node, struct kms_status *status);

#endif
