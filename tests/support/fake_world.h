/* A tiny world for one node, in memory: what a unit test of a node needs, and no more.
 *
 * The test hands the node events and looks at what it sends; disk, key service and coordinator
 * answer by themselves, in the order in which they were asked, each answer one event. Nothing is
 * random and no time passes but by fake_advance. Writes are durable when they are answered; what
 * was asked and not answered is lost by a crash (the first half of a batch may stay: `torn`).
 * Cruelty beyond that is the simulator's (sim/). A broken contract of node/node.h fails the test.
 */
#ifndef SEALIFT_TESTS_SUPPORT_FAKE_WORLD_H
#define SEALIFT_TESTS_SUPPORT_FAKE_WORLD_H

#include "base/entropy.h"
#include "base/prng.h"
#include "node/effects.h"
#include "node/node.h"

enum {
    FAKE_SEGMENTS_MAX = 2048,
    FAKE_ANSWERS_MAX = 8192,
    FAKE_MESSAGES_MAX = 8192,
    FAKE_LINKS_MAX = 256,
    FAKE_GROUP_MAX = 64,
};

struct fake_file {
    bool exists;
    uint8_t *data;
    size_t size;
};

/* A disk of another kind under the world, as a test may want it. Appends to one segment that are
 * asked for one behind the other are put together and settled once, as a host does. */
struct fake_disk {
    enum status (*put)(void *context, const struct store_write *write);
    enum status (*settle)(void *context);
    enum status (*get)(void *context, const struct store_read *read, uint64_t *got);
    const struct store_inventory *inventory; /* what it holds when a node is started */
    void *context;
};

struct fake_answer { /* what the world still has to tell */
    enum effect_kind kind;
    uint64_t ticket;
    struct store_write write;
    struct store_read read;
    struct keys_request request;
    uint8_t blob[256], plain[DEK_BYTES];
    struct claim_record record;
    bool performed; /* on another disk already, in the group of an earlier one */
    enum status status;
};

struct fake_message { /* from the node */
    link_t link;
    unsigned type;
    uint8_t *head, *tail;
    size_t head_size, tail_size;
    bool taken;
};

struct fake_link {
    bool hung_up; /* by the node */
    enum status why;
    bool deferred; /* its message is kept until RESUME */
    bool resumed;
    unsigned type;
    uint8_t *head, *tail;
    size_t head_size, tail_size;
};

struct fake_world {
    struct node *node; /* NULL while it is down */
    struct effects *fx;
    struct instant now, wake_at;
    int64_t wall_skew_ns; /* by how much its wall clock is wrong */
    struct prng dice;
    struct entropy entropy; /* for the node's settings: draws from `dice` */

    struct fake_file files[STORE_FILES];
    struct fake_file segments[FAKE_SEGMENTS_MAX];
    struct fake_file repair; /* a segment that is being written anew */
    segment_t repair_segment;
    unsigned repaired; /* segments that were replaced so */
    unsigned quarantined; /* parts and segments that went aside */
    unsigned synced;

    /* the coordinator */
    struct claim_record record;
    enum status claim_status; /* OK; E_COORDINATOR: it does not answer usefully */

    /* the key service of every region: "wraps" by XOR with a byte, and remembers the context */
    enum status keys_status;
    enum status keys_refuse_once; /* instead, of the next answer alone; OK: nothing */
    const char *keys_say; /* where they refuse; NULL: "it says no" */
    unsigned keys_asked;

    /* the disk */
    const struct fake_disk *disk; /* NULL: `files` and `segments` are all there is */
    enum status write_status; /* what WRITEs are answered with from now on */
    enum status read_status; /* what READs are answered with from now on */
    bool hold_writes; /* WRITEs are not answered until this is false again */
    bool hold_reads; /* likewise READs */
    bool disk_full; /* as events say it */

    struct fake_answer *answers; /* first in, first out, by kind of disk and rest */
    size_t answer_first, answer_count;

    struct fake_link links[FAKE_LINKS_MAX]; /* link n is links[n] */
    link_t next_link;
    struct fake_message *messages;
    size_t message_count;
    char dialed[ADDRESS_TEXT_MAX];
    link_t dialed_link;
    unsigned dials;

    bool halted;
    enum status halt_why;
    char halt_text[HALT_TEXT_MAX];

    uint64_t events; /* that the node has been given */
    uint64_t events_max; /* fake_run stops before more; UINT64_MAX by default */
};

void fake_init(struct fake_world *world, uint64_t seed);
void fake_free(struct fake_world *world);

/* START with what is on the disk. */
void fake_start(struct fake_world *world, struct node *node);

/* The process dies: what was not answered is lost, links are gone. `torn`: of the first batch
 * that was not yet durable, half of its bytes stay. The caller destroys the node. */
void fake_crash(struct fake_world *world, bool torn);

/* Answers until there is nothing more to answer (now). False where events_max ended it. */
bool fake_run(struct fake_world *world);

/* Lets time pass, timer by timer, answering all the while. */
void fake_advance(struct fake_world *world, struct span span);

/* After a HALT: the disk performs what was asked of it and was not answered. */
void fake_settle(struct fake_world *world);

void fake_step(struct fake_world *world, struct event *event);
void fake_stop(struct fake_world *world);

/* A peer calls (dialed: the node's own call is answered by it). Returns its link. */
link_t fake_link_up(struct fake_world *world, const struct identity *peer, bool dialed);
void fake_link_down(struct fake_world *world, link_t link); /* E_CLOSED */
void fake_link_age(struct fake_world *world, link_t link); /* E_AGED: its own world hung up */
void fake_send(struct fake_world *world, link_t link, unsigned type, struct bytes head,
               struct bytes tail);

/* The oldest message of that type on that link that was not taken yet; NULL where there is none. */
struct fake_message *fake_take(struct fake_world *world, link_t link, unsigned type);

static inline struct bytes fake_head(const struct fake_message *message)
{
    return bytes_of(message->head, message->head_size);
}

static inline struct bytes fake_tail(const struct fake_message *message)
{
    return bytes_of(message->tail, message->tail_size);
}

#endif
