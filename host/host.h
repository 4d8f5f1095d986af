/* The real world that one node lives in.
 *
 * Owns the event loop, a timer, the links, the disk and the key client; turns what happens into
 * events and effects into what happens, in order. One thread runs the node: every callback comes
 * from the loop, and no step is ever begun inside another. A world has only what its settings give
 * it: without a store there is no disk, without a claim no coordinator.
 *
 * SIGTERM and SIGINT are STOP, the second time the end at once; SIGHUP reads the certificates
 * and the CRL again, and cuts the links of peers that are not let in any more. */
#ifndef SEALIFT_HOST_HOST_H
#define SEALIFT_HOST_HOST_H

#include "host/claim_file.h"
#include "host/key_client.h"
#include "host/store_posix.h"
#include "node/node.h"
#include "proto/control.h"
#include "transport/tls_identity.h"

enum {
    HOST_LISTEN_MAX = 16,
    HOST_WHY_MAX = 2 * PATH_MAX + 512, /* any part's own sentence fits */
    HOST_EXIT_STOPPED = 0, /* the node halted with OK */
    HOST_EXIT_REFUSED = 1, /* it halted for a reason, or had to be ended at once */
    HOST_EXIT_PROMOTED =
        3, /* it halted with E_PROMOTED: the folder is to be opened as a primary's */
    HOST_EXIT_ANEW = 4, /* it halted with E_KEY_LOST: to be started again in other memory */
};

struct host_settings {
    struct node *node;
    const char *program; /* stands before the node's last sentence */
    struct trace trace;
    struct tls_files tls; /* all NULL: UNIX sockets only */
    struct span link_age_max; /* of links that we dial; zero: none */
    const char *listen[HOST_LISTEN_MAX];
    unsigned listen_count;
    struct identity self; /* of the node: UNIX peers are clients of the same deployment */
    struct store_posix *store; /* or NULL; used by the host alone until host_close */
    struct claim_file *claim; /* or NULL */
    struct key_client_settings keys; /* base, on_answer and context are filled in by the host */
    bool has_keys;
    const char *metrics; /* HOST:PORT or NULL */
    bool memory_locked; /* for the metrics */
    void (*status)(const struct node *node, struct instant now, struct member_status *status);
};

struct host;

/* Listens, but answers nobody before host_run. `why` (HOST_WHY_MAX) is a sentence for the operator;
 * the status is that of the part which refused. */
NODISCARD enum status host_open(struct host **host, const struct host_settings *settings,
                                char *why);

/* START, and then whatever happens, until HALT. Returns the exit code; the node's last sentence was
 * printed. */
int host_run(struct host *host);

/* Cuts what is still open; the disk finishes what it was asked. The node is the caller's. */
void host_close(struct host *host);

/* The port of the n-th listener, where 0 was asked. */
unsigned host_port(const struct host *host, unsigned listener);

#endif
