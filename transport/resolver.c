/* A thread that lives for one getaddrinfo and answers into a pipe.
 *
 * libc's resolver has no other interface that honours all of the machine's configuration and
 * does not block. The thread shares nothing with the loop but the pipe, so giving up is closing
 * the pipe: the write fails, and the thread frees what it found. A slow name service can hold a
 * thread for about 30 seconds; dialing is rare and backs off, so there are few. */
#include "transport/resolver.h"

#include "transport/allocate.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct lookup {
    struct address address;
    int file;
};

static void *lookup_run(void *context)
{
    struct lookup *lookup = context;
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG,
    };
    struct resolver_answer answer = {0};

    answer.error = getaddrinfo(lookup->address.host, lookup->address.port, &hints, &answer.list);
    if (answer.error != 0) {
        answer.list = NULL;
    }
    if (send(lookup->file, &answer, sizeof answer, MSG_NOSIGNAL) != (ssize_t)sizeof answer
        && answer.list != NULL) {
        freeaddrinfo(answer.list);
    }
    close(lookup->file);
    free(lookup);
    return NULL;
}

/* Signals are the loop's: a thread that lives for a moment must not take them. */
static bool thread_start(struct lookup *lookup)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    sigset_t before;

    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&thread, &attributes, lookup_run, lookup) == 0;

    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

enum status resolver_start(const struct address *address, int *file)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return E_UNREACHABLE;
    }
    struct lookup *lookup = allocate_zeroed(sizeof *lookup);

    lookup->address = *address;
    lookup->file = pair[1];
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0 || !thread_start(lookup)) {
        close(pair[0]);
        close(pair[1]);
        free(lookup);
        return E_UNREACHABLE;
    }
    *file = pair[0];
    return OK;
}
