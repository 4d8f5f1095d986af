/* What holds for every message alike: sizes are exact, what was encoded is decoded, and no bytes
 * whatever do harm. */
#include "base/check.h"
#include "tests/support/test.h"
#include "tests/unit/proto/samples.h"

#include <stdlib.h>

static uint8_t encoded[SAMPLE_BYTES_MAX], again[SAMPLE_BYTES_MAX];
static union sample_message message, decoded;

static struct bytes sample(const struct sample_kind *kind, bool full)
{
    memset(&message, 0, sizeof message);
    kind->fill(&message, full);

    const size_t size = kind->bytes(&message);

    NEED(size < sizeof encoded);
    encoded[size] = 0xa5; /* nothing may be written behind */

    const struct bytes head = kind->encode(&message, encoded);

    EXPECT(head.size == size && head.data == encoded && encoded[size] == 0xa5);
    return head;
}

/* Whether the bytes decode, and to what encodes to the very same bytes again. */
static bool comes_back(const struct sample_kind *kind, struct bytes head)
{
    memset(&decoded, 0, sizeof decoded);
    if (kind->decode(&decoded, head, sample_scratch()) != OK
        || kind->bytes(&decoded) != head.size) {
        return false;
    }
    return bytes_equal(kind->encode(&decoded, again), head);
}

TEST(every_message_comes_back_at_its_limits_and_empty)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        EXPECT(comes_back(&sample_kinds[i], sample(&sample_kinds[i], true)));
        EXPECT(comes_back(&sample_kinds[i], sample(&sample_kinds[i], false)));
    }
}

/* The copy has its exact size, so that a sanitizer sees any read beyond it. */
static enum status decode_copy(const struct sample_kind *kind, struct bytes head)
{
    uint8_t *const copy = malloc(head.size + (head.size == 0));

    NEED(copy != NULL);
    if (head.size > 0) {
        memcpy(copy, head.data, head.size);
    }

    const enum status status = kind->decode(&decoded, bytes_of(copy, head.size), sample_scratch());

    free(copy);
    return status;
}

/* A cut between two fields of numbers is a shorter message; any other cut is refused. */
TEST(every_truncation_is_refused_or_is_another_message)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        const struct sample_kind *const kind = &sample_kinds[i];
        const struct bytes head = sample(kind, true);
        const size_t step = 1 + head.size / 3000;

        for (size_t size = 0; size < head.size; size += step) {
            const enum status status = decode_copy(kind, bytes_part(head, 0, size));

            EXPECT(status == OK || status == E_MALFORMED);
            EXPECT(status != OK || kind->bytes(&decoded) <= size);
        }
    }
}

TEST(changed_bytes_are_refused_or_are_a_message_within_its_limits)
{
    struct prng prng;

    prng_seed(&prng, 3);
    for (unsigned round = 0; round < 4000; round++) {
        const struct sample_kind *const kind = &sample_kinds[round % SAMPLES];
        const struct bytes head = sample(kind, prng_chance(&prng, round < 400 ? 1 : 0, 2));

        for (uint64_t i = prng_between(&prng, 1, 6); i > 0 && head.size > 0; i--) {
            encoded[prng_below(&prng, head.size)] = (uint8_t)prng_next(&prng);
        }

        const enum status status = decode_copy(kind, head);

        EXPECT(status == OK || status == E_MALFORMED);
        if (status == OK) {
            EXPECT(kind->bytes(&decoded) <= SAMPLE_BYTES_MAX);
            kind->encode(&decoded, again); /* checks its own limits */
        }
    }
}

TEST(random_bytes_do_no_harm)
{
    struct prng prng;
    uint8_t bytes[64];

    prng_seed(&prng, 4);
    for (unsigned round = 0; round < 40000; round++) {
        const size_t size = prng_below(&prng, sizeof bytes + 1);

        prng_fill(&prng, bytes, sizeof bytes);

        const enum status status =
            decode_copy(&sample_kinds[round % SAMPLES], bytes_of(bytes, size));

        EXPECT(status == OK || status == E_MALFORMED);
    }
}

TEST(a_field_that_is_not_listed_is_refused)
{
    static const uint8_t unknown[] = {0xf8, 0x07, 0x01}; /* field 127, a number */

    for (unsigned i = 0; i < SAMPLES; i++) {
        const struct bytes head = sample(&sample_kinds[i], false);

        memcpy(encoded + head.size, unknown, sizeof unknown);
        EXPECT_STATUS(decode_copy(&sample_kinds[i], bytes_of(encoded, head.size + sizeof unknown)),
                      E_MALFORMED);
    }
}

/* Half a MiB of the smallest nested messages would cost protobuf-c many times its size. */
TEST(a_message_that_wants_more_memory_than_the_scratch_is_refused)
{
    for (size_t i = 0; i + 1 < sizeof encoded; i += 2) {
        encoded[i] = 14 << 3 | 2; /* an empty Epoch */
        encoded[i + 1] = 0;
    }
    EXPECT_STATUS(decode_copy(&sample_kinds[0], bytes_of(encoded, sizeof encoded)), E_MALFORMED);
    for (size_t i = 0; i + 1 < sizeof encoded; i += 2) {
        encoded[i] = 1 << 3 | 2; /* an empty Envelope */
    }
    EXPECT_STATUS(decode_copy(&sample_kinds[1], bytes_of(encoded, sizeof encoded)), E_MALFORMED);
}

TEST(a_scratch_of_any_size_is_never_overrun)
{
    struct proto_scratch small = *sample_scratch();
    const struct bytes head = sample(&sample_kinds[0], true);
    enum status status = E_MALFORMED;

    for (size_t size = 0; size <= 200000; size += 97) {
        small.size = size;
        status = sample_kinds[0].decode(&decoded, head, &small);
        EXPECT(status == OK || status == E_MALFORMED);
        EXPECT(small.used <= size);
    }
    EXPECT(status == OK);
}
