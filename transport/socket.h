/* Sockets as we want them: not blocking, closed on exec, without delay. Whom
 * the network has lost is known to be lost after a minute. */
#ifndef SEALIFT_TRANSPORT_SOCKET_H
#define SEALIFT_TRANSPORT_SOCKET_H

#include "transport/address.h"

/* -1 with errno. */
int socket_open(int family);

/* After connect or accept. `buffer` 0: the kernel's own tuning. */
void socket_tune(int file, int family, int buffer);

/* Of a UNIX socket: our own uid or root. */
bool socket_peer_is_us(int file);

/* Bound and listening; on failure a sentence in `why` (TRANSPORT_WHY_MAX) and E_USAGE. */
NODISCARD enum status socket_listen(const char *text, int backlog, bool loopback_only, int *file,
                                    struct address *address, char *why);

/* The port of a bound TCP socket, else 0. */
unsigned socket_port(int file);

#endif
