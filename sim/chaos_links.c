/* What befalls links: they are cut, once or again and again; regions are parted; what is said on
 * the way is forged, doubled, swapped or old. */
#include "sim/chaos_parts.h"

void chaos_cut_link(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    const link_t link = sim_net_any_link(world->sim);

    (void)victim;
    if (link != 0) {
        sim_count(world->sim, fault);
        sim_net_cut(world->sim, link);
    }
}

static void run_flap(struct sim *sim, const struct todo *todo)
{
    struct world *world = sim->world;
    const link_t link = sim_net_any_link(sim);

    if (world->calm || sim->now > todo->a) {
        return;
    }
    if (link != 0) {
        sim_net_cut(sim, link);
    }
    sim_after(sim, prng_between(&world->dice, SPAN_MS(100).ns, SPAN_S(1).ns), *todo);
}

void chaos_flap(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    (void)victim;
    sim_count(world->sim, fault);
    sim_after(world->sim, 0, (struct todo){run_flap, chaos_until(world, 6), 0, 0});
}

void chaos_part(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    const bool both = fault == FAULT_PARTITION;
    struct sim *sim = world->sim;
    const unsigned a = chaos_any_member(world)->region;
    const unsigned b = chaos_any_member(world)->region;
    const uint64_t end = chaos_until(world, 8);

    (void)victim;
    if (a == b) {
        return;
    }
    sim_count(sim, fault);
    sim_say(sim, NULL, "%s %s %s", sim_region_name(a), both ? "and" : "no longer reaches",
            sim_region_name(b));
    sim_net_block(sim, a, b, end);
    if (both) {
        sim_net_block(sim, b, a, end);
    }
}

void chaos_tamper(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    struct sim_tamper *tamper = &world->sim->tamper;
    const uint64_t end = chaos_until(world, 3);
    const bool header = prng_chance(&world->dice, 1, 2);

    (void)victim;
    if (tamper->wanted && tamper->what == FAULT_FORGED && !tamper->struck) {
        return; /* it waits for what it can forge, which may take longer than the next order */
    }
    tamper->wanted = true;
    tamper->struck = false;
    tamper->what = fault;
    tamper->until_ns = end;
    tamper->header = header;
}
