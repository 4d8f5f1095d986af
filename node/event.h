/* What can happen to a node?
 *
 * The events of node/node.h, which says who answers what and how long pointers are good for. */
#ifndef SEALIFT_NODE_EVENT_H
#define SEALIFT_NODE_EVENT_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/instant.h"
#include "base/status.h"
#include "node/claim.h"
#include "node/identity.h"
#include "node/keys.h"
#include "node/store.h"

/* One unit on a link: a small protobuf part, and a raw tail that holds the bulk. */
struct message {
    unsigned type; /* enum message_type of proto/message.h */
    struct bytes head;
    struct bytes tail;
};

enum event_kind {
    EVENT_START,
    EVENT_TIMER,
    EVENT_STOP, /* drain and HALT */
    EVENT_LINK_UP,
    EVENT_LINK_DOWN,
    EVENT_MESSAGE,
    EVENT_WRITTEN,
    EVENT_READ,
    EVENT_KEYS,
    EVENT_CLAIMED,
    EVENT_SAVED,
    EVENT_SPACE, /* of a member: how full its file system is now */
    EVENT_KINDS
};

struct event_link {
    link_t link; /* LINK_DOWN with link 0: the DIAL failed */
    bool dialed;
    struct identity peer; /* verified by TLS, or by the credentials of a UNIX socket */
    bool local; /* a UNIX socket: only the owner of this process can open it */
    uint8_t exporter[32]; /* RFC 8446 section 7.5, label EXPORTER-sealift-v1; zeros on UNIX */
    enum status why; /* LINK_DOWN */
};

struct event_message {
    link_t link;
    struct message message;
};

struct event_written {
    uint64_t ticket;
    enum status status; /* OK: durable */
};

struct event_read {
    uint64_t ticket;
    enum status status;
    uint64_t size; /* what was read into the node's buffer */
};

struct event_keys {
    uint64_t ticket;
    enum status status;
    struct keys_answer answer;
};

struct event_claimed {
    enum status status; /* E_CLAIM_LOST: the record was not at that version */
    struct claim_record record; /* as it was left by that decision, whatever the status */
};

struct event_saved {
    uint64_t ticket;
    enum status status;
};

/* One row of the catalog. In a SAVE, all rows are one transaction, durable together or not at all,
 * and a NULL value deletes. SAVEs complete in order; after one has failed, those that were asked
 * before its SAVED fail too. */
struct save_row {
    const char *table;
    const char *key;
    struct bytes value;
};

/* START of a keys or region node: the rows of its catalog, by table and key. Borrowed. */
struct event_rows {
    const struct save_row *rows;
    size_t row_count;
};

struct event {
    enum event_kind kind;
    struct instant now; /* never decreases; the only clock that a node sees */
    uint64_t wall_ns; /* UNIX time; advisory: may jump, decides nothing */
    bool disk_full; /* advisory: what is under way has its place; begin nothing more */
    union {
        struct store_inventory start; /* of a member */
        struct event_rows start_rows; /* of a keys or region node */
        struct event_link link;
        struct event_message message;
        struct event_written written;
        struct event_read read;
        struct event_keys keys;
        struct event_claimed claimed;
        struct event_saved saved;
        struct store_space space;
    };
};

const char *event_kind_name(enum event_kind kind);

#endif
