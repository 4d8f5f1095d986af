/* What is compared is what the next writer builds upon: for a replica the last batch of its WAL,
 * for a primary what the first header of its new reign says it follows; or the reason of a refusal.
 * A world of its own has the same keys and the same coordinator's record: nothing else differs. */
#include "sim/again.h"

#include "base/check.h"
#include "cluster/control.h"
#include "sim/oracle_line.h"

#include <stdlib.h>

enum {
    FOLLOWS_AT = 168, /* prev_chain, prev_last_batch, prev_end_lsn: docs/FORMAT.md */
    FOLLOWS_BYTES = 48,
    FOLLOWS_LAST = 32, /* behind the chain: the last batch and LSN */
    STEPS_MAX = 60, /* an opening and a claim take about that many */
    LONGEST_S = 25, /* a writer that may lack its end waits for silence_max, twice */
};

struct outcome {
    enum sim_state state;
    enum status why;
    struct oracle_disk disk;
    uint8_t follows[FOLLOWS_BYTES];
    batch_t kept;
    batch_t floor; /* what the disk had when the power went: the cache had more, perhaps */
};

static uint8_t *copy_of(const uint8_t *from, size_t size)
{
    uint8_t *copy = malloc(size + 1);

    CHECK(copy != NULL);
    if (size > 0) {
        memcpy(copy, from, size);
    }
    return copy;
}

static void copy_disk(struct sim_store *into, const struct sim_store *from)
{
    struct sim_op *ops = into->ops;
    const struct prng dice = into->dice;

    *into = *from;
    into->dice = dice;
    into->ops = ops;
    into->member = 0;
    into->head = into->tail = into->group = 0;
    into->slow_until_ns = 0;
    into->fail_next = into->fail_read = OK; /* what still waits to strike is not for this world */
    into->misdirects = false;
    into->files = calloc(from->file_count + 1, sizeof(struct sim_file *));
    CHECK(into->files != NULL);
    into->file_room = from->file_count + 1;
    for (unsigned i = 0; i < from->file_count; i++) {
        const struct sim_file *file = from->files[i];

        into->files[i] = (struct sim_file *)copy_of((const uint8_t *)file, sizeof *file);
        into->files[i]->cache = copy_of(file->cache, file->room);
        into->files[i]->disk = copy_of(file->disk, file->room);
        into->files[i]->sectors = copy_of(file->sectors, file->room / SIM_SECTOR_BYTES);
    }
    for (unsigned i = 0; i < STORE_FILES; i++) {
        const struct sim_small *small = &from->smalls[i];

        into->smalls[i].cache = copy_of(small->cache, small->cache_size);
        into->smalls[i].disk = copy_of(small->disk, small->disk_size);
    }
}

static void copy_services(struct sim *into, const struct sim *from)
{
    struct sim_keys *keys = &into->keys;

    memcpy(keys->keys, from->keys.keys, sizeof keys->keys);
    keys->key_count = from->keys.key_count;
    memcpy(keys->deks, from->keys.deks, sizeof keys->deks);
    keys->dek_count = from->keys.dek_count;
    for (unsigned i = 0; i < keys->key_count; i++) {
        keys->keys[i].refusal = OK;
    }
    into->claim.record = from->claim.record;
}

static struct outcome outcome_of(const struct sim_member *member, struct oracle_disk disk,
                                 batch_t floor)
{
    struct outcome outcome = {.state = member->state,
                              .why = member->state == SIM_HALTED ? member->halted_why : OK,
                              .disk = disk,
                              .floor = floor};
    const struct sim_file *file = oracle_file_on_disk(member, outcome.disk.segments);

    outcome.kept = outcome.disk.reached.batch;
    if (member->kind == &sim_primary && member->state == SIM_UP && file != NULL) {
        memcpy(outcome.follows, file->disk + FOLLOWS_AT, sizeof outcome.follows);
        outcome.kept = oracle_get(file->disk + AT_PREV_LAST, 8);
        outcome.disk = (struct oracle_disk){.segments = outcome.disk.segments};
    }
    return outcome;
}

/* What retention lets go later is no part of a recovery. */
static void keep_all(struct sim_member *member)
{
    struct member_settings *settings = member->kind == &sim_primary
                                           ? &member->settings.primary.member
                                           : &member->settings.replica.member;

    settings->retain_bytes = 0;
    settings->retain_age = (struct span){0};
}

/* A deletion that the control file has marked is ended by a start. */
static segment_t first_marked(const struct sim_member *member, segment_t known)
{
    static _Thread_local struct control control;
    const struct sim_small *small = &member->store.smalls[STORE_CONTROL];

    return control_decode(&control, bytes_of(small->disk, small->disk_size), NULL) == OK
                   && control.first_segment > known
               ? control.first_segment
               : known;
}

static enum sim_crash strike_of(unsigned strike_at)
{
    return strike_at % 2 == 0 ? SIM_KILL : SIM_POWER;
}

/* The segments behind a cut go aside one by one, the newest first: one that is gone in the cache
 * and not yet on the disk is gone for the recovery after a kill. (Whether the mark allowed that is
 * judged by oracle_marks.) */
static batch_t shown_end(const struct sim_store *store, segment_t first, batch_t end)
{
    for (unsigned i = 0; i < store->file_count; i++) {
        const struct sim_file *file = store->files[i];

        if (file->segment >= first && file->on_disk == SIM_IN_WAL && file->shown != SIM_IN_WAL) {
            const batch_t before = oracle_get(file->disk + AT_PREV_LAST, 8);

            end = before < end ? before : end;
        }
    }
    return end;
}

/* What a recovery may not lose of what its disk had: all but what a later epoch has cut off, if the
 * control file says so already, and what the cut has taken aside. The bytes of a cut without such a
 * step stay readable until the later epoch's first header is durable; a kill may leave this header
 * in the cache alone, and then it is the recovery that ends them. */
static batch_t must_keep(const struct sim_member *member, struct position had)
{
    const struct sim_small *small = &member->store.smalls[STORE_CONTROL];
    static _Thread_local struct control control;

    if (control_decode(&control, bytes_of(small->cache, small->cache_size), NULL) != OK) {
        return had.batch;
    }
    return shown_end(&member->store, control.first_segment,
                     epoch_table_clamp(&control.epochs, had));
}

/* There it is member 0, and here somebody else may be. */
static struct oracle_disk disk_of_copy(struct oracle *oracle, const struct sim_member *copy,
                                       const struct sim_member *original)
{
    segment_t *deleted = &oracle->deleted[copy->number];
    const segment_t of_another = *deleted;

    *deleted = first_marked(copy, oracle->deleted[original->number]);
    const struct oracle_disk disk = oracle_read_disk(oracle, copy);

    *deleted = of_another;
    return disk;
}

/* `strike_at`: after so many steps it is killed, or the power goes, once; 0: never. */
static struct outcome recover(struct world *world, const struct sim_member *original,
                              unsigned strike_at)
{
    struct sim *sim = sim_create(world->sim->seed ^ strike_at);
    struct sim_member *member =
        sim_add_member(sim, original->name, original->region, original->self.role);

    member->self = original->self;
    member->kind = original->kind;
    member->settings = original->settings;
    keep_all(member);
    copy_disk(&member->store, &original->store);
    copy_services(sim, world->sim);
    sim_start(sim, member);
    for (unsigned i = 0; i < strike_at && member->state == SIM_UP && sim_next(sim); i++) {
    }
    batch_t struck_at = BATCH_OPEN_END;

    if (strike_at > 0 && member->state == SIM_UP) {
        if (strike_of(strike_at) == SIM_POWER) {
            struck_at = must_keep(member, disk_of_copy(world->oracle, member, original).reached);
        }
        sim_crash(sim, member, strike_of(strike_at));
        sim_start(sim, member);
    }
    sim_run_until(sim, sim->now + SPAN_S(LONGEST_S).ns);
    if (sim->failed) {
        sim_fail(world->sim, sim->failed_invariant, "%s", sim->failure);
    }
    const struct outcome outcome =
        outcome_of(member, disk_of_copy(world->oracle, member, original), struck_at);

    sim_destroy(sim);
    return outcome;
}

/* A member whose disk has failed says so in its control file if the disk still takes it: what only
 * the cache shows, a power cut may take back. */
static bool may_forget_suspicion(const struct sim_member *member, const struct outcome *once)
{
    const struct sim_small *control = &member->store.smalls[STORE_CONTROL];

    return once->why == E_SUSPECT
           && (control->cache_size != control->disk_size
               || memcmp(control->cache, control->disk, control->cache_size) != 0);
}

/* Whether the newest segment has no batch that stays. The claim that follows ends its epoch before
 * its first batch, and is saved before the new reign's first header is written: a start that is
 * struck in between finds a surplus segment and sets it aside, as durability has it, while one in
 * peace goes on behind it. What is kept is the same. */
static bool ends_empty(const struct sim_store *store, batch_t kept)
{
    const struct sim_file *newest = NULL;

    for (unsigned i = 0; i < store->file_count; i++) {
        const struct sim_file *file = store->files[i];

        if (file->shown == SIM_IN_WAL && (newest == NULL || file->segment > newest->segment)) {
            newest = file;
        }
    }
    return newest != NULL && oracle_get(newest->cache + AT_PREV_LAST, 8) == kept;
}

void again_check(struct world *world, const struct sim_member *member)
{
    const unsigned strike_at = (unsigned)prng_between(&world->dice, 1, STEPS_MAX);
    const struct outcome once = recover(world, member, 0);
    const struct outcome twice = recover(world, member, strike_at);
    const struct position had = oracle_read_disk(world->oracle, member).reached;
    const batch_t durable = must_keep(member, had);

    if (may_forget_suspicion(member, &once)) {
        return;
    }
    const bool same =
        once.kept == twice.kept
        && (ends_empty(&member->store, once.kept)
                ? memcmp(once.follows + FOLLOWS_LAST, twice.follows + FOLLOWS_LAST,
                         sizeof once.follows - FOLLOWS_LAST)
                      == 0
                : once.disk.segments == twice.disk.segments
                      && memcmp(once.follows, twice.follows, sizeof once.follows) == 0);
    /* What a killed process had written and not synced was told to nobody, and a power cut may take
     * any part of it until a recovery has synced it. */
    const bool less = twice.kept < once.kept && twice.kept >= twice.floor;

    if (once.state != twice.state || once.why != twice.why || (!same && !less)) {
        sim_fail(world->sim, 12,
                 "%s recovers once to batch %llu (%s), and to batch %llu (%s) if it is struck at "
                 "step %u",
                 member->name, (unsigned long long)once.kept, status_name(once.why),
                 (unsigned long long)twice.kept, status_name(twice.why), strike_at);
    }
    if (once.state == SIM_UP && member->store.damage == 0 && once.kept < durable) {
        sim_fail(world->sim, 12, "%s recovers to batch %llu; its disk had %llu", member->name,
                 (unsigned long long)once.kept, (unsigned long long)durable);
    }
}
