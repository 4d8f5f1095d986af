/* Ask one member how it is: one try, five seconds at most. No answer is an answer too. */
#ifndef SEALIFT_CLI_ASK_STATUS_H
#define SEALIFT_CLI_ASK_STATUS_H

#include "cli/connect.h"
#include "cli/status_form.h"

/* `answer->address` says whom; fills in the rest but the previous_ fields. */
void status_ask(const struct connect *connect, struct status_answer *answer);

#endif
