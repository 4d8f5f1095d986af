/* From a sealed batch to the records that were asked for: the batch is opened once into the step's
 * plaintext, and RECORDS points at two pieces of it, the lengths and the bodies, from the asked LSN
 * to the last visible one. Nothing is copied again.
 *
 * How it goes wrong: the seal does not match, or the segment's key is another one: READER_BAD, and
 * the READ ends. Plaintext is released only after the tag. */
#include "member/client_parts.h"
#include "proto/message.h"

#include "base/check.h"

bool reader_is_keyed(const struct client *client, segment_t segment)
{
    return client->reading.keyed == segment;
}

enum status reader_key(struct member *member, struct client *client, struct bytes raw_header)
{
    struct reading *reading = &client->reading;
    struct segment_header header;
    struct segment_key key;

    TRY(segment_header_decode(&header, raw_header));
    const struct dek *dek = deks_find(&member->deks, &header.dek);

    if (dek == NULL) {
        return E_WRONG_KEY;
    }
    TRY(segment_header_open(&header, raw_header, &dek->secret, &key));
    batch_sealer_begin(&reading->sealer, &header, raw_header, &key);
    segment_key_wipe(&key);
    reading->keyed = header.segment;
    return OK;
}

/* Which of the batch's records: the first, and how many. */
struct slice {
    uint32_t skip, count;
};

static struct slice slice_of(const struct member *member, const struct reading *reading,
                             const struct batch_header *header)
{
    const lsn_t end = batch_end_lsn(header);
    const lsn_t last = end < member->visible_lsn ? end : member->visible_lsn;

    return (struct slice){.skip = (uint32_t)(reading->next - header->first_lsn),
                          .count = (uint32_t)(last + 1 - reading->next)};
}

static uint64_t sum_of(struct bytes lengths, uint32_t first, uint32_t count)
{
    struct reader reader = reader_of(bytes_part(lengths, 4 * (size_t)first, 4 * (size_t)count));
    uint64_t sum = 0;
    uint32_t length;

    while (reader_u32(&reader, &length) == OK) {
        sum += length;
    }
    return sum;
}

static void send_records(struct member *member, struct client *client,
                         const struct batch_data *data, struct slice slice, struct effects *fx)
{
    struct reading *reading = &client->reading;
    const struct records records = {.request = reading->request,
                                    .first_lsn = reading->next,
                                    .count = slice.count,
                                    .visible_lsn = member->visible_lsn};
    const uint64_t offset = sum_of(data->lengths, 0, slice.skip);
    const uint64_t size = sum_of(data->lengths, slice.skip, slice.count);
    const struct bytes head =
        records_encode(&records, effects_scratch(fx, records_bytes(&records)));

    effects_send_tail(fx, client->link, MESSAGE_RECORDS, head,
                      bytes_part(data->lengths, 4 * (size_t)slice.skip, 4 * (size_t)slice.count),
                      bytes_part(data->bodies, offset, size));
    reading->next += slice.count;
    reading->flight_bytes += size + 4 * (uint64_t)slice.count;
    reading->flight[ring_push(&reading->flight_ring)] =
        (struct reading_flight){reading->next - 1, size + 4 * (uint64_t)slice.count};
}

bool reader_may_fly(const struct reading *reading, uint64_t bytes)
{
    return !ring_is_full(&reading->flight_ring)
           && (reading->flight_bytes == 0
               || reading->flight_bytes + bytes <= reading->window_bytes);
}

static bool has_room(const struct member *member, struct reading *reading,
                     const struct batch_header *header)
{
    const struct clients *clients = &member->clients;

    reading->blocked_bytes = header->plain_bytes;
    return reader_may_fly(reading, header->plain_bytes)
           && clients->plain_used + header->batch_bytes <= clients->plain_bytes;
}

enum reader_sent reader_send_batch(struct member *member, struct client *client,
                                   const struct batch_header *header, struct bytes sealed,
                                   struct effects *fx)
{
    struct clients *clients = &member->clients;
    struct reading *reading = &client->reading;
    uint8_t *plain = clients->plain + clients->plain_used;
    struct batch_data data;

    if (header->type != BATCH_DATA || batch_end_lsn(header) < reading->next) {
        return READER_SENT; /* nothing in it that was asked for */
    }
    if (reading->next > member->visible_lsn || !has_room(member, reading, header)) {
        return READER_LATER;
    }
    if (clients->plain_used + header->batch_bytes > clients->plain_touched) {
        clients->plain_touched = clients->plain_used + header->batch_bytes;
    }
    if (header->first_lsn > reading->next
        || batch_open(&reading->sealer, header, sealed, plain) != OK
        || batch_data_decode(&data, bytes_of(plain, header->plain_bytes), header->record_count)
               != OK) {
        return READER_BAD;
    }
    reading->blocked_bytes = 0;
    clients->plain_used += header->batch_bytes;
    send_records(member, client, &data, slice_of(member, reading, header), fx);
    return reading->next > batch_end_lsn(header) ? READER_SENT : READER_LATER;
}
