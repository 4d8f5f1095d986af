/* HOST:PORT, [V6]:PORT, :PORT or unix:PATH, taken apart. */
#ifndef SEALIFT_TRANSPORT_ADDRESS_H
#define SEALIFT_TRANSPORT_ADDRESS_H

#include "base/ids.h"
#include "base/status.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address {
    bool is_unix;
    char host[ADDRESS_TEXT_MAX]; /* "": any; for UNIX sockets the path */
    char port[6]; /* digits, 0 to 65535 */
};

/* E_USAGE: not of the form, or a UNIX path that is too long for a socket. */
NODISCARD enum status address_parse(struct address *address, const char *text);

struct sockaddr_un address_unix(const struct address *address);

/* Without asking anybody: numeric, "localhost" (::1 and 127.0.0.1), or, where `passive`, "".
 * E_USAGE: a name that would have to be looked up. The caller frees the list. */
NODISCARD enum status address_numeric(const struct address *address, bool passive,
                                      struct addrinfo **list);

/* "127.0.0.1:4000", "[::1]:4000" or "unix". `text` has room for ADDRESS_TEXT_MAX. */
char *address_format(const struct sockaddr *socket, socklen_t size, char *text);

bool address_is_loopback(const struct sockaddr *socket);

#endif
