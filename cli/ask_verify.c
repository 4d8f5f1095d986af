/* A session of its own: HELLO, STATUS (whose key it is), VERIFY, then a row a segment until the
 * end.
 *
 * How it goes wrong: nobody answers (a few tries), our certificate is not accepted, the member is
 * busy with somebody else's verification, the link is lost on the way, or it falls silent: then
 * what was heard until then is no verdict. */
#include "cli/ask_verify.h"

#include "base/check.h"
#include "cli/progress.h"
#include "cli/waiting.h"
#include "client/session.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRY_MS = 3000, STEP_MS = 1000 };

struct asking {
    struct session *session;
    const struct verify_message *order;
    struct verify_answer *answer;
    struct progress progress;
    struct waiting waiting;
    bool begun, lost, done;
};

static const char *const whats[] = {
    [VERIFIED_ALL] = NULL,
    [VERIFIED_FILE] = "file",
    [VERIFIED_HEADER] = "header",
    [VERIFIED_BATCH] = "batch",
};

static void on_welcomed(void *context)
{
    struct asking *asking = context;
    uint8_t head[128];

    if (asking->begun) {
        asking->lost = true; /* and made again, to a member that knows nothing of our order */
        return;
    }
    asking->begun = true;
    asking->answer->welcome = asking->session->welcome;
    session_send(asking->session, MESSAGE_STATUS, bytes_none(), bytes_none(), bytes_none());
    session_send(asking->session, MESSAGE_VERIFY, verify_message_encode(asking->order, head),
                 bytes_none(), bytes_none());
}

static struct audit_row *add_row(struct verify_answer *answer)
{
    struct audit *audit = &answer->audit;

    if (audit->row_count == answer->row_room) {
        answer->row_room = answer->row_room == 0 ? 64 : 2 * answer->row_room;
        audit->rows = realloc(audit->rows, answer->row_room * sizeof *audit->rows);
        CHECK(audit->rows != NULL);
    }
    return &audit->rows[audit->row_count++];
}

/* Where a listed digest differs from bytes that are good by themselves, one of the two was made
 * up: it is damage of the header that lists it, as in a folder's audit. */
static void note_header(struct audit *audit, enum status why, segment_t segment)
{
    if (audit->damage.why == OK) {
        audit->damage = (struct audit_damage){.why = why, .what = "header", .segment = segment};
    }
}

static void check_digests(struct audit *audit, const struct verified_segment *segment)
{
    for (uint32_t i = 0; i < segment->digest_count; i++) {
        const segment_t listed = segment->digests[i].segment;

        if (listed >= segment->segment) {
            note_header(audit, E_MALFORMED, segment->segment); /* only of those before it */
            return;
        }
        if (listed < audit->rows[0].segment) {
            continue; /* it was not asked for */
        }
        struct audit_row *row = &audit->rows[listed - audit->rows[0].segment];

        row->digested = digest_equal(&row->sha256, &segment->digests[i].sha256);
        if (!row->digested) {
            note_header(audit, E_CHECKSUM, segment->segment);
        }
    }
}

void verify_answer_take(struct verify_answer *answer, const struct verified_segment *segment)
{
    struct audit *audit = &answer->audit;

    *add_row(answer) = (struct audit_row){.segment = segment->segment,
                                          .epoch = segment->epoch,
                                          .first_batch = segment->first_batch,
                                          .last_batch = segment->last_batch,
                                          .end_lsn = segment->end_lsn,
                                          .valid_bytes = segment->bytes,
                                          .batch_count = segment->batches,
                                          .closed = segment->closed,
                                          .sha256 = segment->sha256,
                                          .chain = segment->chain};
    audit->batch_count += segment->batches;
    audit->record_count += segment->records;
    audit->valid_bytes += segment->bytes;
    check_digests(audit, segment);
}

/* Rows come in order, without gaps: they are found by their place. */
static bool follows(const struct audit *audit, const struct verified_segment *segment)
{
    return audit->row_count == 0
           || segment->segment == audit->rows[audit->row_count - 1].segment + 1;
}

static void on_segment(struct asking *asking, const struct message *message)
{
    static struct verified_segment segment;
    struct verify_answer *answer = asking->answer;

    if (verified_segment_decode(&segment, message->head, &asking->session->scratch) != OK
        || !follows(&answer->audit, &segment)) {
        snprintf(answer->why, sizeof answer->why, "its answer has not the form of a segment's row");
        asking->done = true;
        return;
    }
    verify_answer_take(answer, &segment);
    if (segment.through_batch > 0) {
        const batch_t first = answer->audit.rows[0].first_batch;

        progress_show(&asking->progress, answer->audit.valid_bytes,
                      (double)(segment.last_batch + 1 - first)
                          / (double)(segment.through_batch + 1 - first));
    }
}

static void on_end(struct asking *asking, const struct message *message)
{
    struct verify_answer *answer = asking->answer;
    struct verified verified;

    asking->done = true;
    if (verified_decode(&verified, message->head, &asking->session->scratch) != OK
        || verified.segments != answer->audit.row_count) {
        snprintf(answer->why, sizeof answer->why, "its answer does not fit its own rows");
        return;
    }
    answer->answered = true;
    answer->audit.opens_seals = verified.seals_opened;
    if (verified.why != OK) {
        answer->audit.damage = (struct audit_damage){.why = verified.why,
                                                     .what = whats[verified.what],
                                                     .segment = verified.segment,
                                                     .offset = verified.offset,
                                                     .batch = verified.batch};
    }
}

static void on_refused(struct asking *asking, const struct message *message)
{
    struct verify_answer *answer = asking->answer;
    static struct refused refused;

    asking->done = true;
    if (refused_decode(&refused, message->head, &asking->session->scratch) != OK) {
        snprintf(answer->why, sizeof answer->why, "it refuses, and nobody can read why");
        return;
    }
    snprintf(answer->why, sizeof answer->why, "%s: %.300s", status_name(refused.why), refused.text);
}

static void on_message(void *context, const struct message *message)
{
    struct asking *asking = context;
    struct verify_answer *answer = asking->answer;

    if (message->type == MESSAGE_STATUS_IS) {
        if (member_status_decode(&answer->status, message->head, &asking->session->scratch) != OK) {
            memset(&answer->status, 0, sizeof answer->status);
        }
    } else if (message->type == MESSAGE_VERIFIED_SEGMENT) {
        on_segment(asking, message);
    } else if (message->type == MESSAGE_VERIFIED) {
        on_end(asking, message);
    } else if (message->type == MESSAGE_REFUSED) {
        on_refused(asking, message);
    }
}

/* Its last word ends the whole: until then there is always something to hear. */
static bool is_owed(void *context)
{
    const struct asking *asking = context;

    return !asking->done;
}

static void wait_for_end(struct asking *asking)
{
    struct session *session = asking->session;
    struct verify_answer *answer = asking->answer;

    while (!asking->done && !session->failed && !asking->lost) {
        session_wait(session, STEP_MS);
        waiting_look(&asking->waiting, session->text);
        asking->lost |= asking->begun && !session->is_up;
    }
    if (asking->done) {
        return;
    }
    if (asking->begun) { /* no verdict */
        snprintf(answer->why, sizeof answer->why,
                 "the link was lost after %u segments, all good: ask again (%.200s)",
                 answer->audit.row_count, session->text);
    } else {
        snprintf(answer->why, sizeof answer->why, "%s", session->text);
    }
}

void verify_ask(const struct connect *connect, const struct verify_message *order,
                struct verify_answer *answer)
{
    static const struct session_events events = {on_welcomed, on_message, is_owed};
    const struct session_settings settings = {.addresses = {answer->address},
                                              .files = {.ca = connect->ca,
                                                        .certificate = connect->certificate,
                                                        .key = connect->key,
                                                        .crl = connect->crl},
                                              .give_up = SPAN_MS(TRY_MS)};
    struct asking asking = {.order = order, .answer = answer, .waiting = {.verb = "verify"}};

    answer->answered = false;
    progress_begin(&asking.progress);
    if (connect_lacks(connect, answer->address, answer->why)
        || session_open(&asking.session, &settings, &events, &asking, answer->why) != OK) {
        return;
    }
    wait_for_end(&asking);
    progress_end(&asking.progress);
    answer->audit.descriptor.lineage = answer->welcome.lineage;
    answer->audit.descriptor.suite = (enum suite)answer->welcome.suite;
    session_close(asking.session);
}

void verify_answer_drop(struct verify_answer *answer)
{
    free(answer->audit.rows);
    answer->audit.rows = NULL;
}
