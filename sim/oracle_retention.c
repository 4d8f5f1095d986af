/* What may be deleted, and when? The oracle knows what was committed, what lies on every disk and
 * what every replica holds, and judges each deletion when it is asked for: by the truth, and by
 * bounds that are a little wider than those that members count by. Where it is allowed, the file
 * need not be there any more; where a replica lacks what was allowed to go, it is lost by right. */
#include "sim/oracle_retention.h"
#include "base/check.h"
#include "cluster/control.h"

#include <stdlib.h>

enum {
    AT_FIRST_LSN = 104,
    AT_CREATED = 128,
    SETTLE_S = 3600,
    BOUND_SLACK = 4, /* segments: acks and pins on their way */
};

static uint64_t get(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = bytes; i-- > 0;) {
        value = value << 8 | from[i];
    }
    return value;
}

static const struct member_settings *settings_of(const struct sim_member *member)
{
    return member->kind == &sim_primary ? &member->settings.primary.member
                                        : &member->settings.replica.member;
}

segment_t oracle_first_segment(const struct oracle *oracle, const struct sim_member *member)
{
    segment_t number = 0;

    while (number < oracle->deleted[member->number]
           && oracle_file_on_disk(member, number) == NULL) {
        number++;
    }
    return number;
}

/* ---- times ---- */

void oracle_note_created(struct oracle *oracle, const struct sim_member *member, segment_t segment)
{
    if (segment < ORACLE_SEGMENTS_MAX) {
        oracle->created_at[member->number][segment] = oracle->sim->now;
    }
}

/* How long ago the segment was closed; what is not known is old. */
static uint64_t age_of(const struct oracle *oracle, const struct sim_member *member,
                       segment_t segment)
{
    return segment + 1 < ORACLE_SEGMENTS_MAX
               ? oracle->sim->now - oracle->created_at[member->number][segment + 1]
               : UINT64_MAX;
}

/* ---- sizes ---- */

/* What is on its way to a slow disk, whoever asked for it counts already. */
static uint64_t bytes_from(const struct sim_member *member, segment_t segment)
{
    const uint64_t usual = settings_of(member)->segment_bytes;
    uint64_t bytes = 0, end;

    while ((end = sim_store_asked_end(&member->store, segment++)) > 0) {
        bytes += end > usual ? end : usual;
    }
    return bytes;
}

/* ---- pins ---- */

void oracle_note_pins(struct oracle *oracle, const struct sim_member *member, struct bytes file)
{
    static _Thread_local struct control control;

    if (control_decode(&control, file, NULL) != OK) {
        return;
    }
    if (control.first_segment == 0) { /* a cut to nothing: what comes now begins again */
        oracle->deleted[member->number] = oracle->forgotten[member->number] = 0;
    }
    for (uint32_t i = 0; i < control.pin_count; i++) {
        const struct sim_member *replica = sim_find_member(oracle->sim, control.pins[i].member);

        if (replica != NULL && control.pins[i].segment >= control.first_segment) {
            oracle->pinned[member->number] |= 1u << replica->number;
        }
    }
}

/* The last batch that the replica holds and that is still part of the WAL. */
static batch_t held_by(const struct oracle *oracle, const struct sim_member *replica)
{
    const batch_t durable = oracle->durable[replica->number];
    batch_t batch = durable < oracle->line_end ? durable : oracle->line_end;

    while (batch > 0 && (oracle_at(oracle, batch)->holders >> replica->number & 1) == 0) {
        batch--;
    }
    return batch;
}

/* The segment of the batch after that. */
static segment_t needed_by(const struct oracle *oracle, const struct sim_member *replica)
{
    const batch_t held = held_by(oracle, replica);
    const struct oracle_batch *next = oracle_at(oracle, held + 1);

    next = next == NULL ? oracle_at(oracle, held) : next;
    return next == NULL ? 0 : oracle->segments[next->segment]->segment;
}

static bool is_within_bound(const struct oracle *oracle, const struct sim_member *upstream,
                            segment_t needed)
{
    const struct member_settings *settings = settings_of(upstream);
    const uint64_t slack = BOUND_SLACK * settings->segment_bytes;

    return bytes_from(upstream, needed) + slack <= settings->pin_bytes
           && age_of(oracle, upstream, needed) <= settings->pin_age.ns;
}

/* Whoever of two processes with one certificate is linked moves the pin of both. */
static bool has_twin(const struct oracle *oracle, const struct sim_member *replica)
{
    for (unsigned i = 0; i < oracle->sim->member_count; i++) {
        const struct sim_member *other = &oracle->sim->members[i];

        if (other != replica && strcmp(other->self.member, replica->self.member) == 0) {
            return true;
        }
    }
    return false;
}

/* Where anybody may follow anybody, a row tells what was so when they last met: a replica that has
 * been cut since, under another upstream, needs more than it did. */
static void check_pins(struct oracle *oracle, const struct sim_member *member, segment_t segment)
{
    for (unsigned i = 0; i < oracle->sim->member_count && !oracle->succession; i++) {
        const struct sim_member *replica = &oracle->sim->members[i];

        if ((oracle->members >> i & 1) == 0 || replica == member || has_twin(oracle, replica)
            || replica->store.losses + replica->store.damage > 0) {
            continue;
        }
        const segment_t needed = needed_by(oracle, replica);

        if (needed < oracle->deleted[member->number]) {
            continue; /* lost already, and its row says so */
        }
        if (needed <= segment && (oracle->pinned[member->number] >> i & 1) != 0
            && is_within_bound(oracle, member, needed)) {
            sim_fail(oracle->sim, 38, "%s deletes segment %llu, and %s needs segment %llu",
                     member->name, (unsigned long long)segment, replica->name,
                     (unsigned long long)needed);
        }
    }
}

/* ---- deletions ---- */

/* By the wall clocks of whoever sealed the next header and of this member, of which neither need be
 * right; this one has not been set for a while, and the segment was closed in an earlier life. */
static bool is_old_by_the_wall(const struct oracle *oracle, const struct sim_member *member,
                               segment_t segment, uint64_t age_ns)
{
    const uint64_t settle_ns = age_ns / 4 < SPAN_S(SETTLE_S).ns ? age_ns / 4 : SPAN_S(SETTLE_S).ns;
    const uint64_t started = oracle->started_at[member->number];
    const uint64_t since = started > member->wall_set_ns ? started : member->wall_set_ns;
    const struct sim_file *next = oracle_file_on_disk(member, segment + 1);
    const struct oracle_segment *header =
        next == NULL ? NULL : oracle_segment_on_disk(oracle, next);

    if (header == NULL || segment + 1 >= ORACLE_SEGMENTS_MAX
        || oracle->created_at[member->number][segment + 1] > started) {
        return false;
    }
    const uint64_t created = get(header->raw + AT_CREATED, 8);
    const uint64_t now = sim_wall_ns(oracle->sim, member);

    return oracle->sim->now - since >= settle_ns && now > created && now - created > age_ns;
}

static bool is_wanted(const struct oracle *oracle, const struct sim_member *member,
                      segment_t segment)
{
    const struct member_settings *settings = settings_of(member);

    return (settings->retain_bytes > 0 && bytes_from(member, segment + 1) >= settings->retain_bytes)
           || (settings->retain_age.ns > 0
               && (age_of(oracle, member, segment) > settings->retain_age.ns
                   || is_old_by_the_wall(oracle, member, segment, settings->retain_age.ns)));
}

/* A record behind it is committed, and on this disk. */
static bool is_behind_commit(struct oracle *oracle, const struct sim_member *member,
                             segment_t segment)
{
    const struct sim_file *next = oracle_file_on_disk(member, segment + 1);
    const struct oracle_segment *header =
        next == NULL ? NULL : oracle_segment_on_disk(oracle, next);
    const lsn_t lsn = header == NULL ? 0 : get(header->raw + AT_FIRST_LSN, 8);
    const struct oracle_batch *batch = lsn == 0 ? NULL : oracle_of_lsn(oracle, lsn);

    /* Committed once, and given up: for who has not heard of that, it still is. */
    if (lsn > 0 && lsn <= oracle->given_up) {
        return header->first_batch <= oracle->durable[member->number];
    }
    return batch != NULL && batch->batch <= oracle->durable[member->number]
           && (lsn <= oracle->committed || oracle_level_is_met(oracle, lsn, oracle->level));
}

static bool is_marked(const struct sim_member *member, segment_t segment)
{
    static _Thread_local struct control control;
    const struct sim_small *small = &member->store.smalls[STORE_CONTROL];

    return control_decode(&control, bytes_of(small->disk, small->disk_size), NULL) == OK
           && control.first_segment > segment;
}

static void check_deletion(struct oracle *oracle, const struct sim_member *member,
                           segment_t segment)
{
    struct sim *sim = oracle->sim;
    const unsigned long long number = segment;

    if (segment != oracle->deleted[member->number]) {
        sim_fail(sim, 38, "%s deletes segment %llu; the oldest is %llu", member->name, number,
                 (unsigned long long)oracle->deleted[member->number]);
    }
    if (!is_wanted(oracle, member, segment)) {
        sim_fail(sim, 38, "%s deletes segment %llu, which nobody wants gone", member->name, number);
    }
    if (!is_behind_commit(oracle, member, segment)) {
        sim_fail(sim, 38, "%s deletes segment %llu; what follows is not committed yet",
                 member->name, number);
    }
    check_pins(oracle, member, segment);
}

void oracle_on_delete(struct oracle *oracle, const struct sim_member *member, segment_t segment)
{
    const bool again = segment < oracle->deleted[member->number]; /* a crash came in between */
    const bool is_judged = segment < oracle->forgotten[member->number]; /* when it was let go */

    oracle->deletions_checked++;
    if (member->store.damage == 0 && !is_marked(member, segment)) {
        sim_fail(oracle->sim, 38, "%s deletes segment %llu before its control file says so",
                 member->name, (unsigned long long)segment);
    }
    if (member->store.damage == 0 && !again && !is_judged) {
        check_deletion(oracle, member, segment);
    }
    if (!again) {
        oracle->deleted[member->number] = segment + 1;
    }
}

/* What comes next for the replica is not on that member's disk any more. */
static bool is_behind(const struct oracle *oracle, const struct sim_member *upstream,
                      const struct sim_member *replica)
{
    const segment_t first = oracle_first_segment(oracle, upstream);
    const struct sim_file *file = oracle_file_on_disk(upstream, first);
    const struct oracle_segment *header =
        file == NULL ? NULL : oracle_segment_on_disk(oracle, file);

    return first > 0 && (header == NULL || held_by(oracle, replica) <= header->prev_last_batch);
}

/* Each of its upstreams has left it behind, or is left behind itself. */
static bool is_left(const struct oracle *oracle, const struct sim_member *member, uint32_t lost)
{
    const struct replica_settings *settings = &member->settings.replica;
    bool left = member->kind == &sim_replica;

    for (uint32_t i = 0; left && i < settings->upstream_count; i++) {
        const struct sim_member *upstream = sim_find_member(oracle->sim, settings->upstreams[i]);

        left = upstream != NULL
               && ((lost >> upstream->number & 1) != 0 || is_behind(oracle, upstream, member));
    }
    return left;
}

bool oracle_is_lost(const struct oracle *oracle, const struct sim_member *member)
{
    const struct sim *sim = oracle->sim;
    uint32_t lost = 0;

    for (unsigned round = 0; round < sim->member_count; round++) {
        for (unsigned i = 0; i < sim->member_count; i++) {
            lost |= is_left(oracle, &sim->members[i], lost) ? 1u << i : 0;
        }
    }
    return (lost >> member->number & 1) != 0;
}

void oracle_check_first(struct oracle *oracle, const struct sim_member *member)
{
    static _Thread_local struct member_status status;
    segment_t *forgotten = &oracle->forgotten[member->number];

    member->kind->status(member->node, (struct instant){0}, &status);
    if (status.first_segment <= *forgotten) {
        return;
    }
    if (status.first_segment > oracle->deleted[member->number]
        && member->store.damage + member->store.losses == 0) {
        check_deletion(oracle, member, status.first_segment - 1);
    }
    *forgotten = status.first_segment;
}

/* For the first time, or again what a crash has brought back. */
static bool is_about_to_delete(const struct oracle *oracle, const struct sim_member *member)
{
    return oracle->forgotten[member->number] > oracle_first_segment(oracle, member);
}

void oracle_on_bye(struct oracle *oracle, const struct sim_member *member,
                   const struct effect_send *send)
{
    const struct sim_link *link = sim_net_link(&oracle->sim->net, send->link);
    const int to = link == NULL ? -1 : link->ends[0].member;
    struct bye bye;

    if (to < 0 || to == (int)member->number || (oracle->members >> to & 1) == 0
        || bye_decode(&bye, send->head, &oracle->scratch) != OK || bye.why != E_LOST) {
        return;
    }
    const struct sim_member *replica = &oracle->sim->members[to];

    oracle_check_first(oracle, member); /* said in the very step that forgot it, perhaps */

    const bool by_tables = strncmp(bye.text, "Retention", 9) != 0; /* another kind of lost */

    if (by_tables || is_behind(oracle, member, replica) || is_about_to_delete(oracle, member)) {
        oracle->told_lost |= 1u << to;
    } else {
        sim_fail(oracle->sim, 38, "%s says that %s is lost; it is not", member->name,
                 replica->name);
    }
}

bool oracle_may_begin_at(const struct oracle *oracle, const struct sim_member *member, lsn_t lsn)
{
    const segment_t deleted = oracle->deleted[member->number];
    const segment_t forgotten = oracle->forgotten[member->number];
    const segment_t first = forgotten > deleted ? forgotten : deleted;

    for (unsigned i = 0; i < oracle->segment_count; i++) {
        const struct oracle_segment *segment = oracle->segments[i];

        if (segment->segment <= first && get(segment->raw + AT_FIRST_LSN, 8) == lsn) {
            return true;
        }
    }
    return false;
}
