/* From what an operator typed to a running key service: the order of things and their mistakes. */
#ifndef SEALIFT_HOST_KEYD_DAEMON_H
#define SEALIFT_HOST_KEYD_DAEMON_H

#include "host/keyd.h"
#include "host/root_source.h"

struct keyd_options {
    const char *data;
    const char *region;
    const char *account; /* of the credentials that --create makes */
    const char *listen;
    struct tls_files tls;
    struct root_options root;
    const char *credentials; /* NULL: DATA/credentials */
    const char *metrics;
    bool create;
    bool verify_audit; /* one of these instead of serving: only `data` is needed */
    const char *backup; /* a file to be made */
    const char *restore; /* a file that --backup made */
};

/* With `create`, makes what is missing: the data folder, the root key (only where no key was sealed
 * under another), the credentials. Returns the exit code; a refusal is one sentence on standard
 * error. */
int keyd_daemon_run(const struct keyd_options *options, const char *program);

#endif
