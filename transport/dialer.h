/* How does a link go out?
 *
 * dialer_dial returns at once; `up` or `down` follows from the loop. All of lookup, connect and
 * handshake have link_settings.handshake_max. Each address of a name is tried in turn.
 *
 * Numeric addresses and unix:PATH are used directly. Any other name is looked up by getaddrinfo
 * (so /etc/hosts, DNS and whatever else the machine has) on a thread of its own that lives for
 * that lookup: the loop never blocks, and a link that is closed meanwhile leaves the thread to
 * end alone.
 *
 * Down with E_UNREACHABLE: no such name, refused, no route, or no answer in time (the text says
 * which). E_USAGE: the address has no form. Dialing again is the node's decision. */
#ifndef SEALIFT_TRANSPORT_DIALER_H
#define SEALIFT_TRANSPORT_DIALER_H

#include "transport/link.h"

struct dialer_order {
    struct link_loop *loop;
    const char *address; /* HOST:PORT, [V6]:PORT or unix:PATH; copied */
    const struct tls_identity *identity; /* used before this call returns; NULL for unix: */
    struct link_settings link;
    struct link_callbacks callbacks;
    void *context;
};

struct link *dialer_dial(const struct dialer_order *order);

#endif
