/* A link from the inside, for link.c, link_io.c, dialer.c and listener.c only.
 *
 * Every entry from the loop is bracketed by link_enter and link_leave: callbacks happen between
 * them, and what they decided (close, break) is carried out by link_leave. Calls from outside only
 * note what is to be done and wake `later`. */
#ifndef SEALIFT_TRANSPORT_LINK_INTERNAL_H
#define SEALIFT_TRANSPORT_LINK_INTERNAL_H

#include "transport/link.h"
#include "transport/loop.h"

#include <sys/queue.h>

TAILQ_HEAD(link_list, link);

struct link_loop {
    struct event_base *base;
    struct link_list all;
    struct link_list unflushed;
    struct loop_event flush_soon;
    uint8_t scratch[LINK_READ_BYTES];
};

/* How many links a listener has; outlives the listener while links do. */
struct link_census {
    unsigned links;
    unsigned shaking;
    void (*changed)(void *context); /* NULL: the listener is gone */
    void *context;
};

enum link_state {
    LINK_DIALING,
    LINK_SHAKING,
    LINK_UP,
    LINK_ENDING, /* no callbacks any more: flush, half-close, wait for the other side's end */
};

struct dialing;

struct link {
    struct link_loop *loop;
    struct link_settings settings;
    struct link_callbacks callbacks;
    void *context;
    struct link_peer peer;
    enum link_state state;
    struct channel *channel;
    struct link_census *census; /* NULL: dialed */
    struct instant began; /* accepted; monotonic */
    struct dialing *dialing;
    int file;
    struct loop_event readable;
    struct loop_event writable;
    struct loop_event timer;
    struct loop_event later;
    struct loop_event life; /* the peer's certificate, and the age of the link */
    struct span age_left;
    TAILQ_ENTRY(link) all;
    TAILQ_ENTRY(link) unflushed;
    bool is_unflushed;
    bool has_events;
    bool busy; /* inside link_enter .. link_leave */
    bool closed; /* link_close was called */
    enum link_ending ending;
    enum status broken; /* to be told by `down` */
    bool expelled; /* ... and the peer gets not one byte more */
    char why[TRANSPORT_WHY_MAX];
    bool paused;
    bool full; /* output passed the soft limit; `drained` is owed */
    bool half_closed;
    bool write_failed;
    bool has_held;
    struct message held; /* came, and is not taken yet */
    uint8_t *kept; /* ciphertext that a pause left unread */
    struct link_counters counters;
    struct { /* as the last tick saw it */
        bool started;
        bool waiting;
        uint64_t received;
        uint64_t messages_in;
        uint64_t bytes_out;
    } tick;
};

struct link *link_new(struct link_loop *loop, const struct link_settings *settings,
                      const struct link_callbacks *callbacks, void *context);

/* Takes the socket, connected and not blocking; `engine` NULL: a UNIX socket. */
void link_start(struct link *link, int file, struct tls_engine *engine);

/* What the link is, and that it can be told from the loop. */
void link_break(struct link *link, enum status why, const char *text);

void link_enter(struct link *link);
void link_leave(struct link *link);

/* It is up: its life begins to end. */
void link_begin_life(struct link *link);

/* Delivers what has come, as long as it is taken. */
void link_take_messages(struct link *link);

/* Writes what waits, as far as the socket takes it. No callbacks. */
void link_flush(struct link *link);
void link_flush_soon(struct link *link);

void link_on_readable(evutil_socket_t file, short what, void *context);
void link_on_writable(evutil_socket_t file, short what, void *context);
void link_on_life(evutil_socket_t file, short what, void *context);

/* Of dialer.c: stops and frees; the socket too, if it has one. */
void dialing_free(struct dialing *dialing);

#endif
