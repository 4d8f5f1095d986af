/* Asks, hands records to the callback one by one, and says what was consumed.
 *
 * Requests of readings have their top bit set, so that no answer is taken for one to an append.
 * The callback may stop the reading; what is still on its way is then skipped by its request. */
#include "client/reading.h"

#include "base/reader.h"

#include <stdio.h>

#define READING_REQUEST ((uint64_t)1 << 63)

enum {
    HEAD_BYTES_MAX = 256,
    READ_WINDOW_BYTES = 8 << 20, /* how far a member may run ahead of us */
};

void reading_init(struct reading_state *reading, struct session *session)
{
    *reading = (struct reading_state){.session = session, .request = READING_REQUEST};
}

static void ask(struct reading_state *reading)
{
    const struct read_message message = {.request = ++reading->request,
                                         .from_lsn = reading->next,
                                         .follow = reading->order.follow,
                                         .window_bytes = READ_WINDOW_BYTES};
    uint8_t head[HEAD_BYTES_MAX];

    session_send(reading->session, MESSAGE_READ, read_message_encode(&message, head), bytes_none(),
                 bytes_none());
}

void reading_begin(struct reading_state *reading, const struct sealift_reading *order)
{
    reading->order = *order;
    reading->next = order->from_lsn;
    reading->active = true;
    reading->refused = false;
    if (reading->session->is_up) {
        ask(reading);
    }
}

void reading_end(struct reading_state *reading)
{
    reading->active = false;
}

void reading_on_welcomed(struct reading_state *reading)
{
    if (reading->active) {
        ask(reading);
    }
}

static void say_consumed(struct reading_state *reading)
{
    const struct consumed consumed = {.request = reading->request,
                                      .through_lsn = reading->next - 1};
    uint8_t head[HEAD_BYTES_MAX];

    session_send(reading->session, MESSAGE_CONSUMED, consumed_encode(&consumed, head), bytes_none(),
                 bytes_none());
}

/* E_GAP where the records do not follow what we had; else what the lengths and bodies say. */
static enum status hand_out(struct reading_state *reading, const struct records *records,
                            struct bytes tail)
{
    const size_t lengths_size = 4 * (size_t)records->count;
    struct reader lengths = reader_of(bytes_part(tail, 0, lengths_size));
    struct reader bodies = reader_of(bytes_part(tail, lengths_size, tail.size));

    if (reading->next > 1 && records->first_lsn != reading->next) {
        return E_GAP;
    }
    for (lsn_t lsn = records->first_lsn; lsn < records->first_lsn + records->count; lsn++) {
        struct bytes body;
        uint32_t size;

        TRY(reader_u32(&lengths, &size));
        TRY(reader_view(&bodies, &body, size));
        reading->next = lsn + 1;
        if (!reading->order.record(reading->order.context, lsn, body.data, body.size)) {
            reading->active = false;
            return OK;
        }
    }
    return reader_end(&bodies);
}

static void on_records(struct reading_state *reading, const struct message *message)
{
    struct records records;
    enum status status = records_decode(&records, message->head, &reading->session->scratch);

    if (status == OK && (records.request != reading->request || !reading->active)) {
        return;
    }
    status = status == OK ? hand_out(reading, &records, message->tail) : status;
    if (status != OK) {
        session_move_on(reading->session, status, "its RECORDS");
    } else if (reading->active) {
        say_consumed(reading);
    }
}

static void on_end(struct reading_state *reading, const struct message *message)
{
    struct read_end end;

    if (read_end_decode(&end, message->head, &reading->session->scratch) != OK) {
        session_move_on(reading->session, E_PROTOCOL, "its READ_END");
    } else if (end.request == reading->request) {
        reading->active = false;
    }
}

static bool on_refused(struct reading_state *reading, const struct message *message)
{
    struct refused refused;

    if (refused_decode(&refused, message->head, &reading->session->scratch) != OK
        || refused.request < READING_REQUEST) {
        return false;
    }
    if (refused.request != reading->request || !reading->active) {
        return true;
    }
    if (refused.why == E_NOT_READY || refused.why == E_BUSY) {
        session_move_on(reading->session, refused.why, refused.text);
        return true;
    }
    reading->refused = true;
    reading->active = false;
    snprintf(reading->why, sizeof reading->why, "%.400s (%s)", refused.text,
             status_name(refused.why));
    return true;
}

bool reading_on_message(struct reading_state *reading, const struct message *message)
{
    if (message->type == MESSAGE_RECORDS) {
        on_records(reading, message);
        return true;
    }
    if (message->type == MESSAGE_READ_END) {
        on_end(reading, message);
        return true;
    }
    return message->type == MESSAGE_REFUSED && on_refused(reading, message);
}
