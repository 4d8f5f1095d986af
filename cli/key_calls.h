/* What does a key service say, asked once, and where did it write that down?
 *
 * One call at a time, waited for, in a loop of its own. A Decrypt keeps what the service said, word
 * for word, and the request ID by which its audit knows the call; the audit's entry is then looked
 * up (LookupEvents), where the service keeps a chained one. */
#ifndef SEALIFT_CLI_KEY_CALLS_H
#define SEALIFT_CLI_KEY_CALLS_H

#include "cli/folder_keys.h"
#include "seal/digest.h"

struct key_calls;

/* What one key came to with one envelope. */
struct key_trial {
    enum status status; /* OK: it opened. Else a KEYS status */
    char said[KEY_WHY_MAX]; /* the service's own sentence; "" */
    char request_id[HTTP_REQUEST_ID_MAX]; /* "" */
    struct secret plain; /* where it opened; the caller wipes it */
};

/* One entry of a service's audit, or why there is none to show. */
struct key_entry {
    bool is_known;
    uint64_t number;
    struct digest hash; /* of the row; the next row of the chain states it */
    char event_id[HTTP_REQUEST_ID_MAX];
    char why[KEY_WHY_MAX];
};

/* What DescribeKey says of a key. */
struct key_description {
    enum status status; /* OK, or why the rest is not known */
    char arn[KEY_ARN_TEXT_MAX];
    char state[32]; /* "Enabled", "Disabled", "PendingDeletion"... */
    char why[KEY_WHY_MAX];
};

/* As key_client_open. Credentials stay in order->keep where that is set. */
NODISCARD enum status key_calls_open(struct key_calls **calls,
                                     const struct folder_keys_order *order, char *why);
void key_calls_close(struct key_calls *calls);

/* Asks with `key` at the service of `region`, in the context of the envelope. */
void key_calls_decrypt(struct key_calls *calls, const struct keys_request *request,
                       struct key_trial *trial);

/* `key`: id, ARN, alias or alias ARN. */
void key_calls_describe(struct key_calls *calls, const char *region, const char *key,
                        struct key_description *description);

/* Of a call that was answered just now. `access_key`: whose it was. */
void key_calls_look_up(struct key_calls *calls, const char *region, const char *request_id,
                       const char *access_key, struct key_entry *entry);

#endif
