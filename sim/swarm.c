/* A seed draws a world, lets it suffer, lets it rest, and says what came of it. */
#include "sim/swarm.h"
#include "sim/oracle_retention.h"

#include "base/check.h"
#include "sim/chaos.h"
#include "sim/seasons.h"

#include <stdlib.h>

enum { SETTLE_S = 180 };

static struct level draw_level(struct prng *dice, unsigned voters, unsigned regions)
{
    switch (prng_below(dice, 3)) {
    case 1:
        return voters == 0 ? (struct level){LEVEL_LOCAL, 0}
                           : (struct level){LEVEL_QUORUM, (unsigned)prng_between(dice, 1, voters)};
    case 2:
        return regions == 0
                   ? (struct level){LEVEL_LOCAL, 0}
                   : (struct level){LEVEL_REGION, (unsigned)prng_between(dice, 1, regions)};
    default: /* number: dice */
        return (struct level){LEVEL_LOCAL, 0};
    }
}

struct shape {
    bool encrypted;
    unsigned replicas;
    unsigned region_of[SIM_MEMBERS_MAX]; /* 0: the primary's */
    int upstream_of[SIM_MEMBERS_MAX]; /* member number */
    unsigned voters, voter_regions;
    struct level level;
};

static struct shape draw_shape(struct prng *dice)
{
    struct shape shape = {.encrypted = prng_chance(dice, 3, 4)};
    const unsigned regions = (unsigned)prng_between(dice, 1, 5);
    unsigned pool[5];
    bool seen[SIM_REGIONS] = {false};

    for (unsigned i = 0; i < regions; i++) {
        pool[i] = (unsigned)prng_below(dice, SIM_REGIONS);
    }
    shape.region_of[0] = pool[0];
    shape.replicas = (unsigned)prng_below(dice, prng_chance(dice, 1, 4) ? 7 : 4);
    seen[pool[0]] = true;
    for (unsigned i = 1; i <= shape.replicas; i++) {
        const bool cascades = i > 1 && prng_chance(dice, 1, 4);

        shape.region_of[i] = pool[prng_below(dice, regions)];
        shape.upstream_of[i] = cascades ? (int)prng_between(dice, 1, i - 1) : 0;
        if (!cascades) {
            shape.voters++;
            shape.voter_regions += !seen[shape.region_of[i]];
            seen[shape.region_of[i]] = true;
        }
    }
    shape.level = draw_level(dice, shape.voters, shape.voter_regions);
    return shape;
}

/* Sizes that make segments of a few batches, windows of two to eight, and much waiting. */
static void draw_limits(struct world *world, struct member_settings *settings)
{
    struct prng *dice = &world->dice;
    const uint64_t largest = 4 * settings->batch_bytes + 8 * world->oracle->record_bytes_max;

    settings->segment_bytes = (64u << prng_below(dice, 3)) << 10;
    settings->window_bytes = (largest + 4095) / 4096 * 4096 << prng_below(dice, 3);
    settings->window_batches = (uint32_t)prng_between(dice, 6, 16);
    settings->feed_window_bytes = (uint64_t)prng_between(dice, 16, 256) << 10;
    settings->scrub_gap = SPAN_S(4);
    settings->reads_max = (uint32_t)prng_between(dice, 2, 6);
}

static void draw_disk(struct world *world, struct sim_member *member,
                      const struct member_settings *settings)
{
    struct prng *dice = &world->dice;

    member->store.latency_ns = SPAN_US(20).ns << prng_below(dice, 10);
    member->store.recycles = prng_chance(dice, 1, 2);
    member->store.spare_bytes = prng_chance(dice, 1, 4) ? 0 : settings->segment_bytes;
}

static void add_members(struct world *world, const struct shape *shape)
{
    struct sim_member *primary = world_add_primary(world, shape->region_of[0]);
    char name[16];

    for (unsigned i = 1; i <= shape->replicas; i++) {
        snprintf(name, sizeof name, "replica-%u", i);
        world_add_replica(world, name, shape->region_of[i],
                          &world->sim->members[shape->upstream_of[i]]);
    }
    draw_limits(world, &primary->settings.primary.member);
    primary->settings.primary.pending_max = (uint32_t)prng_between(&world->dice, 4, 128);
    primary->settings.primary.groups_max = (uint32_t)prng_between(&world->dice, 1, 6);
    draw_disk(world, primary, &primary->settings.primary.member);
    for (unsigned i = 1; i <= shape->replicas; i++) {
        struct member_settings *settings = &world->sim->members[i].settings.replica.member;

        draw_limits(world, settings);
        settings->segment_bytes = primary->settings.primary.member.segment_bytes;
        draw_disk(world, &world->sim->members[i], settings);
    }
}

/* Half of the worlds let old segments go: by bytes or age, with pins that hold long or hardly. */
static void draw_retention(struct prng *dice, struct sim_member *member)
{
    struct member_settings *settings = member->kind == &sim_primary
                                           ? &member->settings.primary.member
                                           : &member->settings.replica.member;
    const bool is_short = prng_chance(dice, 1, 5);

    if (prng_chance(dice, 3, 4)) {
        settings->retain_bytes = settings->segment_bytes * prng_between(dice, 1, 5);
    }
    if (prng_chance(dice, 1, 3)) {
        settings->retain_age = SPAN_MS(prng_between(dice, 300, 6000));
    }
    settings->pin_bytes = settings->segment_bytes
                          * (is_short ? prng_between(dice, 1, 6) : prng_between(dice, 12, 200));
    settings->pin_age = is_short ? SPAN_MS(prng_between(dice, 500, 6000)) : SPAN_S(120);
    settings->retain_gap = SPAN_MS(prng_between(dice, 20, 300));
}

/* Of its own dice: whether segments go changes nothing else that a seed draws. */
static void draw_room(struct world *world, uint64_t seed)
{
    struct prng dice;

    prng_seed(&dice, seed ^ 0x2e7a1);
    const bool lets_go = prng_chance(&dice, 1, 2);

    for (unsigned i = 0; i < world->sim->member_count; i++) {
        struct sim_member *member = &world->sim->members[i];

        if (lets_go) {
            draw_retention(&dice, member);
        }
        if (prng_chance(&dice, 1, 2)) {
            member->store.capacity_bytes =
                world->sim->members[0].settings.primary.member.segment_bytes
                * prng_between(&dice, 24, 96);
        }
    }
}

/* A replica that asks for the other at-rest setting, or whose certificate names another lineage,
 * whether it says so itself or lies. */
static void add_impostor(struct world *world, const struct shape *shape)
{
    struct sim_member *impostor =
        world_add_replica(world, "impostor", shape->region_of[0], &world->sim->members[0]);

    world->oracle->members &= ~(1u << impostor->number);
    world->oracle->voters &= ~(1u << impostor->number);
    sim_count(world->sim, FAULT_IMPOSTOR);
    switch (prng_below(&world->dice, 3)) {
    case 0:
        impostor->self.lineage.bytes[5] = 1;
        return;
    case 1:
        impostor->certified = impostor->self.lineage;
        impostor->certified.bytes[5] = 1;
        return;
    default: /* number: dice */
        impostor->settings.replica.member.encrypted = shape->encrypted ? WISH_NO : WISH_YES;
        return;
    }
}

/* A second process with a replica's certificate and a disk of its own: whoever is linked stays, and
 * the other one is refused; each takes its turn when the other one is down. Of its own dice. */
static void add_twin(struct world *world, const struct shape *shape)
{
    const struct sim_member *primary = &world->sim->members[0];
    struct prng dice;

    prng_seed(&dice, world->sim->seed ^ 0x7817);
    if (!prng_chance(&dice, 1, 8) || shape->replicas == 0) {
        return;
    }
    const unsigned of = (unsigned)prng_between(&dice, 1, shape->replicas);
    const struct sim_member *upstream = &world->sim->members[shape->upstream_of[of]];
    struct sim_member *twin = world_add_replica(world, "twin", shape->region_of[of], upstream);

    snprintf(twin->self.member, sizeof twin->self.member, "replica-%u", of);
    twin->settings.replica.member.segment_bytes = primary->settings.primary.member.segment_bytes;
    twin->store.spare_bytes = primary->settings.primary.member.segment_bytes;
    world->twin = twin->number;
    sim_count(world->sim, FAULT_TWIN);
}

/* Somebody has read what it says, and stops it. */
static void end_twin(struct world *world)
{
    struct sim_member *twin = &world->sim->members[world->twin];

    if (world->twin == 0) {
        return;
    }
    if (twin->state == SIM_UP) {
        sim_crash(world->sim, twin, SIM_KILL);
    }
    world->oracle->members &= ~(1u << twin->number);
    world->oracle->left |= 1u << twin->number;
}

/* How soon a refused key shows, and for how long it may be refused: seven days, or so little that
 * some are refused for longer. Where much else strikes that seldom comes to anything, so it is
 * arranged in some. Of dice of its own. */
static void draw_patience(struct world *world)
{
    struct prng dice;

    prng_seed(&dice, world->sim->seed ^ 0x4e105);
    const struct span poll = SPAN_MS(prng_between(&dice, 200, 2500));
    const struct span window =
        prng_chance(&dice, 1, 4) ? SPAN_MS(prng_between(&dice, 500, 4000)) : SPAN_S(7 * 86400);

    for (unsigned i = 0; i < world->sim->member_count; i++) {
        struct sim_member *member = &world->sim->members[i];

        member->settings.primary.member.key_poll = member->settings.replica.member.key_poll = poll;
        member->settings.primary.member.key_loss_window =
            member->settings.replica.member.key_loss_window = window;
    }
    if (prng_chance(&dice, 1, 4)) {
        chaos_refuse_some_day(world, &dice);
    }
}

static void add_clients(struct world *world, const struct shape *shape)
{
    struct prng *dice = &world->dice;
    const unsigned producers = (unsigned)prng_between(dice, 1, 4);

    for (unsigned i = 0; i < producers; i++) {
        workload_add(&world->workload, CLIENT_PRODUCER, 0, (unsigned)prng_between(dice, 20, 150));
    }
    for (unsigned i = 0; i < 3; i++) {
        workload_add(&world->workload, CLIENT_READER,
                     (unsigned)prng_below(dice, shape->replicas + 1), 0);
    }
    if (prng_chance(dice, 1, 4)) {
        workload_add(&world->workload, CLIENT_STRANGER,
                     (unsigned)prng_below(dice, shape->replicas + 1), 0);
    }
    world->workload.think_ns = SPAN_MS(2).ns << prng_below(dice, 6);
    for (unsigned i = 0; i < COUNT_OF(world->workload.levels); i++) {
        world->workload.levels[i] = draw_level(dice, shape->voters, shape->voter_regions);
    }
    world->workload.level_count = COUNT_OF(world->workload.levels);
    world->workload.verifies = true;
    world->workload.trespasses = prng_chance(dice, 1, 4);
}

/* What the atlas lets happen is mended, and so need not be rare. Of its own dice. */
static void draw_damage(struct world *world)
{
    static const enum sim_fault mended[] = {FAULT_ROT, FAULT_MISDIRECTED, FAULT_LOST_FILE};
    struct prng dice;

    prng_seed(&dice, world->sim->seed ^ 0xa71a5);
    for (unsigned i = 0; i < COUNT_OF(mended); i++) {
        if (prng_chance(&dice, 1, 4)) {
            world->rates[mended[i]] = (unsigned)prng_between(&dice, 1, 10);
        }
    }
}

/* Most classes are absent from any one seed; what cripples a disk for good is rare and alone. */
static void draw_rates(struct world *world)
{
    struct prng *dice = &world->dice;

    static const enum sim_fault crippling[] = {
        FAULT_IO, FAULT_FULL, FAULT_ROT, FAULT_MISDIRECTED, FAULT_LOST_FILE, FAULT_NO_CONTROL};

    for (unsigned i = 0; i < FAULT_PROMOTION; i++) {
        world->rates[i] = prng_chance(dice, 1, 3) ? (unsigned)prng_between(dice, 1, 10) : 0;
    }
    if (prng_chance(dice, 1, 3)) {
        world->rates[FAULT_BEHIND] = 40;
        world->rates[FAULT_CUT_CRASH] = prng_chance(dice, 3, 4);
    }
    for (unsigned i = 0; i < COUNT_OF(crippling); i++) {
        world->rates[crippling[i]] = 0;
    }
    if (prng_chance(dice, 1, 4)) {
        world->rates[crippling[prng_below(dice, COUNT_OF(crippling))]] = 5;
    }
    draw_damage(world);
    world->fault_gap_ns = prng_chance(dice, 1, 10) ? 0 : SPAN_MS(50).ns << prng_below(dice, 6);
    world->sim->net.jitter_ns = prng_chance(dice, 1, 2) ? 0 : SPAN_MS(20).ns;
    world->sim->net.bytes_per_s = 60000u << prng_below(dice, 12);
    world->sim->net.dial_failures =
        world->rates[FAULT_DIAL] == 0 ? 0 : (unsigned)prng_below(dice, 400);
}

/* Where somebody may be promoted, the level is one at which some may be missing: what is committed
 * is then not on everybody who may be asked. */
static void draw_level_of_succession(uint64_t seed, struct shape *shape)
{
    struct prng dice;

    prng_seed(&dice, seed ^ 0x50cce55);
    if (prng_chance(&dice, 1, 3) && shape->replicas > 1 && shape->voters == shape->replicas) {
        shape->level = (struct level){LEVEL_QUORUM, 1 + (unsigned)(seed % (shape->replicas - 1))};
    }
}

/* From dice of its own, so that the other worlds stay what they were. A record that the coordinator
 * has lost may name the wrong writer: there a person must find out who served last. */
static void draw_succession(struct world *world, const struct shape *shape)
{
    const bool has_impostor = world->sim->member_count > shape->replicas + 1;

    prng_seed(&world->succession_dice, world->sim->seed ^ 0x50cce55);
    if (!prng_chance(&world->succession_dice, 1, 3) || shape->replicas == 0 || has_impostor) {
        return;
    }
    const bool forgets = world->rates[FAULT_CLAIM_LOSS] > 0;

    world->rates[FAULT_CLAIM_LOSS] = 0;
    world->oracle->accepts_losses = prng_chance(&world->succession_dice, 1, 4);
    world->workload.follows_writer = true;
    succession_begin(world, &world->operator, prng_next(&world->succession_dice));
    if (forgets) {
        restoration_begin(world, world->sim->seed);
    }
}

void swarm_collect(struct world *world, struct swarm_result *result)
{
    const struct sim *sim = world->sim;

    result->failed = sim->failed;
    result->invariant = sim->failed_invariant;
    memcpy(result->failure, sim->failure, sizeof result->failure);
    result->hash = sim->hash;
    result->steps = sim->steps;
    result->virtual_ns = sim->now;
    memcpy(result->faults, sim->faults, sizeof result->faults);
    memcpy(result->recoveries, sim->recoveries, sizeof result->recoveries);
    for (unsigned i = 0; i < sim->member_count; i++) {
        result->faults[FAULT_TORN] += sim->members[i].store.torn_sectors > 0;
        result->excused += sim->members[i].store.damage + sim->members[i].store.io_failures > 0;
    }
    for (unsigned i = 0; i < world->workload.client_count; i++) {
        result->appended += world->workload.clients[i].appended;
        result->records_read += world->workload.clients[i].records_read;
    }
    result->batches = world->oracle->batches_checked;
    result->digests = world->oracle->digests_checked;
    result->commits_checked = world->oracle->commits_checked;
    result->acks_checked = world->oracle->acks_checked;
    result->verified_segments = world->oracle->verified_segments;
    result->verified_damages = world->oracle->verified_damages;
    result->repairs = world->oracle->repairs;
    result->deletions = world->oracle->deletions_checked;
    for (unsigned i = 0; i < sim->member_count; i++) {
        result->lost += (world->oracle->members >> i & 1) != 0
                        && oracle_is_lost(world->oracle, &sim->members[i]);
    }
}

static void check_impostor(struct world *world)
{
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        const struct sim_member *member = &world->sim->members[i];

        if ((world->oracle->members >> i & 1) == 0 && i != world->twin
            && member->store.groups > 0) {
            sim_fail(world->sim, 37, "%s stores something of a WAL that refuses it", member->name);
        }
    }
}

/* Faults, with lulls between them where there is time for that. */
static void suffer(struct world *world, struct span length)
{
    if (length.ns > 0) {
        seasons_begin(world);
        sim_run_until(world->sim, length.ns);
        return;
    }
    chaos_begin(world);
    sim_run_until(world->sim, SPAN_S(prng_between(&world->dice, 3, 15)).ns);
}

struct swarm_result swarm_run(uint64_t seed, struct span length, FILE *print)
{
    struct swarm_result result = {0};
    struct prng dice;

    prng_seed(&dice, seed);
    struct shape shape = draw_shape(&dice);

    draw_level_of_succession(seed, &shape);
    struct world *world = world_create(seed, shape.encrypted, shape.level);

    swarm_current = world;
    world->sim->transcript.print = print;
    world->oracle->record_bytes_max = 1024u << prng_below(&world->dice, 4);
    world->oracle->record_bytes_usual =
        (uint32_t)prng_between(&world->dice, 20, world->oracle->record_bytes_max);
    add_members(world, &shape);
    draw_room(world, seed);
    key_orders_begin(world, seed);
    if (prng_chance(&world->dice, 1, 8)) {
        add_impostor(world, &shape);
    } else {
        add_twin(world, &shape);
    }
    add_clients(world, &shape);
    draw_rates(world);
    world->names_level_once = prng_chance(&world->dice, 1, 2);
    draw_patience(world);
    draw_succession(world, &shape);
    if (length.ns > 0) {
        seasons_slow_down(world);
    }
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        world_start_later(world, &world->sim->members[i]);
    }
    suffer(world, length);
    if (!world->sim->failed) {
        end_twin(world);
        world_calm(world);
        world_settle(world, SPAN_S(SETTLE_S).ns);
        check_impostor(world);
    }
    swarm_collect(world, &result);
    world_destroy(world);
    swarm_current = NULL;
    return result;
}

struct world *swarm_current;
