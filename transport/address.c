/* Text to socket addresses, as far as no name service is needed (dialer.c asks those).
 *
 * localhost is known by heart: it must work in a container without /etc/hosts. freeaddrinfo
 * must get what getaddrinfo made, so localhost is resolved as its numbers, one list appended to
 * the other. */
#include "transport/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool port_is_good(const char *port)
{
    const size_t size = strlen(port);

    return size > 0 && size < 6 && strspn(port, "0123456789") == size && atoi(port) <= 65535;
}

static enum status parse_unix(struct address *address, const char *path)
{
    const size_t size = strlen(path);

    if (size == 0 || size >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        return E_USAGE;
    }
    address->is_unix = true;
    memcpy(address->host, path, size + 1);
    return OK;
}

enum status address_parse(struct address *address, const char *text)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t size;

    *address = (struct address){0};
    if (strncmp(text, "unix:", 5) == 0) {
        return parse_unix(address, text + 5);
    }
    if (colon == NULL || !port_is_good(colon + 1)) {
        return E_USAGE;
    }
    size = (size_t)(colon - text);
    if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
        host++;
        size -= 2;
    } else if (memchr(host, ':', size) != NULL) {
        return E_USAGE; /* a bare IPv6 address: where does its port begin? */
    }
    if (size >= sizeof address->host) {
        return E_USAGE;
    }
    memcpy(address->host, host, size);
    snprintf(address->port, sizeof address->port, "%s", colon + 1);
    return OK;
}

struct sockaddr_un address_unix(const struct address *address)
{
    struct sockaddr_un socket = {.sun_family = AF_UNIX};

    memcpy(socket.sun_path, address->host, strlen(address->host) + 1);
    return socket;
}

static enum status numeric(const char *host, const char *port, bool passive, struct addrinfo **list)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | (passive ? AI_PASSIVE : 0),
    };

    return getaddrinfo(host, port, &hints, list) == 0 ? OK : E_USAGE;
}

enum status address_numeric(const struct address *address, bool passive, struct addrinfo **list)
{
    struct addrinfo *second;

    if (address->host[0] == '\0') {
        return passive ? numeric("::", address->port, true, list) : E_USAGE;
    }
    if (strcmp(address->host, "localhost") != 0) {
        return numeric(address->host, address->port, passive, list);
    }
    TRY(numeric("127.0.0.1", address->port, passive, list));
    if (!passive && numeric("::1", address->port, passive, &second) == OK) {
        (*list)->ai_next = second;
    }
    return OK;
}

char *address_format(const struct sockaddr *socket, socklen_t size, char *text)
{
    char host[ADDRESS_TEXT_MAX - 16];
    char port[8];

    if (socket->sa_family == AF_UNIX
        || getnameinfo(socket, size, host, sizeof host, port, sizeof port,
                       NI_NUMERICHOST | NI_NUMERICSERV)
               != 0) {
        return strcpy(text, "unix");
    }
    snprintf(text, ADDRESS_TEXT_MAX, socket->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
             port);
    return text;
}

bool address_is_loopback(const struct sockaddr *socket)
{
    if (socket->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)socket;

        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    if (socket->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)socket;

        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    return false;
}
