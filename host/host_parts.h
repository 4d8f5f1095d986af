/* What the parts of the host know of each other: host.c (life), host_links.c (links),
 * host_effects.c (effects), host_certificates.c. Nobody else includes this. */
#ifndef SEALIFT_HOST_HOST_PARTS_H
#define SEALIFT_HOST_HOST_PARTS_H

#include "host/disk.h"
#include "host/expiry_watch.h"
#include "host/host.h"
#include "node/effects.h"
#include "transport/dialer.h"
#include "transport/http_server.h"
#include "transport/listener.h"

#include <event2/event.h>

enum {
    HOST_LINKS_MAX = 4096, /* slots; the node's own limits are far below */
    HOST_SLOT_BITS = 12, /* of a link's number: which slot; the rest counts, never used again */
    HOST_CLAIMS_MAX = 4, /* a member asks for one at a time */
};

_Static_assert(HOST_LINKS_MAX == 1 << HOST_SLOT_BITS, "a slot's number must fit");

/* Whose callback is it? First in every context that a link has. */
enum end_kind { END_ACCEPTING, END_DIALING, END_UP };

struct host_end {
    enum end_kind kind;
    struct host *host;
    struct link *link;
    link_t number; /* END_UP */
    bool delivering; /* its message is being stepped */
    bool deferred; /* ... and the node has no room for it */
    bool resume; /* ... but has it again before the callback returned */
};

struct host {
    struct host_settings settings;
    struct event_base *base;
    struct event *timer, *disk_ready, *claim_ready;
    struct event *sigterm, *sigint, *sighup, *space_timer;
    struct link_loop *links;
    struct tls_identity *identity;
    struct expiry_watch expiry;
    struct listener *listeners[HOST_LISTEN_MAX];
    struct http_server *metrics;
    struct key_client *keys;
    struct disk *disk;

    struct host_end accepting;
    struct host_end *ends[HOST_LINKS_MAX]; /* by slot: dialing or up */
    unsigned slot_next;
    uint64_t link_serial;
    uint64_t link_count; /* up */
    uint64_t links_aged, links_lapsed, links_revoked; /* ended so; revoked: or not let in */
    bool resume_wanted;

    struct event_claimed claims[HOST_CLAIMS_MAX]; /* asked for; answered by the loop, in order */
    unsigned claim_count;
    struct instant claim_since; /* the first of them found the lock taken; 0: it did not */

    struct store_space space_told; /* to the node, last */
    bool shortage_told;

    struct effects fx;
    struct instant wake_at, timer_at;
    bool stepping, stopping, halted;
    enum status halted_why;
    char *metrics_text;
};

/* One step, and its effects. Does nothing once the node has halted. */
void host_step(struct host *host, struct event *event);

/* host_links.c */
void host_links_init(struct host *host);
NODISCARD enum status host_links_listen(struct host *host, char *why);
void host_links_dial(struct host *host, const char *address);
void host_links_hang_up(struct host *host, const struct effect_hang_up *hang_up);
void host_links_send(struct host *host, const struct effect_send *send);
void host_links_defer(struct host *host, link_t number);
void host_links_resume(struct host *host, link_t number);
void host_links_resume_late(struct host *host);
void host_links_recheck(struct host *host); /* by the certificates that serve now */
void host_links_close(struct host *host);

/* host_certificates.c */
NODISCARD enum status host_certificates_open(struct host *host, char *why);
void host_certificates_reload(struct host *host);
void host_certificates_close(struct host *host);

/* host_space.c: only where there is a store */
void host_space_open(struct host *host);
void host_space_begin(struct host *host); /* right after START */

/* host_effects.c */
bool host_claim_next(struct host *host, struct event_claimed *answer); /* false: not yet */
void host_perform(struct host *host, const struct effects *fx);

#endif
