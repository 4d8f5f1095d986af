/* What befalls key services and the coordinator: they are away, slow, hang, refuse, give another
 * key, or have forgotten. */
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
    sim->keys.keys[todo->a].refusal = OK;
}

void chaos_refuse_key(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    static const enum status refusals[] = {E_KEY_DISABLED, E_KEY_DENIED, E_KEY_PENDING_DELETION};
    const unsigned key = chaos_any_member(world)->region;

    (void)victim;
    if (world->oracle->encrypted) {
        sim_count(world->sim, fault);
        world->sim->keys.keys[key].refusal = refusals[prng_below(&world->dice, 3)];
        sim_at(world->sim, chaos_until(world, 6), (struct todo){run_enable, key, 0, 0});
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
