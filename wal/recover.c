/* One question after the other, in the order of the header; the first that says yes decides.
 *
 * What is behind the last valid batch of the newest segment is torn, and may be cut, only if
 * nothing says that it had been durable: not W, not a later batch of our own, not a committed LSN.
 * That holds for a final batch behind it as for any other: a crash may leave the last batch of a
 * group whole and one before it torn, and that is no damage.
 *
 * A segment that is not the newest is judged by what the next header says, and W says nothing
 * more. */
#include "wal/recover.h"

#include "base/check.h"

static batch_t smaller(batch_t a, batch_t b)
{
    return a < b ? a : b;
}

static struct recover_verdict refuse(enum recover_case found, enum status why)
{
    return (struct recover_verdict){.found = found, .action = RECOVER_REFUSE, .why = why};
}

/* What is lacking is fetched from another member; nothing is changed before it is there. */
static struct recover_verdict repair(enum recover_case found, enum status why)
{
    return (struct recover_verdict){.found = found, .action = RECOVER_REPAIR, .why = why};
}

/* Where this segment ends by epoch table and next header. */
static batch_t end_of(const struct recover_evidence *evidence)
{
    return smaller(evidence->epoch_end, evidence->next_end);
}

static struct recover_verdict go_on(const struct recover_evidence *evidence,
                                    enum recover_case found, bool copy_tail)
{
    enum recover_action action = evidence->is_writer ? RECOVER_NEW_SEGMENT : RECOVER_RESUME;

    return (struct recover_verdict){.found = found,
                                    .action = evidence->is_last ? action : RECOVER_KEEP,
                                    .keep = smaller(evidence->last_valid, end_of(evidence)),
                                    .copy_tail = copy_tail};
}

static struct recover_verdict judge_header(const struct recover_evidence *evidence)
{
    if (evidence->header == E_WRONG_KEY) {
        return refuse(RECOVER_WRONG_KEY, E_WRONG_KEY);
    }
    return repair(RECOVER_HEADER_LOST, E_DAMAGED);
}

/* Nothing in it is part of the WAL; even its number will be given again. It goes before what
 * precedes it is judged, so one that is followed by a segment of the WAL contradicts the epoch
 * table. */
static struct recover_verdict judge_surplus_segment(const struct recover_evidence *evidence)
{
    if (evidence->first_lsn <= evidence->commit_lsn) {
        return refuse(RECOVER_COMMITTED_DAMAGE, E_CUT_COMMITTED);
    }
    if (!evidence->is_last) {
        return refuse(RECOVER_COMMITTED_DAMAGE, E_DAMAGED);
    }
    return (struct recover_verdict){.found = RECOVER_SURPLUS, .action = RECOVER_SET_ASIDE};
}

/* This is the newest segment, whole to where its epoch ended, and W speaks of a later epoch: that
 * began a segment of its own. */
static bool lacks_the_next(const struct recover_evidence *evidence)
{
    return evidence->is_last && evidence->last_valid >= end_of(evidence)
           && evidence->durable > end_of(evidence);
}

/* A batch is missing that something says was durable. */
static bool is_damaged(const struct recover_evidence *evidence)
{
    const batch_t bad = evidence->last_valid + 1;

    if (evidence->last_valid >= end_of(evidence)) {
        return evidence->next_disagrees || lacks_the_next(evidence);
    }
    return !evidence->is_last || bad <= evidence->durable
           || evidence->cut_lsn < evidence->commit_lsn
           || (evidence->sealed_here && bad <= evidence->later_durable);
}

static bool has_surplus(const struct recover_evidence *evidence)
{
    return evidence->last_valid > end_of(evidence);
}

/* The epoch table ends this segment below what was known as committed here. */
static bool cuts_committed(const struct recover_evidence *evidence)
{
    return evidence->is_last && evidence->last_valid >= end_of(evidence)
           && evidence->cut_lsn < evidence->commit_lsn;
}

/* A closed segment lacks no batch of its own: what W speaks of was in a file that is gone. */
static struct recover_verdict judge_damage(const struct recover_evidence *evidence)
{
    if ((evidence->is_last && evidence->is_closed) || lacks_the_next(evidence)) {
        return repair(RECOVER_MISSING_FILE, E_MISSING);
    }
    return repair(RECOVER_COMMITTED_DAMAGE, E_DAMAGED);
}

struct recover_verdict recover_decide(const struct recover_evidence *evidence)
{
    CHECK(evidence->is_last == (evidence->next_end == RECOVER_OPEN_END));

    if (evidence->follows_gap) {
        return repair(RECOVER_MISSING_FILE, E_MISSING);
    }
    if (evidence->header != OK) {
        return judge_header(evidence);
    }
    if (evidence->first_batch > evidence->epoch_end) {
        return judge_surplus_segment(evidence);
    }
    if (is_damaged(evidence)) {
        return judge_damage(evidence);
    }
    if (cuts_committed(evidence)) {
        return refuse(RECOVER_COMMITTED_DAMAGE, E_CUT_COMMITTED);
    }
    if (evidence->is_last && evidence->is_suspect) {
        return refuse(RECOVER_SUSPECT, E_SUSPECT);
    }
    if (has_surplus(evidence)) {
        return go_on(evidence, RECOVER_SURPLUS, true);
    }
    if (!evidence->is_last || !evidence->has_tail) {
        return go_on(evidence, RECOVER_OK, false);
    }
    return evidence->is_alone && !evidence->has_watermark
               ? refuse(RECOVER_UNDECIDABLE, E_UNDECIDABLE)
               : go_on(evidence, RECOVER_TORN, true);
}

const char *recover_case_name(enum recover_case found)
{
    static const char *const names[RECOVER_CASES] = {
        [RECOVER_OK] = "ok",
        [RECOVER_TORN] = "torn",
        [RECOVER_SURPLUS] = "surplus",
        [RECOVER_COMMITTED_DAMAGE] = "committed-damage",
        [RECOVER_HEADER_LOST] = "header-lost",
        [RECOVER_MISSING_FILE] = "missing-file",
        [RECOVER_WRONG_KEY] = "wrong-key",
        [RECOVER_SUSPECT] = "suspect",
        [RECOVER_UNDECIDABLE] = "undecidable",
    };

    CHECK((unsigned)found < RECOVER_CASES);
    return names[found];
}

const char *recover_action_name(enum recover_action action)
{
    switch (action) {
    case RECOVER_KEEP:
        return "keep";
    case RECOVER_NEW_SEGMENT:
        return "new-segment";
    case RECOVER_RESUME:
        return "resume";
    case RECOVER_SET_ASIDE:
        return "set-aside";
    case RECOVER_REPAIR:
        return "repair";
    case RECOVER_REFUSE:
        return "refuse";
    }
    UNREACHABLE();
}
