/* Where the world tells the oracle what happens, and the list of what it holds the world to. */
#include "sim/oracle_bounds.h"
#include "sim/oracle_delay.h"
#include "sim/oracle_election.h"
#include "sim/oracle_line.h"
#include "sim/oracle_marks.h"
#include "sim/oracle_retention.h"

#include "base/check.h"
#include "cluster/control.h"

#include <stdlib.h>

enum { CONTENT_MAX = 1 << 17 };

static const struct oracle_invariant invariants[] = {
    {1, "a record acked at a level is in the WAL, at its LSN, on whoever serves, for ever"},
    {2,
     "no APPENDED, ACK, GREET or durable_batch before the disk has it, and k disks of the epoch"},
    {3, "no two records share (lineage, epoch, LSN)"},
    {4, "LSNs and batch numbers are dense in every writer's WAL"},
    {5, "valid bytes below the commit are identical on all members, headers included"},
    {6, "a COMMIT, a commit_lsn stamp or a reader's view never exceeds what is truly committed"},
    {7, "a committed batch is never cut off by a later epoch"},
    {8, "a reader sees a prefix in LSN order, never goes back, never beyond the commit"},
    {9, "an append retried with the same producer and sequence appears once"},
    {10, "what was refused for good never appears"},
    {11, "a record that no client submitted never appears"},
    {12, "recovery keeps all that was durable, and comes to the same end if it is interrupted"},
    {13, "an epoch has one writer incarnation"},
    {14, "the highest epoch seen by a member never decreases, crashes included"},
    {17, "only acks of the writer's own epoch count, and only once it has heard them"},
    {18, "with faults off, all appends are answered, all members hold the same bytes, who is told "
         "to stop stops"},
    {19, "a repair writes what was sealed, and leaves no less of it than there was"},
    {20, "no (key, nonce) seals twice: a batch number is sealed once in a segment"},
    {21, "a segment has one maker; salts and incarnations never repeat"},
    {22, "a segment ends before its size, unless one batch alone is larger"},
    {23, "no record and no key lies in clear on a disk of an encrypted cluster"},
    {24, "what a writer stored opens with keys derived from its header"},
    {25, "whoever stores or ships a batch stores or ships the very bytes that were sealed"},
    {26, "segments are sealed under a DEK that a key service made for this lineage"},
    {27, "no record and no key is sent in clear on a link between members"},
    {29, "the at-rest suite never changes along a lineage"},
    {31,
     "no key lies in the memory that a member leaves behind, or that holds on after a confirmed "
     "refusal; from then on, and soon after a key is refused, it serves nobody"},
    {32,
     "a key's standing goes from usable to lost and back, or from lost to gone, and stays there; "
     "whose key is gone serves nobody"},
    {33, "no key is gone before it was lost for the whole window"},
    {34, "a member whose key is lost, or gone for good, changes nothing but its control file"},
    {35, "a key is lost only when two answers in a row refuse it: silence alone never does that"},
    {36, "queues, windows and links stay within their bounds"},
    {37, "who is refused gets no byte of the WAL, and a refused start changes none on the disk"},
    {38,
     "only the oldest segment goes, marked first, wanted gone, behind the commit, held by no pin"},
    {39, "an append is answered as soon as its level is met, whatever other members do"},
    {40, "while the file system is full no append is taken, and with space again all goes on"},
    {42, "the same seed gives the same run"},
    {43, "a digest in a header is that of an earlier segment's valid bytes, and is listed once"},
    {44,
     "a member that verifies its copy, or raises an alarm, finds damage where it is, only there"},
    {45, "whole batches that the next header leaves out are in quarantine before it is written"},
    {46, "a segment is begun where the disk has an envelope for its data key, and nowhere else"},
    {0, NULL},
};

const struct oracle_invariant *oracle_invariants(void)
{
    return invariants;
}

static void on_start(void *context, struct sim_member *member)
{
    struct oracle *oracle = context;

    oracle->hash_at_start[member->number] = sim_store_hash(&member->store);
    oracle->spoilt_at_start[member->number] = member->store.spoilt;
    oracle->started_at[member->number] = oracle->sim->now;
    oracle_note_disk(oracle, member);
    oracle->must_refuse[member->number] = oracle_marks_are_broken(oracle, member);
    oracle->refusals_demanded += oracle->must_refuse[member->number];
    oracle_key_loss_on_start(oracle, member);
}

/* What befell its disk cannot be told, or not be mended by anybody but a person. */
static bool is_excused(const struct sim_member *member)
{
    const struct sim_store *store = &member->store;

    return store->unseen > 0 || store->no_control;
}

static bool has_begun_epoch(const struct oracle *oracle, const struct sim_member *member)
{
    const struct oracle_segment *newest =
        oracle->segment_count == 0 ? NULL : oracle->segments[oracle->segment_count - 1];

    return newest != NULL && newest->maker == member->number && newest->maker_life == member->life
           && newest->epoch == oracle->epoch;
}

/* The last word of a writer that goes in order: a mark on all that it has sealed, so that the next
 * start misses whatever is not there. */
static bool marks_all(const struct oracle *oracle, const struct sim_member *member)
{
    const struct sim_small *small = &member->store.smalls[STORE_CONTROL];
    static struct control control;

    return control_decode(&control, bytes_of(small->disk, small->disk_size), NULL) == OK
           && control.durable.epoch == oracle->epoch && control.durable.batch == oracle->line_end;
}

/* Who goes in order leaves nothing undone; who refuses to start leaves all as it was. */
static void on_halt(struct oracle *oracle, const struct sim_member *member, enum status why)
{
    const bool by_disk = why == E_IO || why == E_DISK_FULL;

    if (why == OK && has_begun_epoch(oracle, member) && !is_excused(member)
        && member->store.damage == 0
        && oracle_read_disk(oracle, member).reached.batch != oracle->line_end) {
        sim_fail(oracle->sim, 12, "%s stops in order, and batch %llu is not on its disk",
                 member->name, (unsigned long long)oracle->line_end);
    }
    if (why == OK && has_begun_epoch(oracle, member) && !is_excused(member)
        && !marks_all(oracle, member)) {
        sim_fail(oracle->sim, 12, "%s stops in order, and its mark is not on batch %llu",
                 member->name, (unsigned long long)oracle->line_end);
    }
    oracle_key_loss_on_halt(oracle, member, why);
    if (why != OK && !by_disk && !member->has_acted && !oracle_key_loss_may_write(oracle, member)
        && member->store.spoilt == oracle->spoilt_at_start[member->number]
        && sim_store_hash(&member->store) != oracle->hash_at_start[member->number]) {
        sim_fail(oracle->sim, 37, "%s refuses to start (%s), and its disk has changed",
                 member->name, status_name(why));
    }
}

static void on_event(void *context, struct sim_member *member, const struct event *event)
{
    if (event->kind == EVENT_MESSAGE) {
        oracle_on_message(context, member, &event->message);
        oracle_delay_on_message(context, member, &event->message);
    } else if (event->kind == EVENT_CLAIMED && event->claimed.status == OK) {
        oracle_delay_on_record(context, member, &event->claimed.record);
    } else if (event->kind == EVENT_KEYS) {
        oracle_key_loss_on_answer(context, member, &event->keys);
    }
}

static void on_effect(void *context, struct sim_member *member, const struct effect *effect)
{
    struct oracle *oracle = context;

    if (effect->kind == EFFECT_SEND) {
        oracle_on_send(oracle, member, &effect->send);
        oracle_key_loss_on_send(oracle, member, &effect->send);
    } else if (effect->kind == EFFECT_WRITE && (oracle->members >> member->number & 1) != 0) {
        oracle_on_write(oracle, member, &effect->write.write);
    } else if (effect->kind == EFFECT_CLAIM) {
        oracle_on_claim(oracle, member, &effect->claim->record);
    } else if (effect->kind == EFFECT_HALT && (oracle->members >> member->number & 1) != 0) {
        on_halt(oracle, member, effect->halt.why);
    }
}

static void on_stepped(void *context, struct sim_member *member)
{
    struct oracle *oracle = context;

    oracle_check_delay(context, member);
    oracle_key_loss_on_stepped(context, member);
    if ((oracle->members >> member->number & 1) != 0) {
        oracle_check_first(oracle, member);
    }
}

static void on_gone(void *context, struct sim_member *member)
{
    oracle_check_memory(context, member);
}

static void on_durable(void *context, struct sim_member *member, const struct store_write *write)
{
    struct oracle *oracle = context;

    if ((oracle->members >> member->number & 1) != 0) {
        oracle_on_durable(oracle, member, write);
        oracle_key_loss_on_durable(oracle, member, write);
    }
}

struct oracle *oracle_create(struct sim *sim, uint64_t content_seed)
{
    struct oracle *oracle = calloc(1, sizeof *oracle);
    struct prng dice;

    CHECK(oracle != NULL);
    oracle->sim = sim;
    oracle->content_seed = content_seed;
    prng_seed(&dice, content_seed);
    prng_fill(&dice, oracle->marker, sizeof oracle->marker);
    oracle->plain = malloc(PLAIN_ROOM);
    oracle->scratch_memory = aligned_alloc(ARENA_ALIGN_MAX, PROTO_SCRATCH_BYTES + ARENA_ALIGN_MAX);
    CHECK(oracle->plain != NULL && oracle->scratch_memory != NULL);

    struct arena arena = arena_of(oracle->scratch_memory, PROTO_SCRATCH_BYTES + ARENA_ALIGN_MAX);

    proto_scratch_init(&oracle->scratch, &arena);
    sim->watch = (struct sim_watch){.context = oracle,
                                    .on_start = on_start,
                                    .on_event = on_event,
                                    .on_effect = on_effect,
                                    .on_durable = on_durable,
                                    .on_gone = on_gone,
                                    .on_stepped = on_stepped};
    return oracle;
}

void oracle_destroy(struct oracle *oracle)
{
    for (unsigned i = 0; i < oracle->segment_count; i++) {
        aead_drop(&oracle->segments[i]->aead);
        free(oracle->segments[i]);
    }
    for (unsigned i = 0; i < oracle->batch_count; i++) {
        free(oracle->batches[i].data);
    }
    free(oracle->segments);
    free(oracle->batches);
    free(oracle->line);
    free(oracle->records);
    free(oracle->appends);
    free(oracle->parts);
    free(oracle->scratch_memory);
    free(oracle->plain);
    free(oracle);
}

void oracle_admit(struct oracle *oracle, const struct sim_member *member, bool votes)
{
    oracle->members |= 1u << member->number;
    if (votes) {
        oracle->voters |= 1u << member->number;
    }
    if (member->self.role == ROLE_PRIMARY) {
        oracle->primary = member->number;
    }
}

unsigned oracle_on_append(struct oracle *oracle, const struct oracle_append *append)
{
    if (oracle->append_count == oracle->append_room) {
        oracle->append_room = oracle->append_room * 2 + 256;
        oracle->appends = realloc(oracle->appends, oracle->append_room * sizeof *oracle->appends);
        CHECK(oracle->appends != NULL);
    }
    oracle->appends[oracle->append_count] = *append;
    return oracle->append_count++;
}

void oracle_on_appended(struct oracle *oracle, unsigned append, lsn_t first_lsn)
{
    (void)first_lsn; /* held against the truth when it was sent */
    oracle->appends[append].settled = oracle->appends[append].told; /* or it comes too late */
}

void oracle_on_refused(struct oracle *oracle, unsigned append, bool definite)
{
    struct oracle_append *refused = &oracle->appends[append];

    refused->refused = definite;
    for (lsn_t lsn = 1; definite && lsn <= oracle->records_end; lsn++) {
        if (oracle->records[lsn].producer == refused->producer
            && oracle->records[lsn].sequence >= refused->first_sequence
            && oracle->records[lsn].sequence < refused->first_sequence + refused->count) {
            sim_fail(oracle->sim, 10, "request %llu is refused for good, and is LSN %llu",
                     (unsigned long long)refused->request, (unsigned long long)lsn);
        }
    }
}

/* A reader sees the WAL as it is. One exception: an operator has accepted that records are lost,
 * since their writer cannot be reached, or the writer's disk was harmed beyond its marks and has
 * lost them; whoever still reads from those who hold them sees them, and nothing else than them. It
 * was acknowledged and committed there, and nobody can tell the reader. */
void oracle_on_record(struct oracle *oracle, lsn_t lsn, struct bytes record)
{
    static uint8_t expected[CONTENT_MAX];
    const struct oracle_record *known = &oracle->records[lsn];

    oracle->reads_checked++;
    const bool is_there = lsn > 0 && lsn <= oracle->records_end;
    const size_t size = !is_there ? 0
                                  : oracle_content(oracle, known->producer, known->sequence,
                                                   expected, sizeof expected);

    if ((is_there && bytes_equal(record, bytes_of(expected, size)))
        || oracle_was_given_up(oracle, lsn, record)) {
        return;
    }
    sim_fail(oracle->sim, 8, "a reader sees LSN %llu, which is %s", (unsigned long long)lsn,
             is_there ? "another record in the WAL" : "not in the WAL");
}

/* Nine bytes in ten of the seed's making; the marker wherever it fits. Some are empty or too large.
 */
size_t oracle_content(const struct oracle *oracle, uint64_t producer, uint64_t sequence,
                      uint8_t *into, size_t room)
{
    struct prng dice;
    const uint64_t usual = oracle->record_bytes_usual;
    size_t size;

    prng_seed(&dice, oracle->content_seed ^ producer * 0x9e3779b97f4a7c15u ^ sequence << 17);
    switch (prng_below(&dice, 64)) {
    case 0:
        size = prng_chance(&dice, 1, 4) ? 0 : oracle->record_bytes_max + 1;
        break;
    case 1:
        size = oracle->record_bytes_max;
        break;
    case 2:
        size = 1;
        break;
    default: /* number: the dice */
        size = (size_t)prng_between(&dice, 1, usual);
        break;
    }
    CHECK(size <= room);
    prng_fill(&dice, into, size);
    if (size >= sizeof oracle->marker) {
        memcpy(into, oracle->marker, sizeof oracle->marker);
    }
    return size;
}

void oracle_forget_disk(struct oracle *oracle, const struct sim_member *member)
{
    for (unsigned i = 0; i < oracle->batch_count; i++) {
        oracle->batches[i].holders &= ~(1u << member->number);
    }
    oracle->durable[member->number] = 0;
    oracle->deleted[member->number] = oracle->forgotten[member->number] = 0;
    oracle->pinned[member->number] = 0;
    oracle_key_loss_forget_disk(oracle, member);
    oracle->highest_epoch[member->number] = 0;
}

const char *oracle_unsettled(struct oracle *oracle)
{
    struct sim *sim = oracle->sim;
    const struct sim_member *primary = &sim->members[oracle->primary];
    static char text[SIM_FAILURE_MAX + MEMBER_TEXT_MAX + 16];

    if (!is_excused(primary)
        && oracle_read_disk(oracle, primary).reached.batch != oracle->line_end) {
        return "the primary has batches under way";
    }
    for (unsigned i = 0; i < sim->member_count; i++) {
        const struct sim_member *member = &sim->members[i];

        if ((oracle->members >> i & 1) == 0 || is_excused(member) || oracle_is_lost(oracle, member)
            || (oracle->key_loss.gone >> i & 1) != 0) {
            continue;
        }
        if (member->state != SIM_UP) {
            snprintf(text, sizeof text, "%s is not up: %s", member->name, member->halted_text);
            return text;
        }
        if (!oracle_same_wal(oracle, primary, member)) {
            snprintf(text, sizeof text, "%s has (%llu, %llu); the primary has (%llu, %llu)",
                     member->name,
                     (unsigned long long)oracle_read_disk(oracle, member).reached.epoch,
                     (unsigned long long)oracle_read_disk(oracle, member).reached.batch,
                     (unsigned long long)oracle_read_disk(oracle, primary).reached.epoch,
                     (unsigned long long)oracle_read_disk(oracle, primary).reached.batch);
            return text;
        }
    }
    return NULL;
}

/* That the primary's disk holds all that it ever sealed, is demanded of a world that settles
 * (oracle_unsettled). One that need not may end at any moment: then a primary may be away since a
 * crash took what nobody was promised, and no start has ended that part of the line yet, or what
 * was harmed on its disk is not repaired yet. Else it must hold what is committed even so. */
void oracle_check_end(struct oracle *oracle, bool settled)
{
    struct sim *sim = oracle->sim;
    const struct sim_member *primary = &sim->members[oracle->primary];
    const batch_t reached = oracle_read_disk(oracle, primary).reached.batch;

    for (unsigned i = 0; i < sim->member_count && oracle->encrypted; i++) {
        oracle_search_disk(oracle, &sim->members[i]);
    }
    for (unsigned i = 0; i < oracle->append_count; i++) {
        const struct oracle_append *append = &oracle->appends[i];
        bool found = !append->settled || append->excused;

        for (lsn_t lsn = oracle->records_end; lsn > 0 && !found; lsn--) {
            found = oracle->records[lsn].producer == append->producer
                    && oracle->records[lsn].sequence == append->first_sequence;
        }
        if (!found) {
            sim_fail(sim, 1, "an acked append of producer %llu is nowhere in the WAL",
                     (unsigned long long)append->producer);
        }
    }
    const struct oracle_batch *last = oracle_of_lsn(oracle, oracle->committed);

    if (!is_excused(primary) && (settled || primary->store.damage == 0) && last != NULL
        && reached < last->batch) {
        sim_fail(sim, 1, "the primary's disk ends at batch %llu; batch %llu is committed",
                 (unsigned long long)reached, (unsigned long long)last->batch);
    }
}
