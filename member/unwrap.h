/* Have the key service of our own region open the envelopes of the keyring.
 *
 * Where `by_name` is set, the first is to be opened by the key that settings.key names: which one
 * an alias names can only the key service tell. If that is not the cluster's own, it is refused
 * (R4). So a member needs kms:Decrypt on its key, and nothing else.
 *
 * One after the other: ASK_KEYS, check, into `deks`. A key service that does not answer is asked
 * again, with growing gaps, until `give_up`; a refusal is final, of the key as of the credentials,
 * and so is a region without a service. Used at start and when an upstream hands over envelopes. */
#ifndef SEALIFT_MEMBER_UNWRAP_H
#define SEALIFT_MEMBER_UNWRAP_H

#include "base/instant.h"
#include "cluster/keyring.h"
#include "cluster/rules.h"
#include "member/key_fault.h"
#include "node/effects.h"

struct member;

enum unwrap_state { UNWRAP_IDLE, UNWRAP_ASKED, UNWRAP_WAITING, UNWRAP_DONE, UNWRAP_FAILED };

struct unwrap {
    enum unwrap_state state;
    uint64_t attempt; /* the ticket's value: answers to older attempts are ignored */
    uint32_t envelope; /* which of the keyring is asked for */
    unsigned tries;
    struct instant retry_at; /* while WAITING */
    struct instant give_up;
    enum status why; /* FAILED */
    bool by_name; /* the next question names the key as settings.key does */
    bool is_misnamed; /* that key did not open it: does the one on record? */
    char text[KEY_FAULT_TEXT_MAX]; /* FAILED: a sentence, with key and region */
};

/* To open `envelope` by that name of its key. */
void unwrap_request(const struct member *member, const struct envelope *envelope, const char *key,
                    struct keys_request *request);

/* Starts with the first envelope whose DEK is not held; DONE at once where there is none. */
void unwrap_begin(struct member *member, struct instant now, struct instant give_up,
                  struct effects *fx);
void unwrap_on_keys(struct member *member, const struct event *event, struct effects *fx);
void unwrap_pump(struct member *member, struct instant now, struct effects *fx);
void unwrap_forget(struct member *member); /* back to IDLE; a late answer changes nothing */
struct instant unwrap_deadline(const struct member *member);

#endif
