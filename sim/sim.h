/* A world in one thread: the same nodes as in production, on virtual time, with cruelty to order.
 *
 * Take the next thing from the agenda, hand the node one event, perform its effects in order, look
 * at what the oracle says, go on. Everything random comes from the seed, so a seed is a run. A
 * member is its disk and its settings; its node is made anew at each start from what the disk kept.
 */
#ifndef SEALIFT_SIM_SIM_H
#define SEALIFT_SIM_SIM_H

#include "node/effects.h"
#include "primary/primary.h"
#include "replica/replica.h"
#include "sim/agenda.h"
#include "sim/faults.h"
#include "sim/sim_claim.h"
#include "sim/sim_keys.h"
#include "sim/sim_net.h"
#include "sim/sim_store.h"
#include "sim/tamper.h"
#include "sim/transcript.h"
#include "wal/recover.h"

enum {
    SIM_MEMBERS_MAX = 12,
    SIM_FAILURE_MAX = 512,
    SIM_SPINS_MAX = 2000, /* timers of one member in one instant: beyond it, it spins for ever */
};

enum sim_state {
    SIM_DOWN, /* not started, crashed, or stopped as asked */
    SIM_UP,
    SIM_HALTED, /* it stopped by itself and said why */
};

struct sim_member;
struct world;

/* What kind of node a member is; tests bring toys of their own. */
struct sim_kind {
    size_t (*memory_bytes)(const struct sim_member *member);
    struct node *(*create)(struct sim_member *member, struct arena *arena);
    void (*destroy)(struct node *node);
    void (*status)(const struct node *node, struct instant now, struct member_status *status);
};

extern const struct sim_kind sim_primary; /* sim_nodes.c */
extern const struct sim_kind sim_replica;

struct sim_member {
    struct sim *sim;
    unsigned number;
    char name[MEMBER_TEXT_MAX]; /* also its address */
    unsigned region;
    struct identity self;
    struct id certified; /* the lineage that its certificate names; zeros: what it says itself */
    const struct sim_kind *kind;
    struct {
        struct primary_settings primary;
        struct replica_settings replica;
    } settings; /* of the kind that it is; of both, where it may become the other */

    enum sim_state state;
    uint64_t life; /* grows with each start and each end: what belongs to another life is void */
    struct node *node;
    void *block;
    size_t block_bytes;
    uint64_t wake_order; /* only the newest wish counts */
    uint64_t woken_at, spins;
    uint64_t paused_until_ns; /* stopped by a signal: whatever is for it waits until then */
    bool asked_to_stop; /* in this life */
    bool defiant; /* started with settings that contradict its folder */
    bool has_acted; /* it has dialed or claimed in this life: its opening is over */
    enum status halted_why;
    char halted_text[SIM_FAILURE_MAX];
    uint64_t starts, steps;

    struct prng entropy;
    uint64_t clock_base_ns; /* its own clock reads this when the world begins */
    int64_t wall_skew_ns;
    uint64_t wall_set_ns; /* when that was changed last */
    struct sim_store store;
};

/* Whoever watches: the oracle. Each may be NULL. */
struct sim_watch {
    void *context;
    void (*on_start)(void *context, struct sim_member *member);
    void (*on_event)(void *context, struct sim_member *member, const struct event *event);
    void (*on_effect)(void *context, struct sim_member *member, const struct effect *effect);
    void (*on_durable)(void *context, struct sim_member *member, const struct store_write *write);
    void (*on_stopped)(void *context, struct sim_member *member);
    void (*on_gone)(void *context, struct sim_member *member); /* its memory is still there */
    void (*on_stepped)(void *context, struct sim_member *member);
};

struct sim {
    uint64_t seed;
    uint64_t now; /* virtual nanoseconds since the world began */
    uint64_t steps;
    uint64_t hash; /* of all events and effects: equal for equal seeds */
    struct prng dice;
    struct agenda agenda;
    struct sim_member members[SIM_MEMBERS_MAX];
    unsigned member_count;
    struct sim_net net;
    struct sim_keys keys;
    struct sim_claim claim;
    struct sim_watch watch;
    struct sim_tamper tamper;
    struct transcript transcript;
    struct effects *effects;
    uint64_t faults[SIM_FAULTS];
    uint64_t recoveries[RECOVER_CASES]; /* what the recovery table said */
    struct world *world; /* whoever runs this simulation; may be NULL */
    void (*on_halted)(struct sim *sim,
                      struct sim_member *member); /* who restarts it; may be NULL */
    bool failed;
    unsigned failed_invariant; /* of docs/TESTING.md; 0: a broken contract of node.h */
    char failure[SIM_FAILURE_MAX];
};

struct sim *sim_create(uint64_t seed);
void sim_destroy(struct sim *sim);

/* A member that is down and has an empty disk; the caller then fills in kind and settings. */
struct sim_member *sim_add_member(struct sim *sim, const char *name, unsigned region,
                                  enum role role);
struct sim_member *sim_find_member(struct sim *sim, const char *name);

void sim_at(struct sim *sim, uint64_t at_ns, struct todo todo);
void sim_after(struct sim *sim, uint64_t delay_ns, struct todo todo);

/* Does what is due next. False where nothing is left, or something has failed. */
bool sim_next(struct sim *sim);

/* Until that time has come or something has failed. */
void sim_run_until(struct sim *sim, uint64_t at_ns);

void sim_start(struct sim *sim, struct sim_member *member);
void sim_crash(struct sim *sim, struct sim_member *member, enum sim_crash crash);

/* Whether the member is paused; `todo` is then done when it goes on. */
bool sim_is_paused(struct sim *sim, const struct sim_member *member, const struct todo *todo);

/* What its wall clock shows. */
uint64_t sim_wall_ns(const struct sim *sim, const struct sim_member *member);

/* One event for a member that is up and not paused; fills in the clocks. */
void sim_step(struct sim *sim, struct sim_member *member, struct event *event);

void sim_count(struct sim *sim, enum sim_fault fault);
const char *sim_fault_name(enum sim_fault fault);

/* A line of the transcript; `who` may be NULL. */
__attribute__((format(printf, 3, 4))) void sim_say(struct sim *sim, const char *who,
                                                   const char *format, ...);

/* The first failure counts; the run ends. */
__attribute__((format(printf, 3, 4))) void sim_fail(struct sim *sim, unsigned invariant,
                                                    const char *format, ...);

void sim_mix(struct sim *sim, uint64_t value);

#endif
