/* A folder's audit and a member's answer say the same things of the same bytes; where two are
 * compared and one has more of the newest segment, it is asked for the digest of the part that the
 * other has.
 *
 * How it goes wrong: a member that does not answer, is busy, or has cut its copy back in between:
 * no verdict then, and the sentence says so. */
#include "cli/copy.h"

#include "base/check.h"
#include "cli/progress.h"
#include "host/clock.h"
#include "seal/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PIECE_BYTES = 1 << 20 };

bool copy_is_address(const char *name)
{
    struct stat found;

    return stat(name, &found) != 0 && strchr(name, ':') != NULL;
}

static void on_progress(void *context, uint64_t bytes)
{
    progress_show(context, bytes, -1);
}

static enum status verify_folder(struct copy *copy, const struct folder_keys *keys)
{
    struct progress progress;

    progress_begin(&progress);
    copy->folder_audit = (struct audit){.folder = &copy->folder.seen,
                                        .deks = keys->deks,
                                        .dek_count = keys->count,
                                        .keyless = copy->keyless,
                                        .of_replica = copy->of_replica,
                                        .on_progress = on_progress,
                                        .context = &progress};
    copy->audit = &copy->folder_audit;
    if (audit_run(&copy->folder_audit) != OK) {
        CHECK(copy->audit->damage.why != OK);
    }
    progress_end(&progress);
    return OK;
}

static enum status ask_member(struct copy *copy, struct verify_answer *answer,
                              const struct verify_message *order)
{
    answer->address = copy->name;
    verify_ask(copy->connect, order, answer);
    if (!answer->answered) {
        snprintf(copy->why, sizeof copy->why, "%s", answer->why);
    }
    return answer->answered ? OK : E_NOT_READY;
}

enum status copy_verify(struct copy *copy, const struct folder_keys *keys)
{
    const struct instant begun = clock_now();
    const struct verify_message all = {.request = 1, .keyless = copy->keyless, .rate = copy->rate};
    enum status status;

    if (copy->is_member) {
        copy->audit = &copy->answer.audit;
        status = ask_member(copy, &copy->answer, &all);
    } else {
        status = verify_folder(copy, keys);
    }
    copy->seconds = (double)instant_since(begun, clock_now()).ns / 1e9;
    return status;
}

/* ---- the part that the other side has ---- */

static enum status member_prefix(struct copy *copy, const struct audit_row *row,
                                 struct digest *sha256)
{
    const struct verify_message part = {.request = 2,
                                        .from_segment = row->segment,
                                        .through_batch = row->last_batch,
                                        .keyless = copy->keyless,
                                        .rate = copy->rate};
    struct verify_answer answer = {0};
    enum status status = ask_member(copy, &answer, &part);

    if (status == OK && answer.audit.damage.why != OK) {
        snprintf(copy->why, sizeof copy->why, "it was whole a moment ago, and is damaged now: %s",
                 status_name(answer.audit.damage.why));
        status = answer.audit.damage.why;
    } else if (status == OK && answer.audit.row_count == 1) {
        *sha256 = answer.audit.rows[0].sha256;
    } else if (status == OK) {
        status = E_CHAIN; /* it has that batch in another segment */
    }
    verify_answer_drop(&answer);
    return status;
}

static enum status folder_prefix(struct copy *copy, const struct audit_row *row,
                                 struct digest *sha256)
{
    struct digest_stream stream;
    uint8_t *piece = malloc(PIECE_BYTES);
    enum status status = OK;
    uint64_t at = 0, got = 0;

    CHECK(piece != NULL);
    digest_stream_start(&stream);
    while (status == OK && at < row->valid_bytes) {
        const uint64_t left = row->valid_bytes - at;
        const uint64_t size = left < PIECE_BYTES ? left : PIECE_BYTES;

        status = copy->folder.seen.read(&copy->folder, row->segment, at, piece, size, &got);
        digest_stream_add(&stream, bytes_of(piece, got));
        at += got;
        if (status == OK && got < size) {
            status = E_TRUNCATED;
        }
    }
    *sha256 = digest_stream_end(&stream);
    free(piece);
    return status;
}

static enum status prefix(void *context, const struct audit_row *row, struct digest *sha256)
{
    struct copy *copy = context;

    return copy->is_member ? member_prefix(copy, row, sha256) : folder_prefix(copy, row, sha256);
}

static struct compare_side side_of(struct copy *copy)
{
    return (struct compare_side){.rows = copy->audit->rows,
                                 .count = copy->audit->row_count,
                                 .prefix = prefix,
                                 .context = copy};
}

enum status copy_compare(struct comparison *comparison, struct copy *own, struct copy *other)
{
    const struct compare_side mine = side_of(own), theirs = side_of(other);

    *comparison = (struct comparison){0};
    if (!own->is_member && !other->is_member) {
        return compare_audits(comparison, own->audit, other->audit);
    }
    if (!id_equal(&own->audit->descriptor.lineage, &other->audit->descriptor.lineage)) {
        return E_LINEAGE;
    }
    return compare_rows(comparison, &mine, &theirs);
}

void copy_drop(struct copy *copy)
{
    if (copy->is_member) {
        verify_answer_drop(&copy->answer);
        return;
    }
    if (copy->folder_audit.rows != NULL) {
        audit_drop(&copy->folder_audit);
    }
    folder_close(&copy->folder);
}
