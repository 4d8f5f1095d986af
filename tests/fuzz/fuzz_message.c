/* A message from a peer: the prefix of its frame, then its head. */
#include "base/check.h"
#include "proto/message.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/proto/samples.h"

static union sample_message message;
static uint8_t encoded[SAMPLE_BYTES_MAX], again[SAMPLE_BYTES_MAX];

/* Types without a codec have no head to decode. */
static const struct sample_kind *kind_of(unsigned type)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        if (sample_kinds[i].type == type) {
            return &sample_kinds[i];
        }
    }
    return NULL;
}

static void try_head(const struct sample_kind *kind, struct bytes head)
{
    memset(&message, 0, sizeof message);
    if (kind->decode(&message, head, sample_scratch()) != OK) {
        return;
    }

    const size_t size = kind->bytes(&message);

    CHECK(size <= sizeof encoded);

    const struct bytes first = kind->encode(&message, encoded);

    CHECK(first.size == size);
    CHECK(kind->decode(&message, first, sample_scratch()) == OK);
    CHECK(bytes_equal(kind->encode(&message, again), first));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes input = bytes_of(data, size);
    struct frame frame;

    if (frame_decode(&frame, bytes_part(input, 0, FRAME_PREFIX_BYTES)) != OK) {
        return 0;
    }

    const struct sample_kind *const kind = kind_of(frame.type);

    if (kind != NULL) {
        try_head(kind, bytes_part(input, FRAME_PREFIX_BYTES, size));
    }
    return 0;
}
