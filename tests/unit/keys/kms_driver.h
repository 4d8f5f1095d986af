/* One key service node, driven event by event, for the tests that need more than one question and
 * one answer at a time. What it SAVEs is kept as the rows that a catalog would hold. */
#ifndef SEALIFT_TESTS_UNIT_KEYS_KMS_DRIVER_H
#define SEALIFT_TESTS_UNIT_KEYS_KMS_DRIVER_H

#include "keys/kms.h"
#include "node/effects.h"
#include "seal/secret.h"

enum { DRIVER_ROWS_MAX = 16 };

struct driver {
    struct node *node;
    void *block;
    struct effects fx;
    struct save_row rows[DRIVER_ROWS_MAX]; /* as a catalog has them; owned */
    size_t row_count;
    struct kms_reply head; /* of the last answer */
    char answer[KMS_REPLY_BYTES_MAX + 1];
};

/* Creates the node and gives it the rows of `driver` as START. */
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

/* A text field of the answer; "" where there is none. */
void driver_field(const struct driver *driver, const char *name, char *into, size_t room);

#endif
