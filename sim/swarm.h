/* One seed, one world: its shape, its limits, its faults, its end.
 *
 * A seed draws how many replicas in which regions, cascades, encrypted or not, levels, limits small
 * enough that rare paths are daily paths, and a rate for each class of fault, often none. Faults
 * first; then they all stop, everybody is started again, and the world must settle within a bound.
 */
#ifndef SEALIFT_SIM_SWARM_H
#define SEALIFT_SIM_SWARM_H

#include "sim/key_orders.h"
#include "sim/restoration.h"
#include "sim/succession.h"
#include "sim/workload.h"

struct world {
    struct sim *sim;
    struct oracle *oracle;
    struct workload workload;
    struct prng dice;
    bool calm;
    bool lull; /* nothing new strikes, for a while */
    unsigned rates[SIM_FAULTS]; /* how often each is drawn, relative to the others */
    uint64_t fault_gap_ns; /* between two faults, on average; 0: none at all */
    uint64_t restart_ns;
    unsigned recrash[SIM_MEMBERS_MAX]; /* how many of the next recoveries are struck, too */
    unsigned twin; /* has another member's certificate, until the calm; 0: nobody */
    bool adopts; /* the operator goes on without what a writer waits for */
    bool promotes; /* any member may become the primary */
    struct operator operator;
    struct key_orders key_orders;
    struct restoration restoration; /* of the coordinator's record, there */
    struct prng succession_dice, season_dice;
    bool names_level_once; /* at the creation, and not at later starts */
    bool contradict[SIM_MEMBERS_MAX]; /* the next start asks for what cannot be had */
};

struct swarm_result {
    bool failed;
    unsigned invariant;
    char failure[SIM_FAILURE_MAX];
    uint64_t hash, steps, virtual_ns;
    uint64_t faults[SIM_FAULTS];
    uint64_t appended, records_read, batches, digests, commits_checked, acks_checked;
    uint64_t verified_segments, verified_damages, repairs, deletions, lost;
    uint64_t recoveries[RECOVER_CASES];
    unsigned excused; /* members that may stay out: their disk was made to fail */
};

/* The parts that stories use too. */
struct world *world_create(uint64_t seed, bool encrypted, struct level level);
void world_destroy(struct world *world);
struct sim_member *world_add_primary(struct world *world, unsigned region);
struct sim_member *world_add_replica(struct world *world, const char *name, unsigned region,
                                     const struct sim_member *upstream);

/* All faults end; everybody is started. */
void world_calm(struct world *world);

/* Runs until everything is settled or the bound is over: then something has failed. */
void world_settle(struct world *world, uint64_t bound_ns);

/* Some time from now, unless it is up or has been started by then. */
void world_start_later(struct world *world, struct sim_member *member);

/* What a member has just traced. */
void world_on_trace(struct world *world, struct sim_member *member, const char *line);

/* The world under way, for last words when a CHECK fails in it; NULL between worlds. */
extern struct world *swarm_current;

/* What came of a world, before it is destroyed. */
void swarm_collect(struct world *world, struct swarm_result *result);

/* `length`: how long faults strike, with lulls; nothing: some seconds, as the seed draws.
 * `print`: where the transcript goes as it happens; may be NULL. */
struct swarm_result swarm_run(uint64_t seed, struct span length, FILE *print);

#endif
