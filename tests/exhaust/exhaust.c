/* One world after the other, each with its fault one place later. */
#include "tests/exhaust/exhaust.h"

#include "tests/exhaust/countdown.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW_STEPS = 20, FEW_WRITES = 4, CALM_S = 60, SKIPPED_MAX = 1000 };

static void cut_links(struct sim *sim)
{
    for (link_t link = 1; link <= sim->net.link_count; link++) {
        if (sim_net_link(&sim->net, link) != NULL) {
            sim_net_cut(sim, link);
        }
    }
}

static void crash(struct world *world, const struct sim_member *victim, enum what what)
{
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        struct sim_member *member = &world->sim->members[i];

        if (member == victim || what == WHAT_POWER_ALL) {
            sim_crash(world->sim, member, what == WHAT_KILL ? SIM_KILL : SIM_POWER);
            world_start_later(world, member);
        }
    }
}

static void strike(struct world *world, struct sim_member *victim, enum what what)
{
    switch (what) {
    case WHAT_KILL:
    case WHAT_POWER:
    case WHAT_POWER_ALL:
        crash(world, victim, what);
        return;
    case WHAT_IO:
        victim->store.fail_next = E_IO;
        return;
    case WHAT_FULL:
        victim->store.fail_next = E_DISK_FULL;
        return;
    case WHAT_READ:
        victim->store.fail_read = E_IO;
        return;
    case WHAT_CUT:
        cut_links(world->sim);
        return;
    case WHAT_CUT_ONE:
        sim_net_cut(world->sim, world->sim->net.heard_on);
        return;
    case WHAT_CALL:
    case WHAT_ALLOCATION:
    case WHAT_FLIP:
        return; /* it has struck, within the step */
    case WHATS:
        break;
    }
    NEED(false);
}

static bool is_of_writes(enum what what)
{
    return what == WHAT_IO || what == WHAT_FULL;
}

static bool is_within(enum what what)
{
    return what == WHAT_CALL || what == WHAT_ALLOCATION || what == WHAT_FLIP;
}

static uint64_t count_of(const struct sim_member *victim, enum what what)
{
    if (is_within(what)) {
        return countdown_count();
    }
    if (what == WHAT_CUT_ONE) {
        return victim->sim->net.messages;
    }
    return is_of_writes(what) ? victim->store.groups : victim->steps;
}

static void begin_within(struct world *world, struct sim_member *victim, enum what what, uint64_t n)
{
    static const enum countdown_of of[WHATS] = {[WHAT_CALL] = COUNTDOWN_CALLS,
                                                [WHAT_ALLOCATION] = COUNTDOWN_ALLOCATIONS,
                                                [WHAT_FLIP] = COUNTDOWN_BYTES};

    if (is_within(what)) {
        countdown_begin(world, victim, of[what], n);
    }
}

unsigned exhaust_stride(void)
{
    const char *text = getenv("EXHAUST_STRIDE");
    const int number = text == NULL ? 1 : atoi(text);

    NEED(number > 0 && number % 2 == 1);
    return (unsigned)number;
}

/* False where the run ends before that place. */
static bool run_to_place(struct world *world, const struct sim_member *victim, enum what what,
                         uint64_t place, uint64_t end_ns)
{
    while (count_of(victim, what) < place && world->sim->now < end_ns && sim_next(world->sim)) {
    }
    return count_of(victim, what) >= place;
}

static bool becomes_well(struct world *world, const struct exhaustion *run)
{
    const uint64_t end = world->sim->now + SPAN_S(CALM_S).ns;

    while (!world->sim->failed && world->sim->now < end && !run->is_well(world)) {
        sim_run_until(world->sim, world->sim->now + SPAN_MS(500).ns);
    }
    return world->sim->failed || run->is_well(world);
}

static void end(struct world *world, const struct exhaustion *run, uint64_t n, uint64_t again)
{
    bool well = true;

    if (!world->sim->failed) {
        world_calm(world);
        world_settle(world, SPAN_S(CALM_S).ns);
    }
    if (!world->sim->failed && run->is_well != NULL) {
        well = becomes_well(world, run);
    }
    if (world->sim->failed || !well) {
        transcript_print_tail(&world->sim->transcript, stderr);
        fprintf(stderr, "%u.%d.%llu.%llu: %s\n", run->member, (int)run->what, (unsigned long long)n,
                (unsigned long long)again, well ? world->sim->failure : "does not become well");
    }
    EXPECT(!world->sim->failed && well);
}

/* EXHAUST_AT, as a failure says it: that place only, with all that happens. */
static bool is_wanted(const struct exhaustion *run, uint64_t n, uint64_t again)
{
    const char *wanted = getenv("EXHAUST_AT");
    char here[64];

    snprintf(here, sizeof here, "%u.%d.%llu.%llu", run->member, (int)run->what,
             (unsigned long long)n, (unsigned long long)again);
    return wanted == NULL || strcmp(wanted, here) == 0;
}

bool exhaust_one(const struct exhaustion *run, uint64_t n, uint64_t again)
{
    if (!is_wanted(run, n, again)) {
        return n + 1 < SKIPPED_MAX;
    }
    struct world *world = run->make();

    world->sim->transcript.print = getenv("EXHAUST_AT") != NULL ? stderr : NULL;
    struct sim_member *victim = &world->sim->members[run->member];
    begin_within(world, victim, run->what, n);
    const uint64_t place = count_of(victim, run->what) + n;
    const bool reached =
        run_to_place(world, victim, run->what, place, world->sim->now + SPAN_S(run->run_s).ns);

    strike(world, victim, run->what);
    if (again > 0
        && run_to_place(world, victim, run->what, place + again, world->sim->now + SPAN_S(3).ns)) {
        strike(world, victim, run->what);
    }
    countdown_end();
    sim_run_until(world->sim, world->sim->now + SPAN_S(2).ns);
    end(world, run, n, again);
    world_destroy(world);
    return reached;
}

void exhaust_all(const struct exhaustion *run)
{
    const bool thins = run->every > 0 && getenv("EXHAUST_FULL") == NULL;
    const unsigned every = exhaust_stride() * (thins ? run->every : 1);
    uint64_t n = 1;

    while (n < N_MAX && exhaust_one(run, n, 0)) {
        n += every;
    }
    EXPECT(n > (is_of_writes(run->what) ? FEW_WRITES : FEW_STEPS));
    EXPECT(n < N_MAX);
}
