/* What a member says of its own copy, held against what was sealed. A segment that it calls good
 * has the digest of the very bytes that the oracle keeps; damage is only where a disk was made to
 * rot. (That rot is not overlooked follows from the first: a digest of rotten bytes is another
 * one.) */
#include "sim/oracle_verify.h"
#include "proto/control.h"
#include "seal/digest.h"

#include <stdio.h>

/* False where some batch of it was never sealed, or in another segment. */
static bool digest_of_sealed(const struct oracle *oracle, const struct verified_segment *row,
                             struct digest *digest)
{
    struct oracle_segment *segment = oracle_find_segment(oracle, row->epoch, row->segment);
    struct digest_stream stream;
    bool all = segment != NULL && segment->first_batch == row->first_batch;

    if (!all) {
        return false;
    }
    if (segment->valid_to == row->last_batch && row->last_batch > 0) {
        *digest = segment->valid; /* what was sealed stays as it was */
        return true;
    }
    digest_stream_start(&stream);
    digest_stream_add(&stream, bytes_of(segment->raw, ORACLE_HEADER_BYTES));
    for (batch_t number = row->first_batch; all && number <= row->last_batch; number++) {
        const struct oracle_batch *batch = oracle_find(oracle, row->epoch, number);

        all = batch != NULL && oracle->segments[batch->segment] == segment;
        if (all) {
            digest_stream_add(&stream, bytes_of(batch->data, batch->bytes));
        }
    }
    *digest = digest_stream_end(&stream);
    if (all) {
        segment->valid = *digest;
        segment->valid_to = row->last_batch;
    }
    return all;
}

void oracle_on_verified_segment(struct oracle *oracle, const struct sim_member *member,
                                const struct effect_send *send)
{
    static struct verified_segment row;
    struct digest sealed;

    if (verified_segment_decode(&row, send->head, &oracle->scratch) != OK) {
        sim_fail(oracle->sim, 0, "%s sends a VERIFIED_SEGMENT that has not its form", member->name);
        return;
    }
    oracle->verified_segments++;
    if (!digest_of_sealed(oracle, &row, &sealed) || !digest_equal(&sealed, &row.sha256)) {
        sim_fail(oracle->sim, 44, "%s calls segment %llu good, which is not as it was sealed",
                 member->name, (unsigned long long)row.segment);
    }
}

void oracle_on_verified(struct oracle *oracle, const struct sim_member *member,
                        const struct effect_send *send)
{
    struct verified verified;

    if (verified_decode(&verified, send->head, &oracle->scratch) != OK) {
        sim_fail(oracle->sim, 0, "%s sends a VERIFIED that has not its form", member->name);
        return;
    }
    oracle->verified_damages += verified.why != OK;
    if (verified.why != OK && member->store.damage + member->store.read_failures == 0) {
        sim_fail(oracle->sim, 44, "%s finds %s in segment %llu, batch %llu; its disk is good",
                 member->name, status_name(verified.why), (unsigned long long)verified.segment,
                 (unsigned long long)verified.batch);
    }
}
