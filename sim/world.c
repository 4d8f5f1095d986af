/* A world is a simulation with its oracle and its clients. Members are given keys, names and limits
 * here; who halts is started again after a while, unless it was right to refuse for good. A halt
 * that no injected fault explains is a failure at once. */
#include "base/check.h"
#include "sim/again.h"
#include "sim/atlas.h"
#include "sim/chaos.h"
#include "sim/oracle_retention.h"
#include "sim/sim_space.h"

#include <stdlib.h>

enum {
    AGAIN_ONE_IN = 8, /* starts that are also made twice in worlds of their own */
    STARTS_MAX = 60,
    CALM_GROWTH = 16,
    CRIPPLED_S = 15, /* where some disk failed there is no end to wait for, only a while to watch */
};

/* Something in the settings contradicts what the folder says now; false where there is none. */
static bool contradict(struct world *world, struct sim_member *member)
{
    struct member_settings *settings = member->kind == &sim_primary
                                           ? &member->settings.primary.member
                                           : &member->settings.replica.member;

    if (member->store.smalls[STORE_DESCRIPTOR].cache_size == 0) {
        return false;
    }
    switch (prng_below(&world->dice, 4)) {
    case 0:
        settings->encrypted = world->oracle->encrypted ? WISH_NO : WISH_YES;
        return true;
    case 1:
        snprintf(settings->cluster, sizeof settings->cluster, "cluster-OTHER");
        return true;
    case 2:
        snprintf(member->self.region, sizeof member->self.region, "%s",
                 sim_region_name((member->region + 1) % SIM_REGIONS));
        return true;
    default: /* number: dice */
        member->self.lineage.bytes[7] ^= 1;
        return true;
    }
}

/* A start that must be refused, and must not change a byte. */
static void start_defiantly(struct world *world, struct sim_member *member)
{
    const struct sim_member as_it_was = *member;
    const uint64_t before = sim_store_hash(&member->store);

    world->contradict[member->number] = false;
    if (!contradict(world, member)) {
        sim_start(world->sim, member);
        return;
    }
    sim_count(world->sim, FAULT_COMMAND);
    member->defiant = true;
    sim_start(world->sim, member);
    member->defiant = false;
    member->settings = as_it_was.settings;
    member->self = as_it_was.self;
    if (member->state == SIM_UP || sim_store_hash(&member->store) != before) {
        sim_fail(world->sim, 37, "%s %s by a start that contradicts its folder", member->name,
                 member->state == SIM_UP ? "is not deterred" : "is changed");
    }
}

static void run_recrash(struct sim *sim, const struct todo *todo)
{
    struct sim_member *member = &sim->members[todo->a];

    if (member->state == SIM_UP && member->life == todo->b) {
        sim_count(sim, (enum sim_fault)todo->c);
        sim_crash(sim, member, prng_chance(&sim->world->dice, 1, 2) ? SIM_KILL : SIM_POWER);
        world_start_later(sim->world, member);
    }
}

/* A disk that takes its time over a new epoch: heartbeats are due before that is durable. */
static void slow_down(struct world *world, struct sim_member *member)
{
    if (!world->calm && world->rates[FAULT_SLOW_DISK] > 0 && prng_chance(&world->dice, 1, 2)) {
        sim_count(world->sim, FAULT_SLOW_DISK);
        member->store.slow_until_ns =
            world->sim->now + prng_between(&world->dice, SPAN_MS(50).ns, SPAN_S(3).ns);
    }
}

/* What is rare must be struck on purpose: a suffix that is on its way to quarantine, an epoch that
 * is new to a replica. */
void world_on_trace(struct world *world, struct sim_member *member, const char *line)
{
    if (strcmp(line, "phase serving") == 0) {
        member->settings.primary.adopt_folder = world->adopts = false;
        chaos_on_serving(world, member);
    }
    if (strncmp(line, "epoch=", 6) == 0) {
        slow_down(world, member);
    }
    const bool is_cut = strncmp(line, "cut ", 4) == 0 || strncmp(line, "cut_done", 8) == 0;

    if (is_cut && !world->calm && world->rates[FAULT_CUT_CRASH] > 0) {
        /* some operations of its disk later, or while the link takes its time */
        sim_after(world->sim,
                  prng_below(&world->dice, prng_chance(&world->dice, 3, 4)
                                               ? 8 * member->store.latency_ns
                                               : SPAN_MS(100).ns),
                  (struct todo){run_recrash, member->number, member->life, FAULT_CUT_CRASH});
    }
}

static void run_start(struct sim *sim, const struct todo *todo)
{
    struct world *world = sim->world;
    struct sim_member *member = &sim->members[todo->a];

    if (member->state == SIM_UP || member->life != todo->b
        || (world->calm && world->twin != 0 && member->number == world->twin)) {
        return;
    }
    if (restoration_holds(world, member)) {
        sim_after(sim, SPAN_MS(20).ns, *todo);
        return;
    }
    if (world->names_level_once && member->number == world->oracle->primary
        && world->oracle->epoch > 0) {
        member->settings.primary.level_given = false;
    }
    if (world->promotes) {
        succession_on_start(world, member);
    }
    if (world->contradict[member->number]) {
        start_defiantly(world, member);
        return;
    }
    if (world->oracle->durable[member->number] > 0 && prng_chance(&world->dice, 1, AGAIN_ONE_IN)) {
        again_check(world, member);
    }
    sim_start(sim, member);
    if (world->recrash[member->number] > 0) {
        world->recrash[member->number]--;
        sim_after(sim, prng_below(&world->dice, 40 * member->store.latency_ns + SPAN_MS(10).ns),
                  (struct todo){run_recrash, member->number, member->life, FAULT_RECRASH});
    }
}

void world_start_later(struct world *world, struct sim_member *member)
{
    const uint64_t most =
        world->recrash[member->number] > 0 ? world->restart_ns / 4 : world->restart_ns;

    sim_after(world->sim, prng_between(&world->dice, world->restart_ns / 8, most),
              (struct todo){run_start, member->number, member->life, 0});
}

static bool keys_were_hurt(const struct sim *sim)
{
    static const enum sim_fault hurting[] = {FAULT_KEYS_SILENT, FAULT_KEYS_REFUSE, FAULT_KEYS_SLOW,
                                             FAULT_KEYS_HANG,   FAULT_KEYS_WRONG,  FAULT_PARTITION,
                                             FAULT_STALL,       FAULT_PAUSE};
    uint64_t hurt = 0;

    for (size_t i = 0; i < COUNT_OF(hurting); i++) {
        hurt += sim->faults[hurting[i]];
    }
    return hurt > 0;
}

/* Whether some fault that was injected explains why this member stopped by itself. */
static bool is_justified(const struct world *world, const struct sim_member *member)
{
    const struct sim_store *store = &member->store;
    const bool hurt = store->damage + store->io_failures + store->read_failures > 0;

    if ((world->oracle->members >> member->number & 1) == 0 || member->defiant) {
        return true;
    }
    if (member->halted_why == OK) {
        return member->asked_to_stop;
    }
    if (world->promotes && succession_explains(member)) {
        return true;
    }
    if (member->halted_why == E_KEY_LOST || member->halted_why == E_KEY_GONE) {
        return world->sim->faults[FAULT_KEYS_REFUSE] > 0;
    }
    if (member->halted_why == E_WENT_BACK) {
        return world->sim->faults[FAULT_CLAIM_LOSS] > 0;
    }
    if (member->halted_why == E_COORDINATOR || member->halted_why == E_CLAIM_LOST) {
        return world->sim->faults[FAULT_CLAIM] + world->sim->faults[FAULT_CLAIM_LOSS] > 0;
    }
    if (member->halted_why == E_LOST) { /* it joins anew, and the beginning is not there any more */
        return (world->oracle->told_lost >> member->number & 1) != 0;
    }
    if (member->halted_why == E_CUT_COMMITTED) { /* it is right: the writer's damaged disk is not */
        return hurt || world->sim->members[world->oracle->primary].store.unseen > 0;
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
    if (member->halted_why == E_COORDINATOR && world->names_level_once) {
        world->names_level_once = false; /* whoever reads that sentence does what it says */
        member->settings.primary.level_given = true;
    }
    if (member->halted_why == E_SUSPECT) { /* he has looked at the disk */
        member->settings.primary.member.accept_suspect = true;
    }
    /* An operator looks for the newest writer, and takes its word against the coordinator's. */
    member->settings.primary.adopt_folder =
        (member->halted_why == E_WENT_BACK && member->number == world->oracle->primary)
        || (member->halted_why == E_COORDINATOR
            && strstr(member->halted_text, "--adopt-folder") != NULL);
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
    settings->key_poll = SPAN_S(3600); /* stories are told undisturbed; who wants it says so */
    settings->mark_rest = SPAN_MS(40);
    settings->mark_gap = SPAN_MS(250);
    member->store.spare_bytes = settings->segment_bytes;
}

static bool may_harm(const void *context, unsigned member, const struct sim_file *file,
                     uint64_t begin, uint64_t end)
{
    const struct world *world = context;

    /* A writer that has lost its end learns it from the members that the coordinator knows. Where
     * both are lost a person decides, and that is no promise to test. */
    if (member == world->oracle->primary && world->sim->faults[FAULT_CLAIM_LOSS] > 0) {
        return false;
    }
    return atlas_allows(world->oracle, &world->sim->members[member], file, begin, end);
}

static void admit(struct world *world, struct sim_member *member, bool votes)
{
    member->store.leave = (struct sim_leave){may_harm, world};
    oracle_admit(world->oracle, member, votes);
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
    admit(world, member, false);
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
    admit(world, member, upstream->self.role == ROLE_PRIMARY);
    return member;
}

void world_calm(struct world *world)
{
    struct sim *sim = world->sim;

    sim_say(sim, NULL, "all faults end");
    world->calm = world->workload.calm = true;
    world->lull = world->workload.rests = false;
    sim->net.dial_failures = 0;
    sim_net_heal(sim);
    sim->tamper.wanted = false;
    memset(sim->keys.unreachable_until, 0, sizeof sim->keys.unreachable_until);
    memset(sim->keys.slow_until, 0, sizeof sim->keys.slow_until);
    memset(sim->keys.hangs_until, 0, sizeof sim->keys.hangs_until);
    memset(sim->keys.wrong_until, 0, sizeof sim->keys.wrong_until);
    memset(world->recrash, 0, sizeof world->recrash);
    memset(world->contradict, 0, sizeof world->contradict);
    sim->claim.unreachable_until = 0;
    for (unsigned i = 0; i < sim->keys.key_count; i++) {
        sim_keys_refuse(sim, &sim->keys.keys[i], OK);
    }
    for (unsigned i = 0; i < sim->member_count; i++) {
        struct sim_member *member = &sim->members[i];

        member->store.fail_next = member->store.fail_read = OK;
        member->store.misdirects = false;
        member->store.slow_until_ns = 0;
        member->store.capacity_bytes *= CALM_GROWTH; /* an operator adds space, too */
        sim_space_fill(sim, member, 0);
        member->starts = 0;
        if (member->state != SIM_UP) {
            world_start_later(world, member);
        }
    }
}

/* Who may stay out for good, because its disk was made to fail: then not everything can settle. */
static bool is_crippled(const struct world *world)
{
    const uint32_t waiting = world->oracle->told_lost | world->oracle->key_loss.gone;

    if (waiting != 0) { /* by right: for a person */
        return true;
    }
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        const struct sim_member *member = &world->sim->members[i];

        if (member->store.unseen > 0 || member->store.no_control
            || ((world->oracle->members >> i & 1) != 0 && oracle_is_lost(world->oracle, member))) {
            return true;
        }
    }
    return false;
}

static const char *unsettled(struct world *world)
{
    const char *missing = workload_unsettled(&world->workload);

    return missing != NULL ? missing : oracle_unsettled(world->oracle); /* who reads disks */
}

/* A writer that may lack its end may wait for a member that has lost its disk, or its own end, and
 * will never answer. An operator knows, and says so: what others have is enough (sim/atlas.h). */
static bool waits_for_nobody(const struct world *world, const struct sim_member *member)
{
    static struct member_status status;

    if (member->number != world->oracle->primary || member->kind != &sim_primary) {
        return false;
    }
    primary_status(member->node, (struct instant){world->sim->now}, &status);
    return strstr(status.repair, "--adopt-folder") != NULL;
}

static void restart(struct world *world, struct sim_member *member)
{
    sim_crash(world->sim, member, SIM_KILL);
    world_start_later(world, member);
}

/* What is damaged in the newest segment is found by the next start. */
static void restart_harmed(struct world *world)
{
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        struct sim_member *member = &world->sim->members[i];

        if (member->store.damage > 0 && member->state == SIM_UP) {
            restart(world, member);
        }
    }
}

static void adopt_where_it_waits(struct world *world)
{
    struct sim_member *writer = &world->sim->members[world->oracle->primary];

    if (writer->state == SIM_UP && waits_for_nobody(world, writer)) {
        writer->settings.primary.adopt_folder = world->adopts = true;
        restart(world, writer);
    }
}

void world_settle(struct world *world, uint64_t bound_ns)
{
    struct sim *sim = world->sim;
    const uint64_t end = sim->now + (is_crippled(world) ? CRIPPLED_S * SPAN_S(1).ns : bound_ns);
    uint64_t look_at = sim->now + bound_ns / 3;
    const char *missing = "the time has not begun";
    unsigned looks = 0;

    while (!sim->failed && missing != NULL && sim->now < end) {
        sim_run_until(sim, sim->now + SPAN_MS(400).ns);
        missing = unsettled(world);
        if (missing != NULL && sim->now >= look_at) {
            looks++ == 0 ? restart_harmed(world) : adopt_where_it_waits(world);
            look_at += bound_ns / 6;
        }
    }
    if (missing != NULL && !is_crippled(world)) {
        sim_fail(sim, 18, "not settled %llu s after the last fault: %s",
                 (unsigned long long)(bound_ns / 1000000000u), missing);
    }
    if (!sim->failed) {
        oracle_check_end(world->oracle, missing == NULL);
    }
}
