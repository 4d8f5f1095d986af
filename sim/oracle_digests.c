/* Every digest that a writer lists is computed here anew, from the bytes that the oracle kept when
 * they were sealed: the header, and the batches up to where the next header says that they end. */
#include "seal/digest.h"
#include "sim/oracle.h"
#include "sim/oracle_line.h"

enum {
    AT_PREV_CHAIN = 168,
    AT_COUNT = 216,
    AT_DIGESTS = 220,
    DIGEST_ROW = 40,
    DIGESTS_MAX = 64,
    TAG_BYTES = 16,
    TAG_FROM_END = 24,
};

static uint64_t get(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = bytes; i-- > 0;) {
        value = value << 8 | from[i];
    }
    return value;
}

/* What the next header's prev_chain says if `end` is this segment's last batch. */
static struct digest chain_of(const struct oracle *oracle, const struct oracle_segment *segment,
                              batch_t end)
{
    const struct oracle_batch *last =
        end < segment->first_batch ? NULL : oracle_find(oracle, segment->epoch, end);
    const uint8_t *tag =
        last == NULL ? segment->raw + AT_COMMITMENT : last->data + last->bytes - TAG_FROM_END;

    return digest_of_two(bytes_of(segment->raw, sizeof segment->raw), bytes_of(tag, TAG_BYTES));
}

/* The one before in that writer's WAL: two who were primary by turns may both have begun one of
 * that number, each from where its own disk ended. */
static const struct oracle_segment *before(const struct oracle *oracle,
                                           const struct oracle_segment *segment)
{
    for (unsigned i = oracle->segment_count; i-- > 0;) {
        const struct oracle_segment *other = oracle->segments[i];

        if (other->segment + 1 == segment->segment) {
            const struct digest chain = chain_of(oracle, other, segment->prev_last_batch);

            if (memcmp(chain.bytes, segment->raw + AT_PREV_CHAIN, sizeof chain.bytes) == 0) {
                return other;
            }
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

static const uint8_t *find_row(const struct oracle_segment *header, segment_t number)
{
    const uint64_t count = get(header->raw + AT_COUNT, 4);

    for (uint64_t row = 0; row < count; row++) {
        const uint8_t *listed = header->raw + AT_DIGESTS + DIGEST_ROW * row;

        if (get(listed, 8) == number) {
            return listed;
        }
    }
    return NULL;
}

/* Back along the writer's WAL, where no header in between may list it as well. */
static void check_row(struct oracle *oracle, const struct oracle_segment *added,
                      const uint8_t *listed)
{
    const segment_t number = get(listed, 8);
    const struct oracle_segment *next = added;
    const struct oracle_segment *segment = before(oracle, added);

    while (segment != NULL && segment->segment > number && find_row(segment, number) == NULL) {
        next = segment;
        segment = before(oracle, segment);
    }
    if (segment == NULL || segment->segment != number) {
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

void oracle_check_digests(struct oracle *oracle, const struct oracle_segment *added)
{
    const uint64_t count = get(added->raw + AT_COUNT, 4);

    for (uint64_t row = 0; row < count && count <= DIGESTS_MAX; row++) {
        oracle->digests_checked++;
        check_row(oracle, added, added->raw + AT_DIGESTS + DIGEST_ROW * row);
    }
}
