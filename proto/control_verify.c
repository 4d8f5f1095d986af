/* VERIFY asks a member to read its own copy again; VERIFIED_SEGMENT tells of each segment that is
 * good, with what others need to compare theirs, and VERIFIED ends it. */
#include "base/check.h"
#include "proto/control.h"
#include "proto/control.pb-c.h"
#include "proto/convert.h"

static Pb__Verify verify_prepare(const struct verify_message *verify)
{
    Pb__Verify message = PB__VERIFY__INIT;

    message.request = verify->request;
    message.from_segment = verify->from_segment;
    message.through_batch = verify->through_batch;
    message.keyless = verify->keyless;
    message.rate = verify->rate;
    return message;
}

size_t verify_message_bytes(const struct verify_message *verify)
{
    const Pb__Verify message = verify_prepare(verify);

    return protobuf_c_message_get_packed_size(&message.base);
}

struct bytes verify_message_encode(const struct verify_message *verify, void *into)
{
    const Pb__Verify message = verify_prepare(verify);

    return convert_pack(&message.base, into);
}

enum status verify_message_decode(struct verify_message *verify, struct bytes head,
                                  struct proto_scratch *scratch)
{
    const Pb__Verify *const message = convert_unpack(&pb__verify__descriptor, head, scratch);

    if (message == NULL) {
        return E_MALFORMED;
    }
    *verify = (struct verify_message){.request = message->request,
                                      .from_segment = message->from_segment,
                                      .through_batch = message->through_batch,
                                      .keyless = message->keyless,
                                      .rate = message->rate};
    return OK;
}

/* ---- VERIFIED_SEGMENT ---- */

struct segment_packed {
    Pb__VerifiedSegment message;
    Pb__ListedDigest digests[VERIFY_DIGESTS_MAX];
    Pb__ListedDigest *pointers[VERIFY_DIGESTS_MAX];
};

static void segment_prepare_digests(const struct verified_segment *from,
                                    struct segment_packed *packed)
{
    CHECK(from->digest_count <= VERIFY_DIGESTS_MAX);
    for (uint32_t i = 0; i < from->digest_count; i++) {
        pb__listed_digest__init(&packed->digests[i]);
        packed->digests[i].segment = from->digests[i].segment;
        packed->digests[i].sha256 = convert_fixed(&from->digests[i].sha256, sizeof(struct digest));
        packed->pointers[i] = &packed->digests[i];
    }
    packed->message.n_digests = from->digest_count;
    packed->message.digests = packed->pointers;
}

static const ProtobufCMessage *segment_prepare(const struct verified_segment *from,
                                               struct segment_packed *packed)
{
    Pb__VerifiedSegment *message = &packed->message;

    pb__verified_segment__init(message);
    message->request = from->request;
    message->segment = from->segment;
    message->epoch = from->epoch;
    message->first_batch = from->first_batch;
    message->last_batch = from->last_batch;
    message->end_lsn = from->end_lsn;
    message->batches = from->batches;
    message->records = from->records;
    message->bytes = from->bytes;
    message->through_batch = from->through_batch;
    message->closed = from->closed;
    message->sha256 = convert_fixed(&from->sha256, sizeof(struct digest));
    message->chain = convert_fixed(&from->chain, sizeof(struct digest));
    segment_prepare_digests(from, packed);
    return &message->base;
}

size_t verified_segment_bytes(const struct verified_segment *segment)
{
    struct segment_packed packed;

    return protobuf_c_message_get_packed_size(segment_prepare(segment, &packed));
}

struct bytes verified_segment_encode(const struct verified_segment *segment, void *into)
{
    struct segment_packed packed;

    return convert_pack(segment_prepare(segment, &packed), into);
}

static enum status digests_decode(struct verified_segment *segment,
                                  const Pb__VerifiedSegment *message)
{
    if (message->n_digests > VERIFY_DIGESTS_MAX) {
        return E_MALFORMED;
    }
    for (size_t i = 0; i < message->n_digests; i++) {
        if (!convert_is_known(&message->digests[i]->base)) {
            return E_MALFORMED;
        }
        segment->digests[i].segment = message->digests[i]->segment;
        TRY(convert_to_fixed(&segment->digests[i].sha256, sizeof(struct digest),
                             message->digests[i]->sha256));
    }
    segment->digest_count = (uint32_t)message->n_digests;
    return OK;
}

enum status verified_segment_decode(struct verified_segment *segment, struct bytes head,
                                    struct proto_scratch *scratch)
{
    const Pb__VerifiedSegment *const message =
        convert_unpack(&pb__verified_segment__descriptor, head, scratch);

    if (message == NULL) {
        return E_MALFORMED;
    }
    segment->request = message->request;
    segment->segment = message->segment;
    segment->epoch = message->epoch;
    segment->first_batch = message->first_batch;
    segment->last_batch = message->last_batch;
    segment->end_lsn = message->end_lsn;
    segment->batches = message->batches;
    segment->records = message->records;
    segment->bytes = message->bytes;
    segment->through_batch = message->through_batch;
    segment->closed = message->closed;
    TRY(convert_to_fixed(&segment->sha256, sizeof(struct digest), message->sha256));
    TRY(convert_to_fixed(&segment->chain, sizeof(struct digest), message->chain));
    return digests_decode(segment, message);
}

/* ---- VERIFIED ---- */

static Pb__Verified verified_prepare(const struct verified *verified)
{
    Pb__Verified message = PB__VERIFIED__INIT;

    message.request = verified->request;
    message.why = (uint32_t)verified->why;
    message.what = (uint32_t)verified->what;
    message.segment = verified->segment;
    message.offset = verified->offset;
    message.batch = verified->batch;
    message.segments = verified->segments;
    message.seals_opened = verified->seals_opened;
    return message;
}

size_t verified_bytes(const struct verified *verified)
{
    const Pb__Verified message = verified_prepare(verified);

    return protobuf_c_message_get_packed_size(&message.base);
}

struct bytes verified_encode(const struct verified *verified, void *into)
{
    const Pb__Verified message = verified_prepare(verified);

    return convert_pack(&message.base, into);
}

enum status verified_decode(struct verified *verified, struct bytes head,
                            struct proto_scratch *scratch)
{
    const Pb__Verified *const message = convert_unpack(&pb__verified__descriptor, head, scratch);

    if (message == NULL || message->what >= VERIFIED_WHATS
        || (message->why == OK) != (message->what == VERIFIED_ALL)) {
        return E_MALFORMED;
    }
    *verified = (struct verified){.request = message->request,
                                  .why = status_of_number(message->why),
                                  .what = (enum verified_what)message->what,
                                  .segment = message->segment,
                                  .offset = message->offset,
                                  .batch = message->batch,
                                  .segments = message->segments,
                                  .seals_opened = message->seals_opened};
    return OK;
}
