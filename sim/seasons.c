/* One item on the agenda ends the season and begins the next. Faults that last (a partition, a
 * refused key) end by themselves, in a lull or before; whoever is down is started as usual. */
#include "sim/seasons.h"

#include "sim/chaos.h"

enum {
    TROUBLE_S_MIN = 3,
    TROUBLE_S_MAX = 12,
    LULL_S_MIN = 20,
    LULL_S_MAX = 120,
    APPENDS_MIN = 5, /* of each producer, each time */
    APPENDS_MAX = 40,
    SLOWER_MAX = 30,
};

static void slow_down(struct span *span, uint64_t times)
{
    span->ns *= times;
}

void seasons_slow_down(struct world *world)
{
    prng_seed(&world->season_dice, world->sim->seed ^ 0x5ea50c5);
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        struct sim_member *member = &world->sim->members[i];
        const uint64_t times = prng_between(&world->season_dice, 1, SLOWER_MAX);
        struct member_settings *both[] = {&member->settings.primary.member,
                                          &member->settings.replica.member};

        for (unsigned j = 0; j < 2; j++) {
            slow_down(&both[j]->scrub_gap, times);
            slow_down(&both[j]->retain_age, times);
            slow_down(&both[j]->pin_age, times);
        }
    }
}

static void wake(struct world *world)
{
    struct workload *workload = &world->workload;

    for (unsigned i = 0; i < workload->client_count; i++) {
        if (workload->clients[i].kind == CLIENT_PRODUCER) {
            workload->clients[i].appends_left +=
                (unsigned)prng_between(&world->season_dice, APPENDS_MIN, APPENDS_MAX);
        }
    }
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        world->sim->members[i].starts = 0;
    }
}

static void run_season(struct sim *sim, const struct todo *todo)
{
    struct world *world = sim->world;

    (void)todo;
    if (world->calm) {
        return;
    }
    world->lull = world->workload.rests = !world->lull;
    sim_say(sim, NULL, world->lull ? "a lull" : "trouble");
    if (world->lull) {
        sim_after(sim, SPAN_S(prng_between(&world->season_dice, LULL_S_MIN, LULL_S_MAX)).ns,
                  (struct todo){run_season, 0, 0, 0});
        return;
    }
    wake(world);
    seasons_begin(world);
}

void seasons_begin(struct world *world)
{
    chaos_begin(world);
    sim_after(world->sim,
              SPAN_S(prng_between(&world->season_dice, TROUBLE_S_MIN, TROUBLE_S_MAX)).ns,
              (struct todo){run_season, 0, 0, 0});
}
