/* The real world that a key service lives in: HTTPS in front of the node, a catalog behind it.
 *
 * A request whose AWS signature (transport/sigv4.h) is that of a known caller, for this region and
 * for kms, becomes a message to the node (keys/kms.h) on a link of its own; the node's reply goes
 * out as AWS JSON 1.1. Everything else is refused here, by the names that AWS uses, and leaves only
 * a number in the metrics: strangers must not be able to fill the disk.
 *
 * All that a turn of the loop brings is one transaction of the catalog, and its answers leave when
 * that is durable. Where the disk is in doubt (catalog.h) they say so, and the process ends: it
 * starts anew with what the disk really has.
 *
 * SIGTERM and SIGINT are STOP, the second time the end at once; SIGHUP reads certificate and
 * credentials again. */
#ifndef SEALIFT_HOST_KEYD_H
#define SEALIFT_HOST_KEYD_H

#include "host/catalog.h"
#include "host/credentials.h"
#include "keys/kms.h"
#include "transport/tls_identity.h"

enum {
    KEYD_REQUESTS_MAX = 512, /* under way at once; each may hold KMS_REQUEST_BYTES_MAX */
    KEYD_WHY_MAX = 2 * PATH_MAX + 512, /* any part's own sentence fits */
    KEYD_EXIT_STOPPED = 0,
    KEYD_EXIT_REFUSED = 1,
};

struct keyd_settings {
    struct node *node; /* of kms_create, with KEYD_REQUESTS_MAX links or more */
    struct trace trace;
    struct catalog *catalog;
    const char *credentials; /* a file */
    const char *region;
    const char *listen; /* HOST:PORT */
    struct tls_files tls; /* certificate and key */
    const char *metrics; /* HOST:PORT or NULL */
    bool memory_locked; /* for the metrics */
};

struct keyd;

/* Listens, but answers nobody before keyd_run. `why` (KEYD_WHY_MAX) is a sentence. */
NODISCARD enum status keyd_open(struct keyd **keyd, const struct keyd_settings *settings,
                                char *why);

/* START, and then whatever happens, until HALT. Returns the exit code; the reason was printed. */
int keyd_run(struct keyd *keyd);

/* Node and catalog are the caller's. */
void keyd_close(struct keyd *keyd);

#endif
