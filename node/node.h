/* The contract between a node and the world it lives in.
 *
 * A node is a pure function from events to effects: it never reads a clock, touches a disk, draws
 * a random number or waits. The world (host: real; sim: a seed) hands it one event at a time and
 * then performs the effects, in order. Nothing happens in between.
 *
 *   effect                     answered by                       who
 *   DIAL HANG_UP SEND          LINK_UP LINK_DOWN MESSAGE         all
 *   DEFER RESUME               MESSAGE, again                    all
 *   WRITE READ                 WRITTEN READ                      primary, replica
 *   ASK_KEYS                   KEYS                              primary, replica
 *   CLAIM                      CLAIMED                           primary, replica
 *   SAVE                       SAVED                             keys, region
 *   HALT, and wake_at          START TIMER STOP come unasked     all
 *                              SPACE comes unasked               primary, replica
 *
 * Memory. What an event points to is borrowed until `step` returns. What a SEND points to must
 * stay until the next step: the world has consumed it by then. What a WRITE points to must stay
 * until its WRITTEN, what a READ points into until its READ. ASK_KEYS, CLAIM and SAVE are copied
 * before the next step.
 *
 * Order. Effects begin in the order in which they were appended. WRITEs complete in that order.
 * A reply that must not be sent before something is durable is sent on the WRITTEN, never before.
 *
 * Back-pressure. A node that has no room for a MESSAGE answers DEFER for its link: the world keeps
 * the message, stops reading that link, and delivers the same message again after RESUME. Output is
 * bounded by the protocol's windows; a world hangs up (E_SLOW) on a peer that does not read. */
#ifndef SEALIFT_NODE_NODE_H
#define SEALIFT_NODE_NODE_H

#include "node/event.h"

enum effect_kind {
    EFFECT_DIAL,
    EFFECT_HANG_UP,
    EFFECT_SEND,
    EFFECT_DEFER,
    EFFECT_RESUME,
    EFFECT_WRITE,
    EFFECT_READ,
    EFFECT_ASK_KEYS,
    EFFECT_CLAIM,
    EFFECT_SAVE,
    EFFECT_HALT,
    EFFECT_KINDS
};

struct effect_dial {
    char address[ADDRESS_TEXT_MAX];
};

struct effect_hang_up {
    link_t link;
    enum status why; /* OK: a goodbye; the world flushes what was sent before */
};

/* The tail may be in two parts; on the wire they are one. */
struct effect_send {
    link_t link;
    unsigned type;
    struct bytes head;
    struct bytes tail[2];
};

struct effect_write {
    uint64_t ticket;
    struct store_write write;
};

struct effect_read {
    uint64_t ticket;
    struct store_read read;
};

struct effect_keys {
    uint64_t ticket;
    struct keys_request request;
};

/* Replaces the record if it is still at `record.version` (0: if there is none), then adds one to
 * its version. An empty lineage asks without changing anything. */
struct effect_claim {
    struct claim_record record;
};

struct effect_save {
    uint64_t ticket;
    const struct save_row *rows;
    size_t row_count;
};

struct effect_halt {
    enum status why; /* OK: stopped as asked */
    const char *text; /* one sentence for the operator: what, where, what to do */
};

struct effect {
    enum effect_kind kind;
    union {
        struct effect_dial dial;
        struct effect_hang_up hang_up;
        struct effect_send send;
        link_t link; /* DEFER, RESUME */
        struct effect_write write;
        struct effect_read read;
        struct effect_keys *keys; /* large: in the scratch of the effects */
        struct effect_claim *claim; /* likewise */
        struct effect_save save;
        struct effect_halt halt;
    };
};

struct effects; /* node/effects.h */

struct node {
    void (*step)(struct node *node, const struct event *event, struct effects *fx);
};

const char *effect_kind_name(enum effect_kind kind);

#endif
