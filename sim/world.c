/* A world is a simulation with its oracle and its clients. Members are given keys, names and limits
 * here; who halts is started again after a while, unless it was right to refuse for good. A halt
 * that no injected fault explains is a failure at once. */
#include "base/check.h"
#include "sim/swarm.h"

#include <stdlib.h>

enum {
    STARTS_MAX = 60,
    CRIPPLED_S = 15, /* where some disk failed there is no end to wait for, only a while to watch */
};

static void run_start(struct sim *sim, const struct todo *todo)
{
    struct sim_member *member = &sim->members[todo->a];

    if (member->state != SIM_UP && member->life == todo->b) {
        sim_start(sim, member);
    }
}

void world_start_later(struct world *world, struct sim_member *member)
{
    sim_after(world->sim, prng_between(&world->dice, world->restart_ns / 8, world->restart_ns),
              (struct todo){run_start, member->number, member->life, 0});
}

static bool keys_were_hurt(const struct sim *sim)
{
    return sim->faults[FAULT_KEYS_SILENT] + sim->faults[FAULT_KEYS_REFUSE]
               + sim->faults[FAULT_PARTITION] + sim->faults[FAULT_STALL]
           > 0;
}

/* Whether some fault that was injected explains why this member stopped by itself. */
static bool is_justified(const struct world *world, const struct sim_member *member)
{
    const bool hurt = member->store.damage > 0 || member->store.io_failures > 0;

    if ((world->oracle->members >> member->number & 1) == 0 || member->halted_why == OK) {
        return true;
    }
    if (member->halted_why == E_COORDINATOR || member->halted_why == E_CLAIM_LOST) {
        return world->sim->faults[FAULT_CLAIM] > 0;
    }
    if (member->halted_why == E_CUT_COMMITTED) { /* it is right: the writer's damaged disk is not */
        return hurt || world->sim->members[world->oracle->primary].store.damage > 0;
    }
    switch (status_blame(member->halted_why)) {
    case BLAME_KEYS:
        return keys_were_hurt(world->sim) || hurt;
    case BLAME_DISK:
    case BLAME_PEER:
        return hurt;
    case BLAME_NOBODY:
    case BLAME_CALLER:
        return false;
    }
    UNREACHABLE();
}

static void on_halted(struct sim *sim, struct sim_member *member)
{
    struct world *world = sim->world;

    if (!is_justified(world, member)) {
        sim_fail(sim, 18, "%s halts (%s) though no fault explains it: %s", member->name,
                 status_name(member->halted_why), member->halted_text);
    }
    if ((world->oracle->members >> member->number & 1) != 0 && member->starts < STARTS_MAX) {
        world_start_later(world, member);
    }
}

struct world *world_create(uint64_t seed, bool encrypted, struct level level)
{
    struct world *world = calloc(1, sizeof *world);

    CHECK(world != NULL);
    prng_seed(&world->dice, seed ^ 0x5ea11f7);
    world->restart_ns = SPAN_MS(1500).ns;
    world->sim = sim_create(seed);
    world->sim->world = world;
    world->sim->on_halted = on_halted;
    world->oracle = oracle_create(world->sim, prng_next(&world->dice));
    world->oracle->encrypted = encrypted;
    world->oracle->level = level;
    world->oracle->record_bytes_max = 8192;
    world->oracle->record_bytes_usual = 300;
    workload_init(&world->workload, world->sim, world->oracle, prng_next(&world->dice));
    for (unsigned region = 0; region < SIM_REGIONS && encrypted; region++) {
        sim_keys_add(&world->sim->keys, region);
    }
    return world;
}

void world_destroy(struct world *world)
{
    workload_drop(&world->workload);
    oracle_destroy(world->oracle);
    sim_destroy(world->sim);
    free(world);
}

static void set_limits(struct world *world, struct sim_member *member,
                       struct member_settings *settings)
{
    const struct oracle *oracle = world->oracle;

    settings->self = member->self;
    settings->window_bytes = 512 << 10;
    settings->window_batches = 8;
    settings->segment_bytes = 128 << 10;
    settings->segments_max = 1024;
    settings->batch_bytes = 16 << 10;
    settings->record_bytes_max = oracle->record_bytes_max;
    settings->producers_max = 2 * WORKLOAD_CLIENTS_MAX;
    settings->feeds_max = SIM_MEMBERS_MAX;
    settings->clients_max = 2 * WORKLOAD_CLIENTS_MAX;
    settings->feed_window_bytes = 96 << 10;
    settings->reads_max = 4;
    settings->read_bytes = 32 << 10;
    settings->keys_wait_max = SPAN_S(5);
    settings->silence_max = SPAN_S(5);
    settings->heartbeat_gap = SPAN_S(1);
    settings->retry_gap = SPAN_MS(100);
    settings->mark_rest = SPAN_MS(40);
    settings->mark_gap = SPAN_MS(250);
    member->store.spare_bytes = settings->segment_bytes;
}

struct sim_member *world_add_primary(struct world *world, unsigned region)
{
    struct sim_member *member = sim_add_member(world->sim, "primary", region, ROLE_PRIMARY);
    struct primary_settings *settings = &member->settings.primary;

    member->kind = &sim_primary;
    primary_settings_default(settings);
    set_limits(world, member, &settings->member);
    settings->pending_max = 256;
    settings->create = true;
    snprintf(settings->engine, sizeof settings->engine, "records");
    settings->level = world->oracle->level;
    settings->level_given = true;
    settings->member.encrypted = world->oracle->encrypted ? WISH_YES : WISH_NO;
    if (world->oracle->encrypted) {
        snprintf(settings->member.key, sizeof settings->member.key, "%s",
                 world->sim->keys.keys[region].arn);
    }
    oracle_admit(world->oracle, member, false);
    return member;
}

struct sim_member *world_add_replica(struct world *world, const char *name, unsigned region,
                                     const struct sim_member *upstream)
{
    struct sim_member *member = sim_add_member(world->sim, name, region, ROLE_REPLICA);
    struct replica_settings *settings = &member->settings.replica;

    member->kind = &sim_replica;
    replica_settings_default(settings);
    set_limits(world, member, &settings->member);
    if (world->oracle->encrypted) {
        snprintf(settings->member.key, sizeof settings->member.key, "%s",
                 world->sim->keys.keys[region].arn);
    }
    snprintf(settings->upstreams[0], sizeof settings->upstreams[0], "%s", upstream->name);
    settings->upstream_count = 1;
    oracle_admit(world->oracle, member, upstream->self.role == ROLE_PRIMARY);
    return member;
}

void world_calm(struct world *world)
{
    struct sim *sim = world->sim;

    sim_say(sim, NULL, "all faults end");
    world->calm = world->workload.calm = true;
    sim->net.dial_failures = 0;
    sim_net_heal(sim);
    memset(sim->keys.unreachable_until, 0, sizeof sim->keys.unreachable_until);
    sim->claim.unreachable_until = 0;
    for (unsigned i = 0; i < sim->keys.key_count; i++) {
        sim->keys.keys[i].refusal = OK;
    }
    for (unsigned i = 0; i < sim->member_count; i++) {
        struct sim_member *member = &sim->members[i];

        member->store.fail_next = member->store.fail_read = OK;
        member->store.slow_until_ns = 0;
        member->starts = 0;
        if (member->state != SIM_UP) {
            world_start_later(world, member);
        }
    }
}

/* Who may stay out for good, because its disk was made to fail: then not everything can settle. */
static bool is_crippled(const struct world *world)
{
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        const struct sim_member *member = &world->sim->members[i];

        if (member->store.damage + member->store.io_failures > 0) {
            return true;
        }
    }
    return false;
}

static const char *unsettled(struct world *world)
{
    const char *missing = oracle_unsettled(world->oracle);

    return missing != NULL ? missing : workload_unsettled(&world->workload);
}

void world_settle(struct world *world, uint64_t bound_ns)
{
    struct sim *sim = world->sim;
    const uint64_t end = sim->now + (is_crippled(world) ? CRIPPLED_S * SPAN_S(1).ns : bound_ns);
    const char *missing = "the time has not begun";

    while (!sim->failed && missing != NULL && sim->now < end) {
        sim_run_until(sim, sim->now + SPAN_MS(400).ns);
        missing = unsettled(world);
    }
    if (missing != NULL && !is_crippled(world)) {
        sim_fail(sim, 18, "not settled %llu s after the last fault: %s",
                 (unsigned long long)(bound_ns / 1000000000u), missing);
    }
    if (!sim->failed) {
        oracle_check_end(world->oracle);
    }
}
