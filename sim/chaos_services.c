/* What befalls key services and the coordinator: they are away, slow, hang, refuse, give another
 * key, or have forgotten. */
#include "sim/chaos.h"
#include "sim/chaos_parts.h"

static uint64_t *until_of_regions(struct sim_keys *keys, enum sim_fault fault)
{
    switch ((int)fault) {
    case FAULT_KEYS_SILENT:
        return keys->unreachable_until;
    case FAULT_KEYS_SLOW:
        return keys->slow_until;
    case FAULT_KEYS_HANG:
        return keys->hangs_until;
    default: /* number: the last of its kind */
        return keys->wrong_until;
    }
}

void chaos_hurt_keys(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    uint64_t *until_of_region = until_of_regions(&world->sim->keys, fault);

    (void)victim;
    if (world->oracle->encrypted) {
        sim_count(world->sim, fault);
        until_of_region[chaos_any_member(world)->region] = chaos_until(world, 6);
    }
}

static void run_enable(struct sim *sim, const struct todo *todo)
{
    sim_keys_refuse(sim, &sim->keys.keys[todo->a], OK);
}

void chaos_refuse_key(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    static const enum status refusals[] = {E_KEY_DISABLED, E_KEY_DENIED, E_KEY_PENDING_DELETION};
    const unsigned key = chaos_any_member(world)->region;

    (void)victim;
    if (world->oracle->encrypted) {
        sim_count(world->sim, fault);
        sim_keys_refuse(world->sim, &world->sim->keys.keys[key],
                        refusals[prng_below(&world->dice, 3)]);
        sim_at(world->sim, chaos_until(world, 6), (struct todo){run_enable, key, 0, 0});
    }
}

static void run_refuse(struct sim *sim, const struct todo *todo)
{
    struct world *world = sim->world;

    if (!world->calm) {
        sim_count(sim, FAULT_KEYS_REFUSE);
        sim_keys_refuse(sim, &sim->keys.keys[todo->a], (enum status)todo->c);
        sim_after(sim, todo->b, (struct todo){run_enable, todo->a, 0, 0});
    }
}

void chaos_refuse_some_day(struct world *world, struct prng *dice)
{
    static const enum status refusals[] = {E_KEY_DISABLED, E_KEY_DENIED, E_KEY_PENDING_DELETION};
    const struct sim_member *victim =
        &world->sim->members[prng_below(dice, world->sim->member_count)];
    const uint64_t at = prng_between(dice, SPAN_S(1).ns, SPAN_S(8).ns);
    const uint64_t length = prng_between(dice, SPAN_S(1).ns, SPAN_S(8).ns);

    if (world->oracle->encrypted) {
        sim_at(world->sim, at,
               (struct todo){run_refuse, victim->region, length, refusals[prng_below(dice, 3)]});
    }
}

void chaos_silence_coordinator(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    (void)victim;
    sim_count(world->sim, fault);
    world->sim->claim.unreachable_until = chaos_until(world, 5);
}

/* Its memory was lost, or an old copy of it was restored. */
void chaos_restore_coordinator(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    struct sim_claim *claim = &world->sim->claim;

    (void)victim;
    if (world->sim->members[world->oracle->primary].store.damage > 0) {
        return; /* see may_harm in world.c */
    }
    sim_count(world->sim, fault);
    if (prng_chance(&world->dice, 1, 2)) {
        claim->record = claim->backup;
    } else {
        memset(&claim->record, 0, sizeof claim->record);
    }
    sim_say(world->sim, NULL, "the coordinator goes back to version %llu",
            (unsigned long long)claim->record.version);
}
