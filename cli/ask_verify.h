/* Ask a member to verify its own copy, and gather what it says.
 *
 * The rows, counts and damage are those of an audit (cli/audit.h), so that a member's answer and a
 * folder that was read here can be shown and compared alike. The digests that its headers list are
 * compared here: a member keeps none of them. */
#ifndef SEALIFT_CLI_ASK_VERIFY_H
#define SEALIFT_CLI_ASK_VERIFY_H

#include "cli/audit.h"
#include "cli/connect.h"
#include "client/sealift.h"
#include "proto/control.h"

struct verify_answer {
    const char *address;
    bool answered; /* VERIFIED came, or was refused for what is on the member's disk */
    char why[SEALIFT_TEXT_MAX]; /* where not: what to do about it */
    struct welcome welcome;
    struct member_status status;
    struct audit audit; /* what was found; `rows` are ours until verify_answer_drop */
    uint32_t row_room;
};

/* `answer->address` says whom. Says how far it has come on stderr. Waits as long as the member
 * goes on talking to us; a lost link ends it. */
void verify_ask(const struct connect *connect, const struct verify_message *order,
                struct verify_answer *answer);
void verify_answer_drop(struct verify_answer *answer);

/* One row more, and the digests that its header lists. For tests, too. */
void verify_answer_take(struct verify_answer *answer, const struct verified_segment *segment);

#endif
