/* Told by an event of its own in the agenda, never from within another. While a member has been
 * told that the file system is full, it takes no append: what it says of itself before and after
 * such a time must agree. */
#include "sim/sim_space.h"

enum { FULL_PERMILLE = 950 };

static uint64_t used_bytes(const struct sim_store *store)
{
    uint64_t used = store->foreign_bytes;

    for (unsigned i = 0; i < store->file_count; i++) {
        used += store->files[i]->shown == SIM_NOWHERE ? 0 : store->files[i]->size;
    }
    return used;
}

struct store_space sim_space_of(const struct sim_store *store)
{
    const uint64_t used = used_bytes(store);

    return (struct store_space){
        .total_bytes = store->capacity_bytes,
        .free_bytes = used < store->capacity_bytes ? store->capacity_bytes - used : 0};
}

bool sim_space_is_short(const struct sim_store *store)
{
    return store->capacity_bytes > 0 && sim_space_of(store).free_bytes < store->spare_bytes;
}

static unsigned permille_of(const struct store_space *space)
{
    return (unsigned)((space->total_bytes - space->free_bytes) * 1000 / space->total_bytes);
}

static bool is_full(const struct sim_store *store)
{
    return store->space_told.total_bytes > 0
           && (permille_of(&store->space_told) >= FULL_PERMILLE || store->shortage_told);
}

static uint64_t appended_of(const struct sim_member *member)
{
    static struct member_status status;

    member->kind->status(member->node, (struct instant){member->clock_base_ns + member->sim->now},
                         &status);
    return status.appended_records;
}

static void check_full(struct sim *sim, struct sim_member *member, bool was_full)
{
    struct sim_store *store = &member->store;
    const uint64_t appended = appended_of(member);

    if (was_full && appended != store->appended_when_full) {
        sim_fail(sim, 40, "%s has taken %llu records while its file system was full", member->name,
                 (unsigned long long)(appended - store->appended_when_full));
    }
    store->appended_when_full = appended;
}

static void run_tell(struct sim *sim, const struct todo *todo)
{
    struct sim_member *member = &sim->members[todo->a];
    struct sim_store *store = &member->store;
    const bool was_full = is_full(store);
    struct event event = {.kind = EVENT_SPACE, .space = sim_space_of(store)};

    if (member->state != SIM_UP || member->life != todo->b) {
        return;
    }
    if (member->paused_until_ns > sim->now) {
        sim_at(sim, member->paused_until_ns, *todo);
        return;
    }
    check_full(sim, member, was_full);
    store->space_told = event.space;
    store->shortage_told = sim_space_is_short(store);
    sim_step(sim, member, &event);
    if (member->state == SIM_UP && member->life == todo->b) {
        check_full(sim, member, false);
    }
}

void sim_space_tell(struct sim *sim, struct sim_member *member)
{
    const struct sim_store *store = &member->store;
    const struct store_space space = sim_space_of(store);

    if (store->capacity_bytes == 0 || member->state != SIM_UP
        || (store->space_told.total_bytes > 0
            && permille_of(&space) == permille_of(&store->space_told)
            && sim_space_is_short(store) == store->shortage_told)) {
        return;
    }
    sim_after(sim, 0, (struct todo){run_tell, member->number, member->life, 0});
}

void sim_space_fill(struct sim *sim, struct sim_member *member, unsigned permille)
{
    struct sim_store *store = &member->store;

    store->foreign_bytes = 0;
    if (permille > 0) {
        const uint64_t wanted = store->capacity_bytes * permille / 1000;
        const uint64_t used = used_bytes(store);

        store->foreign_bytes = wanted > used ? wanted - used : 0;
    }
    sim_space_tell(sim, member);
}
