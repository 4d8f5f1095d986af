/* The few calls that every socket of ours needs, and opening one to listen.
 *
 * A UNIX path may be left over from a process that was killed: if nobody answers there it is
 * removed. Somebody answering, a file of another kind and a port in use are the operator's to
 * solve, so each has a sentence. */
#include "transport/socket.h"

#include "transport/tls_identity.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whom the network has lost is known to be lost after a minute: an idle peer does not answer three
 * probes, a busy one does not take what was sent (the kernel's own idea: a quarter of an hour). */
enum {
    KEEPALIVE_IDLE_S = 30,
    KEEPALIVE_INTERVAL_S = 10,
    KEEPALIVE_COUNT = 3,
    UNTAKEN_MS_MAX = 1000 * (KEEPALIVE_IDLE_S + KEEPALIVE_INTERVAL_S * KEEPALIVE_COUNT),
};

int socket_open(int family)
{
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void option_set(int file, int level, int name, int value)
{
    /* Each is an improvement, none a condition. */
    (void)setsockopt(file, level, name, &value, sizeof value);
}

void socket_tune(int file, int family, int buffer)
{
    if (buffer > 0) {
        option_set(file, SOL_SOCKET, SO_SNDBUF, buffer);
        option_set(file, SOL_SOCKET, SO_RCVBUF, buffer);
    }
    if (family != AF_UNIX) {
        option_set(file, IPPROTO_TCP, TCP_NODELAY, 1);
        option_set(file, SOL_SOCKET, SO_KEEPALIVE, 1);
        option_set(file, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
        option_set(file, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
        option_set(file, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
        option_set(file, IPPROTO_TCP, TCP_USER_TIMEOUT, UNTAKEN_MS_MAX);
    }
}

bool socket_peer_is_us(int file)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    return getsockopt(file, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0
           && (peer.uid == geteuid() || peer.uid == 0);
}

static enum status refuse(char *why, const char *text, const char *reason)
{
    snprintf(why, TRANSPORT_WHY_MAX, "cannot listen on %.150s: %s", text, reason);
    return E_USAGE;
}

/* True where a process still listens there, or it is no socket at all. */
static bool unix_path_is_taken(const struct sockaddr_un *path)
{
    struct stat status;

    if (lstat(path->sun_path, &status) != 0) {
        return false;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return true;
    }
    const int file = socket_open(AF_UNIX);
    const bool refused = file >= 0
                         && connect(file, (const struct sockaddr *)path, sizeof *path) != 0
                         && errno == ECONNREFUSED;

    if (file >= 0) {
        close(file);
    }
    return !refused || unlink(path->sun_path) != 0;
}

static int listen_unix(const struct address *address, int backlog)
{
    const struct sockaddr_un path = address_unix(address);

    if (unix_path_is_taken(&path)) {
        errno = EADDRINUSE;
        return -1;
    }
    const int file = socket_open(AF_UNIX);
    const mode_t mask = umask(0177); /* 0600 from its first moment */

    if (file >= 0
        && (bind(file, (const struct sockaddr *)&path, sizeof path) != 0
            || listen(file, backlog) != 0)) {
        const int error = errno;

        close(file);
        umask(mask);
        errno = error;
        return -1;
    }
    umask(mask);
    return file;
}

static int listen_tcp(const struct addrinfo *to, int backlog)
{
    const int file = socket_open(to->ai_family);

    if (file < 0) {
        return -1;
    }
    option_set(file, SOL_SOCKET, SO_REUSEADDR, 1);
    if (to->ai_family == AF_INET6) {
        option_set(file, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    if (bind(file, to->ai_addr, to->ai_addrlen) != 0 || listen(file, backlog) != 0) {
        const int error = errno;

        close(file);
        errno = error;
        return -1;
    }
    return file;
}

enum status socket_listen(const char *text, int backlog, bool loopback_only, int *file,
                          struct address *address, char *why)
{
    struct addrinfo *list;

    if (address_parse(address, text) != OK) {
        return refuse(why, text, "it is neither HOST:PORT nor unix:PATH");
    }
    if (address->is_unix) {
        *file = listen_unix(address, backlog);
        return *file < 0 ? refuse(why, text, strerror(errno)) : OK;
    }
    if (address_numeric(address, true, &list) != OK) {
        return refuse(why, text, "the host must be an address of this machine or localhost");
    }
    if (loopback_only && !address_is_loopback(list->ai_addr)) {
        freeaddrinfo(list);
        return refuse(why, text, "without TLS only a loopback address is allowed");
    }
    *file = listen_tcp(list, backlog);

    const int error = errno;

    freeaddrinfo(list);
    return *file < 0 ? refuse(why, text, strerror(error)) : OK;
}

unsigned socket_port(int file)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;

    if (getsockname(file, (struct sockaddr *)&bound, &size) != 0) {
        return 0;
    }
    if (bound.ss_family == AF_INET) {
        return ntohs(((const struct sockaddr_in *)(const void *)&bound)->sin_port);
    }
    if (bound.ss_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)(const void *)&bound)->sin6_port);
    }
    return 0;
}
