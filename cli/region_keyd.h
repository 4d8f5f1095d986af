/* A region's key service on this machine, in a folder that several regions share:
 *
 *   DIR/pki                  the CA (cli/pki.h), and kms-REGION.crt and .key
 *   DIR/credentials          who may call; the first service that starts makes it
 *   DIR/REGION/keyd          the keys and the audit
 *   DIR/REGION/keyd.root     the root key that seals them
 *   DIR/REGION/keyd.log      what the service says
 *   DIR/REGION/keyd.pid      which process it is, where it outlives us (cli/pid_file.h) */
#ifndef SEALIFT_CLI_REGION_KEYD_H
#define SEALIFT_CLI_REGION_KEYD_H

#include "base/status.h"
#include "cli/children.h"

enum { REGION_URL_MAX = 64 };

struct region_keyd {
    const char *region;
    unsigned port; /* on 127.0.0.1 */
    struct child process;
};

/* DIR/REGION/NAME, into CHILD_PATH_MAX. */
const char *region_path(char *path, const char *dir, const char *region, const char *name);

/* https://127.0.0.1:PORT, into REGION_URL_MAX. */
const char *region_url(char *url, const struct region_keyd *keyd);

/* A certificate for it by the CA in DIR/pki, unless there is one. */
NODISCARD enum status region_certify(const char *dir, const char *region);

/* With DIR as a whole path, certificate and port in place. False: no process, and errno. */
bool region_start(struct region_keyd *keyd, const char *programs, const char *dir, bool outlives);

/* Whether it answers a call, as a server that has a certificate of our CA; else `why` (of
 * REGION_WHY_MAX) says what there is instead. Takes a few seconds at most. */
enum { REGION_WHY_MAX = 256 };
bool region_answers(const struct region_keyd *keyd, const char *dir, char *why);

#endif
