/* What befalls disks: they fail, fill up, slow down, are lost, or what is on them changes. */
#include "cluster/control.h"
#include "sim/atlas.h"
#include "sim/chaos_parts.h"
#include "sim/sim_space.h"

void chaos_fail_write(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    (void)world;
    victim->store.fail_next = fault == FAULT_FULL ? E_DISK_FULL : E_IO;
}

void chaos_fail_read(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    (void)world, (void)fault;
    victim->store.fail_read = E_IO;
}

void chaos_misdirect(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    (void)world, (void)fault;
    victim->store.misdirects = true;
}

void chaos_slow_disk(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    sim_count(world->sim, fault);
    victim->store.slow_until_ns = chaos_until(world, 5);
}

static void run_unfill(struct sim *sim, const struct todo *todo)
{
    sim_space_fill(sim, &sim->members[todo->a], 0);
}

/* Somebody else's files come, to any of the limits that matter, and go. Often just to where the
 * writer must take nothing more, though there is room for some segments yet. */
void chaos_fill_up(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    enum { LEAST = 840, FULL = 950, SOME = 20 };
    unsigned permille = (unsigned)prng_between(&world->dice, LEAST, 1000);
    struct sim_member *writer = &world->sim->members[world->oracle->primary];

    if (permille % 2 == 0 && writer->store.capacity_bytes > 0) { /* needs no die */
        victim = writer;
        permille = FULL + permille % SOME;
    }
    if (victim->store.capacity_bytes > 0) {
        sim_count(world->sim, fault);
        sim_space_fill(world->sim, victim, permille);
        sim_at(world->sim, chaos_until(world, 5), (struct todo){run_unfill, victim->number, 0, 0});
    }
}

/* Its machine is replaced: same name, same certificate, an empty disk. Not the writer's, whether it
 * reigns already, has only claimed, or is about to: what only that one had is gone then, and nobody
 * promised otherwise. */
void chaos_lose_disk(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    if (victim->number == world->oracle->primary || victim == succession_writer(world)
        || sim_claim_is_asked_by(&world->sim->claim, victim->number)
        || victim->store.file_count == 0 || !atlas_allows_all(world->oracle, victim)) {
        return;
    }
    sim_count(world->sim, fault);
    chaos_crash(world, victim, SIM_POWER);
    sim_say(world->sim, victim->name, "DISK LOST");
    sim_store_lose_all(&victim->store);
    oracle_forget_disk(world->oracle, victim);
}

void chaos_damage(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    struct sim_store *store = &victim->store;
    bool struck = false;

    if (fault == FAULT_ROT) {
        struck = sim_store_rot(store);
    } else if (fault == FAULT_LOST_FILE) {
        struck = sim_store_lose_file(store);
    } else if (fault == FAULT_CONTROL) {
        struck = sim_store_spoil_control(
            store, (unsigned)prng_between(&world->dice, 1, CONTROL_COPIES - 1));
    } else {
        struck = sim_store_spoil_control(store, CONTROL_COPIES);
    }
    if (struck) {
        sim_count(world->sim, fault);
        sim_say(world->sim, victim->name, "DISK: %s", sim_fault_name(fault));
    }
}
