/* One conversation with whichever member answers, made again when it is lost.
 *
 * Dials the addresses in turn, says HELLO, and is up from WELCOME on. A lost link is dialed again
 * after a growing gap; after give_up without any WELCOME, or where our certificate is not accepted,
 * the session has failed for good. A member that owes an answer and has said nothing for a while is
 * asked for its STATUS, and is left (E_SILENT) where not even that comes: it may be stopped, or
 * behind a partition. Owns its event loop, so that a library needs no other. */
#ifndef SEALIFT_CLIENT_SESSION_H
#define SEALIFT_CLIENT_SESSION_H

#include "base/instant.h"
#include "client/sealift.h"
#include "client/silence.h"
#include "proto/control.h"
#include "proto/message.h"
#include "transport/link.h"

#include <signal.h>

struct session_events {
    void (*welcomed)(void *context); /* send again whatever was not answered */
    void (*message)(void *context, const struct message *message);
    bool (*is_owed)(void *context); /* an answer, now? NULL: silence is never judged */
};

struct session_settings {
    const char *addresses[SEALIFT_ADDRESSES_MAX];
    struct tls_files files;
    struct span give_up;
    struct silence_limits silence;
};

struct session {
    char addresses[SEALIFT_ADDRESSES_MAX][ADDRESS_TEXT_MAX];
    unsigned address_count;
    unsigned address; /* the one in use, or next */
    struct span give_up;

    struct event_base *base;
    struct link_loop *loop;
    struct tls_identity *identity; /* NULL where all addresses are unix: */
    struct event *retry; /* dial again, or give up waiting for WELCOME */
    struct event *alarm; /* the end of session_wait */
    struct event *tick; /* the next look at the silence of whom we talk to */
    struct silence silence;
    unsigned probes; /* of ours, whose STATUS_IS has not come */
    struct link *link;
    bool is_up;
    struct welcome welcome;
    unsigned tries;
    struct instant down_since, up_since;

    bool failed;
    enum status why;
    /* Whom we wait for, and why: what the last attempt met, or how long it has been silent. ""
     * while it is up and talks. Where it failed: why. */
    char text[SEALIFT_TEXT_MAX];
    volatile sig_atomic_t stop;

    struct session_events events;
    void *context;
    void *memory;
    struct proto_scratch scratch;
};

/* `text` (SEALIFT_TEXT_MAX) says what is wrong where it is not OK. */
NODISCARD enum status session_open(struct session **session,
                                   const struct session_settings *settings,
                                   const struct session_events *events, void *context, char *text);
void session_close(struct session *session);

struct instant session_now(void);

/* Runs the loop until something happened or the time is up; -1 waits without end. False where the
 * time was up, the session has failed, or it was stopped. */
bool session_wait(struct session *session, int timeout_ms);

/* Only while it is up; `head` is encoded by the caller. */
void session_send(struct session *session, unsigned type, struct bytes head, struct bytes tail,
                  struct bytes more);

/* This member is not the one: hang up, and dial the next address. */
void session_move_on(struct session *session, enum status why, const char *text);

/* No way to go on. */
void session_fail(struct session *session, enum status why, const char *text);

#endif
