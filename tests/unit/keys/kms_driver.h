/* One key service node, driven event by event, for the tests that need more than one question and
 * one answer at a time. What it SAVEs is kept as the rows that a catalog would hold. */
#ifndef SEALIFT_TESTS_UNIT_KEYS_KMS_DRIVER_H
#define SEALIFT_TESTS_UNIT_KEYS_KMS_DRIVER_H

#include "keys/kms.h"
#include "node/effects.h"
#include "seal/secret.h"

enum { DRIVER_ROWS_MAX = 64, DRIVER_BODY_MAX = 64 * 1024 };

#define DRIVER_WALL_NS 1700000000000000000u
#define DRIVER_DAY_NS (86400ull * 1000000000ull)

struct driver {
    struct node *node;
    void *block;
    struct effects fx;
    struct save_row rows[DRIVER_ROWS_MAX]; /* as a catalog has them; owned */
    size_t row_count;
    struct kms_reply head; /* of the last answer */
    char answer[KMS_REPLY_BYTES_MAX + 1];
    char audit[128 * 1024]; /* the last audit row */
    uint64_t passed_ns; /* since the start, on both clocks */
    struct kms_request caller; /* all of it but the operation; driver_open fills it */
};

/* Creates the node and gives it the rows of `driver` as START. The caller is user/test of account
 * 000000000000 at first. */
void driver_open(struct driver *driver, const char *region, const struct secret *root);
void driver_close(struct driver *driver); /* the rows stay */
void driver_forget(struct driver *driver); /* the rows go */

void driver_step(struct driver *driver, struct event event);

/* Asks on a link, and takes what is saved into the rows; false: it was deferred. */
bool driver_ask(struct driver *driver, link_t link, const char *operation, const char *body);
uint64_t driver_ticket(const struct driver *driver); /* of the SAVE in the effects */
void driver_saved(struct driver *driver, uint64_t ticket, enum status status);

/* Both: the HTTP status. */
unsigned driver_call(struct driver *driver, const char *operation, const char *body);

/* The same with a body by printf, in which ' stands for ". */
__attribute__((format(printf, 3, 4))) unsigned
driver_say(struct driver *driver, const char *operation, const char *format, ...);

/* Lets time pass, in steps of an hour with a TIMER each; what falls due is saved. */
void driver_wait(struct driver *driver, uint64_t ns);

/* Whether the last answer was this refusal. */
bool driver_refused(const struct driver *driver, const char *error);

/* Whether the last answer holds this, in which ' stands for ". */
bool driver_holds(const struct driver *driver, const char *text);

/* A text field of the answer; "" where there is none. */
void driver_field(const struct driver *driver, const char *name, char *into, size_t room);

#endif
