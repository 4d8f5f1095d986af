/* Where do links come in?
 *
 * One address, HOST:PORT or unix:PATH. Each accepted socket becomes a link with the listener's
 * callbacks and context (link_set_context in `up` gives it its own). At most handshakes_max links
 * shake hands at once: the rest wait in the kernel's backlog, and one that has shaken hands for
 * handshake_grace without an end gives way to them. Beyond links_max a socket is closed
 * as it comes. Where descriptors or memory run out, accepting rests for 100 ms and goes on.
 *
 * HOST is numeric, localhost or empty (all addresses, v4 and v6); a listener looks up no names. A
 * UNIX path that nobody listens on is replaced; its mode is 0600. */
#ifndef SEALIFT_TRANSPORT_LISTENER_H
#define SEALIFT_TRANSPORT_LISTENER_H

#include "transport/link.h"

enum {
    LISTENER_HANDSHAKES_MAX = 256, /* some 40 KiB each */
    LISTENER_GRACE_MS =
        1000, /* from the far side of the world it takes two round trips of 300 ms */
    LISTENER_LINKS_MAX = 1024,
    LISTENER_BACKLOG = 256,
};

struct listener;

struct listener_settings {
    struct link_loop *loop;
    const char *address;
    const struct tls_identity *identity; /* not needed for UNIX sockets */
    unsigned handshakes_max; /* zero: the default */
    struct span handshake_grace; /* likewise */
    unsigned links_max;
    struct link_settings link;
    struct link_callbacks callbacks;
    void *context;
};

/* E_USAGE: an address without the form, or a port in use or not ours to take; `why`
 * (TRANSPORT_WHY_MAX) is the sentence for the operator. */
NODISCARD enum status listener_open(struct listener **listener,
                                    const struct listener_settings *settings, char *why);

/* Links live on. Removes a UNIX path. */
void listener_close(struct listener *listener);

/* For links accepted from now on: certificates were reloaded. The listener borrows it. */
void listener_set_identity(struct listener *listener, const struct tls_identity *identity);

/* The port that the kernel gave where port 0 was asked; 0 for UNIX sockets. */
unsigned listener_port(const struct listener *listener);

#endif
