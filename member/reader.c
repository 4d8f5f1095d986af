/* READ, CONSUMED and READ_END: what a client asks for, and how far it may be run ahead of.
 *
 * Each RECORDS message is remembered with its last LSN and its size until the client says that it
 * has consumed that far; together they never exceed the window that the client named.
 *
 * How it goes wrong: a READ that cannot be served gets a REFUSED with its number, at the start or
 * in the middle (a batch on the disk that does not open any more). */
#include "member/client_parts.h"
#include "proto/message.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

void reader_stop(struct member *member, struct client *client)
{
    struct reading *reading = &client->reading;

    reads_forget(&member->reads, READ_READER, client->link);
    reading->active = false;
    reading->read = NULL;
    reading->keyed = SEGMENT_NONE;
    batch_sealer_forget(&reading->sealer);
}

void reader_refuse(struct member *member, struct client *client, struct effects *fx,
                   enum status why, const char *format, ...)
{
    char text[REFUSED_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    clients_refuse(fx, client->link, client->reading.request, why, "%s", text);
    reader_stop(member, client);
}

static lsn_t first_lsn(const struct member *member)
{
    return member->wal.index.count == 0 ? 1 : member->wal.index.rows[0].first_lsn;
}

static enum status check_read(const struct member *member, const struct client *client,
                              const struct read_message *read)
{
    if (client->peer.role != ROLE_CLIENT && client->peer.role != ROLE_READER) {
        return E_IDENTITY;
    }
    if (!member->ready) {
        return key_loss_waits(member) ? E_KEY_LOST : E_NOT_READY;
    }
    if (client->reading.active) {
        return E_PROTOCOL; /* one READ a link */
    }
    if (read->from_lsn > 1 && read->from_lsn < first_lsn(member)) {
        return E_NOT_KEPT;
    }
    return read->from_lsn > member->visible_lsn + 1 && !read->follow ? E_BEYOND : OK;
}

static void begin(const struct member *member, struct reading *reading,
                  const struct read_message *read)
{
    const uint64_t most = member->settings.feed_window_bytes;
    const uint64_t window = read->window_bytes == 0 ? READING_WINDOW_DEFAULT : read->window_bytes;

    reading->active = true;
    reading->follow = read->follow;
    reading->request = read->request;
    reading->next = read->from_lsn <= 1 ? first_lsn(member) : read->from_lsn;
    reading->consumed = reading->next - 1;
    reading->window_bytes = window < most ? window : most;
    reading->flight_bytes = reading->blocked_bytes = 0;
    reading->flight_ring = ring_of(READING_FLIGHT_MAX);
    reading->batch = 0;
    reading->keyed = SEGMENT_NONE;
    reading->read = NULL;
    walk_nowhere(&reading->walk);
}

void reader_on_read_message(struct member *member, struct client *client, const struct event *event,
                            struct effects *fx)
{
    struct read_message read;
    enum status status = read_message_decode(&read, event->message.message.head, &member->scratch);

    if (status != OK) {
        clients_refuse(fx, client->link, 0, status, "The READ is refused: %s.",
                       status_text(status));
        return;
    }
    status = check_read(member, client, &read);
    if (status != OK) {
        clients_refuse(fx, client->link, read.request, status,
                       "LSN %llu is refused: %s. Here are LSN %llu to %llu.",
                       (unsigned long long)read.from_lsn, status_text(status),
                       (unsigned long long)first_lsn(member),
                       (unsigned long long)member->visible_lsn);
        return;
    }
    begin(member, &client->reading, &read);
}

void reader_forget_first(struct member *member, struct client *client, struct effects *fx)
{
    const struct reading *reading = &client->reading;
    const struct index_row *first = &member->wal.index.rows[0];
    const bool is_before = reading->batch == 0 ? reading->next < first->first_lsn
                                               : reading->batch < first->first_batch;

    if (is_before || (reading->read != NULL && reading->read->segment < first->segment)) {
        reader_refuse(member, client, fx, E_NOT_KEPT, "LSN %llu: %s. The first here is LSN %llu.",
                      (unsigned long long)reading->next, status_text(E_NOT_KEPT),
                      (unsigned long long)first->first_lsn);
    }
}

void reader_on_consumed(struct member *member, struct client *client, const struct event *event,
                        struct effects *fx)
{
    struct reading *reading = &client->reading;
    struct consumed consumed;
    const enum status status =
        consumed_decode(&consumed, event->message.message.head, &member->scratch);

    if (status != OK) {
        clients_refuse(fx, client->link, 0, status, "The CONSUMED is refused: %s.",
                       status_text(status));
        return;
    }
    if (!reading->active || consumed.request != reading->request) {
        return; /* of a READ that has ended meanwhile */
    }
    if (consumed.through_lsn >= reading->next) {
        reader_refuse(member, client, fx, E_PROTOCOL, "LSN %llu was consumed before it was sent.",
                      (unsigned long long)consumed.through_lsn);
        return;
    }
    while (!ring_is_empty(&reading->flight_ring)) {
        const struct reading_flight *oldest =
            &reading->flight[ring_slot(&reading->flight_ring, reading->flight_ring.head)];

        if (oldest->through > consumed.through_lsn) {
            break;
        }
        reading->flight_bytes -= oldest->bytes;
        ring_pop(&reading->flight_ring);
    }
    if (consumed.through_lsn > reading->consumed) {
        reading->consumed = consumed.through_lsn;
    }
}
