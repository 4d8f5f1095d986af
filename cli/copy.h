/* One copy of a WAL, wherever it is: a data folder that is read here, or a running member that
 * reads its own. */
#ifndef SEALIFT_CLI_COPY_H
#define SEALIFT_CLI_COPY_H

#include "cli/ask_verify.h"
#include "cli/compare.h"
#include "cli/folder.h"
#include "cli/folder_keys.h"

struct copy {
    const char *name; /* folder or address */
    bool is_member;
    const struct connect *connect; /* members */
    bool keyless;
    bool of_replica; /* a folder that is one */
    uint64_t rate; /* members: bytes a second, 0 = their own idea */

    struct folder folder;
    struct audit folder_audit;
    struct verify_answer answer;
    const struct audit *audit; /* what was found: one of the two */
    double seconds;
    char why[SEALIFT_TEXT_MAX]; /* where there is no verdict */
};

/* HOST:PORT or unix:PATH, where no folder of that name is there. */
bool copy_is_address(const char *name);

/* E_OK also where damage was found (audit->damage); else there is no verdict, and `why` says what
 * to do. A folder must have been opened. */
NODISCARD enum status copy_verify(struct copy *copy, const struct folder_keys *keys);

/* Two copies without damage: as compare_audits, or by digest where one is a member. `why` of the
 * copy that did not answer is set. */
NODISCARD enum status copy_compare(struct comparison *comparison, struct copy *own,
                                   struct copy *other);

void copy_drop(struct copy *copy);

#endif
