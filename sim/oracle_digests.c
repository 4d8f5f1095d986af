/* Every digest that a writer lists is computed here anew, from the bytes that the oracle kept when
 * they were sealed: the header, and the batches up to where the next header says that they end. */
#include "seal/digest.h"
#include "sim/oracle.h"

enum {
    AT_COUNT = 216,
    AT_DIGESTS = 220,
    DIGEST_ROW = 40,
    DIGESTS_MAX = 64,
};

static uint64_t get(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = bytes; i-- > 0;) {
        value = value << 8 | from[i];
    }
    return value;
}

static const struct oracle_segment *newest_of(const struct oracle *oracle, segment_t number)
{
    for (unsigned i = oracle->segment_count; i-- > 0;) {
        if (oracle->segments[i]->segment == number) {
            return oracle->segments[i];
        }
    }
    return NULL;
}

static struct digest digest_of_segment(const struct oracle *oracle,
                                       const struct oracle_segment *segment, batch_t end)
{
    struct digest_stream stream = {0};

    digest_stream_start(&stream);
    digest_stream_add(&stream, bytes_of(segment->raw, sizeof segment->raw));
    for (batch_t batch = segment->first_batch; batch <= end; batch++) {
        const struct oracle_batch *known = oracle_find(oracle, segment->epoch, batch);

        if (known != NULL) {
            digest_stream_add(&stream, bytes_of(known->data, known->bytes));
        }
    }
    return digest_stream_end(&stream);
}

/* By a header that is still there: those at and above `below` were lost with a crash. */
static bool was_listed(const struct oracle *oracle, segment_t number, segment_t below)
{
    for (segment_t segment = number + 1; segment < below; segment++) {
        const struct oracle_segment *header = newest_of(oracle, segment);
        const uint64_t count = header == NULL ? 0 : get(header->raw + AT_COUNT, 4);

        for (uint64_t row = 0; row < count; row++) {
            if (get(header->raw + AT_DIGESTS + DIGEST_ROW * row, 8) == number) {
                return true;
            }
        }
    }
    return false;
}

void oracle_check_digests(struct oracle *oracle, const struct oracle_segment *added)
{
    const uint64_t count = get(added->raw + AT_COUNT, 4);

    for (uint64_t row = 0; row < count && count <= DIGESTS_MAX; row++) {
        const uint8_t *listed = added->raw + AT_DIGESTS + DIGEST_ROW * row;
        const segment_t number = get(listed, 8);
        const struct oracle_segment *segment = newest_of(oracle, number);
        const struct oracle_segment *next =
            number + 1 == added->segment ? added : newest_of(oracle, number + 1);

        oracle->digests_checked++;
        if (number >= added->segment || segment == NULL || next == NULL
            || was_listed(oracle, number, added->segment)) {
            sim_fail(oracle->sim, 43, "segment %llu lists segment %llu, which it must not",
                     (unsigned long long)added->segment, (unsigned long long)number);
            return;
        }
        const struct digest truth = digest_of_segment(oracle, segment, next->prev_last_batch);

        if (memcmp(truth.bytes, listed + 8, sizeof truth.bytes) != 0) {
            sim_fail(oracle->sim, 43, "segment %llu lists a wrong digest of segment %llu",
                     (unsigned long long)added->segment, (unsigned long long)number);
        }
    }
}
