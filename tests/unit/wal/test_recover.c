/* Recovery's table: each row once by name, then all combinations of its inputs against a statement
 * of what is allowed that does not follow the code: nothing acknowledged is given up, nothing is
 * refused without a reason, and the action is one that this member may take. */
#include "wal/recover.h"

#include "base/check.h"
#include "tests/support/test.h"

#include <stdio.h>

/* In these tests batch n holds LSN n alone. The segment begins with batch 5. */
enum { FIRST = 5 };

static batch_t min_of(batch_t a, batch_t b)
{
    return a < b ? a : b;
}

static struct recover_evidence healthy(bool is_writer)
{
    return (struct recover_evidence){.is_writer = is_writer,
                                     .has_watermark = true,
                                     .durable = 7,
                                     .commit_lsn = 6,
                                     .is_last = true,
                                     .sealed_here = is_writer,
                                     .first_batch = FIRST,
                                     .first_lsn = FIRST,
                                     .epoch_end = RECOVER_OPEN_END,
                                     .next_end = RECOVER_OPEN_END,
                                     .last_valid = 8,
                                     .cut_lsn = 8};
}

static void expect_going_on(const struct recover_evidence *evidence, enum recover_case found,
                            batch_t keep, bool copy_tail)
{
    const struct recover_verdict verdict = recover_decide(evidence);

    EXPECT(verdict.found == found);
    EXPECT(verdict.action
           == (!evidence->is_last    ? RECOVER_KEEP
               : evidence->is_writer ? RECOVER_NEW_SEGMENT
                                     : RECOVER_RESUME));
    EXPECT(verdict.keep == keep && verdict.copy_tail == copy_tail && verdict.why == OK);
}

static void expect_refusal(const struct recover_evidence *evidence, enum recover_case found,
                           enum status why)
{
    const struct recover_verdict verdict = recover_decide(evidence);

    EXPECT(verdict.found == found && verdict.action == RECOVER_REFUSE && verdict.why == why);
}

static void expect_repair(const struct recover_evidence *evidence, enum recover_case found,
                          enum status why)
{
    const struct recover_verdict verdict = recover_decide(evidence);

    EXPECT(verdict.found == found && verdict.action == RECOVER_REPAIR && verdict.why == why);
}

TEST(ok_a_writer_starts_a_segment_and_a_replica_resumes)
{
    const struct recover_evidence writer = healthy(true), replica = healthy(false);

    expect_going_on(&writer, RECOVER_OK, 8, false);
    expect_going_on(&replica, RECOVER_OK, 8, false);
}

TEST(torn_is_cut_and_copied_aside)
{
    struct recover_evidence evidence = healthy(true);

    evidence.has_tail = true;
    evidence.later_durable = 8; /* of batch 10, say: nothing that it knew of is missing */
    expect_going_on(&evidence, RECOVER_TORN, 8, true);
    evidence.is_writer = evidence.sealed_here = false;
    evidence.later_durable = 9; /* what a primary had on its disk says nothing about ours */
    expect_going_on(&evidence, RECOVER_TORN, 8, true);
}

TEST(surplus_batches_are_copied_and_ignored)
{
    struct recover_evidence evidence = healthy(false);

    evidence.epoch_end = 7;
    evidence.cut_lsn = 7;
    expect_going_on(&evidence, RECOVER_SURPLUS, 7, true);
    evidence.commit_lsn = 8;
    expect_refusal(&evidence, RECOVER_COMMITTED_DAMAGE, E_CUT_COMMITTED);

    evidence = healthy(true);
    evidence.is_last = false;
    evidence.next_end = 6;
    evidence.cut_lsn = 6;
    expect_going_on(&evidence, RECOVER_SURPLUS, 6, true);
}

TEST(a_surplus_segment_is_set_aside_even_if_it_is_empty)
{
    struct recover_evidence evidence = healthy(false);

    evidence.epoch_end = evidence.durable = evidence.commit_lsn = FIRST - 1;
    evidence.last_valid = evidence.cut_lsn = FIRST - 1;
    EXPECT(recover_decide(&evidence).found == RECOVER_SURPLUS);
    EXPECT(recover_decide(&evidence).action == RECOVER_SET_ASIDE);
    evidence.commit_lsn = FIRST;
    expect_refusal(&evidence, RECOVER_COMMITTED_DAMAGE, E_CUT_COMMITTED);
}

TEST(damage_to_what_was_durable_is_never_cut)
{
    struct recover_evidence evidence = healthy(true);

    evidence.durable = 9;
    expect_repair(&evidence, RECOVER_COMMITTED_DAMAGE, E_DAMAGED);
    evidence = healthy(true);
    evidence.has_tail = true;
    evidence.later_durable = 9;
    expect_repair(&evidence, RECOVER_COMMITTED_DAMAGE, E_DAMAGED);
    evidence = healthy(true);
    evidence.commit_lsn = 9;
    expect_repair(&evidence, RECOVER_COMMITTED_DAMAGE, E_DAMAGED);
    evidence = healthy(true);
    evidence.is_last = false;
    evidence.next_end = 9;
    expect_repair(&evidence, RECOVER_COMMITTED_DAMAGE, E_DAMAGED);
    evidence.next_end = 8;
    evidence.next_disagrees = true;
    expect_repair(&evidence, RECOVER_COMMITTED_DAMAGE, E_DAMAGED);
}

TEST(headers_keys_and_files_have_their_own_reasons)
{
    struct recover_evidence evidence = healthy(true);

    evidence.header = E_CHECKSUM;
    expect_repair(&evidence, RECOVER_HEADER_LOST, E_DAMAGED);
    evidence.header = E_WRONG_KEY;
    expect_refusal(&evidence, RECOVER_WRONG_KEY, E_WRONG_KEY);
    evidence.follows_gap = true;
    expect_repair(&evidence, RECOVER_MISSING_FILE, E_MISSING);
    evidence = healthy(true);
    evidence.is_closed = true;
    evidence.durable = 12;
    expect_repair(&evidence, RECOVER_MISSING_FILE, E_MISSING);
    evidence = healthy(false);
    evidence.is_suspect = true;
    expect_refusal(&evidence, RECOVER_SUSPECT, E_SUSPECT);
    evidence = healthy(true);
    evidence.is_alone = evidence.has_tail = true;
    evidence.has_watermark = false;
    evidence.durable = 0;
    expect_refusal(&evidence, RECOVER_UNDECIDABLE, E_UNDECIDABLE);
    evidence.has_tail = false;
    expect_going_on(&evidence, RECOVER_OK, 8, false);
}

/* A later epoch begins behind this segment, W is of that epoch, and its file is gone: nothing that
 * was durable in it may be given up, whether or not it was known as committed. */
TEST(the_first_segment_of_the_newest_epoch_is_missed)
{
    struct recover_evidence evidence = healthy(true);

    evidence.epoch_end = evidence.last_valid = evidence.cut_lsn = 8;
    evidence.durable = 9;
    evidence.commit_lsn = 8;
    expect_repair(&evidence, RECOVER_MISSING_FILE, E_MISSING);
    evidence.commit_lsn = 9;
    expect_repair(&evidence, RECOVER_MISSING_FILE, E_MISSING);
    evidence.last_valid = 9; /* and some surplus */
    expect_repair(&evidence, RECOVER_MISSING_FILE, E_MISSING);
    evidence.durable = 8; /* nothing of that epoch was durable: the table cuts what was committed */
    expect_refusal(&evidence, RECOVER_COMMITTED_DAMAGE, E_CUT_COMMITTED);
}

/* ---- all combinations ---- */

static batch_t end_by_history(const struct recover_evidence *e)
{
    return min_of(e->epoch_end, e->next_end);
}

/* Whether this segment may be given up as a whole, or kept up to `keep`, without losing anything
 * that was durable or committed. */
static bool nothing_is_lost(const struct recover_evidence *e, const struct recover_verdict *v)
{
    if (v->action == RECOVER_SET_ASIDE) { /* of a later epoch's batches it holds none */
        return FIRST - 1 >= min_of(e->durable, e->epoch_end) && FIRST - 1 >= e->commit_lsn
               && !(e->sealed_here && e->later_durable > e->last_valid
                    && e->last_valid < e->epoch_end);
    }
    if (!e->is_last) {
        return v->keep >= end_by_history(e) && v->action == RECOVER_KEEP;
    }
    return v->keep >= e->durable && v->keep >= e->commit_lsn
           && !(e->sealed_here && e->later_durable > e->last_valid && e->last_valid < e->epoch_end);
}

static bool there_is_a_reason(const struct recover_evidence *e, enum status why)
{
    const batch_t kept = min_of(e->last_valid, end_by_history(e));
    const bool lacks =
        e->is_last ? e->durable > kept || e->commit_lsn > kept : e->last_valid < end_by_history(e);
    const bool own_word = e->is_last && e->sealed_here && e->later_durable > e->last_valid;
    const bool contradiction = !e->is_last && (e->next_disagrees || e->epoch_end < FIRST);

    const struct {
        enum status why;
        bool holds;
    } reasons[] = {
        {E_MISSING, e->follows_gap || (e->is_last && e->is_closed && (lacks || own_word))
                        || (e->is_last && e->durable > kept && kept == e->epoch_end)},
        {E_WRONG_KEY, e->header == E_WRONG_KEY},
        {E_DAMAGED,
         (e->header != OK && e->header != E_WRONG_KEY) || lacks || own_word || contradiction},
        {E_CUT_COMMITTED, (e->epoch_end <= e->last_valid || e->epoch_end < FIRST)
                              && e->commit_lsn > min_of(kept, e->epoch_end)},
        {E_SUSPECT, e->is_suspect && e->is_last},
        {E_UNDECIDABLE, e->is_alone && !e->has_watermark && e->has_tail && e->is_last},
    };

    for (unsigned i = 0; i < COUNT_OF(reasons); i++) {
        if (reasons[i].why == why) {
            return reasons[i].holds;
        }
    }
    return false;
}

static bool action_is_allowed(const struct recover_evidence *e, const struct recover_verdict *v)
{
    const bool sound = e->header == OK && !e->follows_gap;

    switch (v->action) {
    case RECOVER_KEEP:
        return sound && !e->is_last;
    case RECOVER_NEW_SEGMENT:
        return sound && e->is_last && e->is_writer && !e->is_suspect;
    case RECOVER_RESUME:
        return sound && e->is_last && !e->is_writer && !e->is_suspect;
    case RECOVER_SET_ASIDE:
        return sound && e->is_last && e->epoch_end < FIRST;
    case RECOVER_REPAIR:
    case RECOVER_REFUSE:
        break;
    }
    return true;
}

/* What another member could give is never refused, and what none could is never asked for. */
static bool repairs_what_it_can(const struct recover_evidence *e, const struct recover_verdict *v)
{
    const bool sound = e->header == OK && !e->follows_gap;
    const bool can = v->why == E_MISSING
                     || (v->why == E_DAMAGED && !(sound && !e->is_last && e->epoch_end < FIRST));

    return (v->action == RECOVER_REPAIR) == can;
}

static bool keeps_what_it_says(const struct recover_evidence *e, const struct recover_verdict *v)
{
    if (v->action == RECOVER_SET_ASIDE) {
        return true;
    }
    const bool leaves_batches = e->last_valid > v->keep;
    const bool leaves_bytes = leaves_batches || (e->is_last && e->has_tail);

    return v->keep <= e->last_valid && v->keep <= end_by_history(e) && v->keep >= FIRST - 1
           && v->copy_tail == leaves_bytes && (v->found == RECOVER_SURPLUS) == leaves_batches
           && (v->found == RECOVER_TORN) == (leaves_bytes && !leaves_batches);
}

static bool verdict_is_allowed(const struct recover_evidence *e)
{
    const struct recover_verdict verdict = recover_decide(e);
    const bool goes_on = verdict.found == RECOVER_OK || verdict.found == RECOVER_TORN
                         || verdict.found == RECOVER_SURPLUS;

    if (verdict.action == RECOVER_REFUSE || verdict.action == RECOVER_REPAIR) {
        return !goes_on && there_is_a_reason(e, verdict.why) && repairs_what_it_can(e, &verdict);
    }
    return goes_on && verdict.why == OK && action_is_allowed(e, &verdict)
           && nothing_is_lost(e, &verdict) && keeps_what_it_says(e, &verdict);
}

struct counts {
    unsigned long tried;
    unsigned long by_case[RECOVER_CASES];
    unsigned long wrong;
};

/* A mark is clamped to the end of its own epoch, which may be a later one than this segment's. */
static void try_one(struct recover_evidence e, struct counts *counts)
{
    e.cut_lsn = min_of(e.last_valid, end_by_history(&e));
    counts->tried++;
    counts->by_case[recover_decide(&e).found]++;
    if (!verdict_is_allowed(&e)) {
        const struct recover_verdict v = recover_decide(&e);

        if (counts->wrong++ == 0) {
            printf(
                "\n    first wrong: %s %s keep %llu why %s; last %d valid %llu W %llu commit %llu "
                "epoch_end %llu next_end %llu later %llu tail %d closed %d sealed %d",
                recover_case_name(v.found), recover_action_name(v.action),
                (unsigned long long)v.keep, status_name(v.why), e.is_last,
                (unsigned long long)e.last_valid, (unsigned long long)e.durable,
                (unsigned long long)e.commit_lsn, (unsigned long long)e.epoch_end,
                (unsigned long long)e.next_end, (unsigned long long)e.later_durable, e.has_tail,
                e.is_closed, e.sealed_here);
        }
    }
}

static void try_flags(struct recover_evidence e, struct counts *counts)
{
    for (unsigned flags = 0; flags < 256; flags++) {
        e.is_writer = flags & 1;
        e.is_alone = flags & 2;
        e.is_suspect = flags & 4;
        e.has_watermark = flags & 8;
        e.follows_gap = flags & 16;
        e.sealed_here = flags & 32;
        e.is_closed = flags & 64;
        e.has_tail = flags & 128;
        try_one(e, counts);
    }
}

static void try_marks(struct recover_evidence e, struct counts *counts)
{
    static const batch_t marks[] = {0, 4, 6, 9};
    static const batch_t later[] = {0, 5, 9};

    for (unsigned i = 0; i < COUNT_OF(marks) * COUNT_OF(marks) * COUNT_OF(later); i++) {
        e.durable = marks[i % 4];
        e.commit_lsn = marks[i / 4 % 4];
        e.later_durable = later[i / 16];
        try_flags(e, counts);
    }
}

static void try_segments(struct recover_evidence e, struct counts *counts)
{
    static const enum status headers[] = {OK, E_WRONG_KEY, E_CHECKSUM, E_FORGED};
    static const batch_t epoch_ends[] = {3, 4, 6, RECOVER_OPEN_END};

    for (unsigned i = 0; i < COUNT_OF(headers) * COUNT_OF(epoch_ends); i++) {
        e.header = headers[i % 4];
        e.epoch_end = epoch_ends[i / 4];
        for (e.last_valid = FIRST - 1; e.last_valid <= 8; e.last_valid++) {
            try_marks(e, counts);
        }
    }
}

TEST(no_combination_of_evidence_loses_what_was_durable_or_refuses_without_reason)
{
    static const batch_t next_ends[] = {4, 6, 8, RECOVER_OPEN_END};
    struct counts counts = {0};
    struct recover_evidence e = {.first_batch = FIRST, .first_lsn = FIRST};

    for (unsigned i = 0; i < COUNT_OF(next_ends); i++) {
        e.next_end = next_ends[i];
        e.is_last = e.next_end == RECOVER_OPEN_END;
        e.next_disagrees = false;
        try_segments(e, &counts);
        if (!e.is_last) {
            e.next_disagrees = true;
            try_segments(e, &counts);
        }
    }
    EXPECT(counts.tried == 6881280);
    EXPECT(counts.wrong == 0);
    for (unsigned i = 0; i < RECOVER_CASES; i++) {
        EXPECT(counts.by_case[i] > 0);
    }
}
