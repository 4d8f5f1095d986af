/* Where is the next record, and can it be sent now?
 *
 * At first only an LSN is known. Where the window holds its batch, a search there finds it; else
 * the walk begins at the segment that the index names, and hops to it. From then on batch follows
 * batch: out of the window while it lasts, out of the disk where the reader is behind it.
 *
 * How it goes wrong: bytes on the disk that are not what they should be, or a key that does not
 * fit: the READ is refused with the reason, the link stays. */
#include "member/client_parts.h"
#include "proto/message.h"

#include "base/check.h"

static void refuse_damaged(struct member *member, struct client *client, enum status why,
                           struct effects *fx)
{
    const struct index_row *row = index_of_lsn(&member->wal.index, client->reading.next);

    if (row != NULL) {
        (void)repair_want(member, row->segment, why);
    }
    trace_event(&member->settings.trace, "read_damaged lsn=%llu why=%s",
                (unsigned long long)client->reading.next, status_name(why));
    reader_refuse(member, client, fx, why, "LSN %llu cannot be read here: %s.",
                  (unsigned long long)client->reading.next, status_text(why));
}

/* The first batch in the window that ends at or after the LSN, if the one before it is there too or
 * it begins at or before the LSN; 0 where the window does not tell. */
static batch_t find_in_window(const struct wal *wal, lsn_t lsn)
{
    batch_t low = window_first(&wal->window);
    batch_t high = wal->sealed + 1;
    struct batch_header header;

    if (low == 0) {
        return 0;
    }
    while (low < high) {
        const batch_t middle = low + (high - low) / 2;
        const struct window_batch *found = window_find(&wal->window, middle);

        CHECK(found != NULL);
        if (found->end_lsn < lsn) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct window_batch *found = window_find(&wal->window, low);

    if (found == NULL || batch_header_decode(&header, bytes_of(found->data, found->bytes)) != OK) {
        return 0;
    }
    return header.first_lsn <= lsn ? low : 0;
}

/* False where no segment can hold it: a bug or damage. */
static bool find_place(const struct member *member, struct reading *reading)
{
    const struct wal *wal = &member->wal;
    const struct index_row *row = index_of_lsn(&wal->index, reading->next);

    reading->batch = find_in_window(wal, reading->next);
    if (reading->batch == 0 && row != NULL) {
        reading->batch = row->first_batch;
    }
    return reading->batch != 0;
}

static struct read_asker asker_of(const struct client *client)
{
    return (struct read_asker){READ_READER, client->link};
}

static void ask_disk(struct member *member, struct client *client, bool with_header,
                     const struct index_row *row, struct effects *fx)
{
    struct reading *reading = &client->reading;

    walk_place(&reading->walk, &member->wal.index, reading->batch);
    reading->read = with_header ? walk_ask_header(&reading->walk, row, &member->reads, fx,
                                                  asker_of(client), member->wal.durable)
                                : walk_ask(&reading->walk, &member->reads, fx, asker_of(client),
                                           member->wal.durable);
}

/* True when the key of the row's segment is at hand; else it has been asked for, or refused. */
static bool has_key(struct member *member, struct client *client, const struct index_row *row,
                    struct effects *fx)
{
    const uint8_t *raw = wal_raw_header(&member->wal, row->segment);

    if (reader_is_keyed(client, row->segment)) {
        return true;
    }
    if (raw == NULL) {
        ask_disk(member, client, true, row, fx);
        return false;
    }
    const enum status status = reader_key(member, client, bytes_of(raw, SEGMENT_HEADER_BYTES));

    if (status != OK) {
        refuse_damaged(member, client, status, fx);
    }
    return status == OK;
}

/* What became of a batch: true where the next one may be tried. */
static bool went_on(struct member *member, struct client *client, enum reader_sent sent,
                    struct effects *fx)
{
    if (sent == READER_BAD) {
        refuse_damaged(member, client, E_FORGED, fx);
    } else if (sent == READER_SENT) {
        client->reading.batch++;
    }
    return sent == READER_SENT;
}

static bool send_next(struct member *member, struct client *client, struct effects *fx)
{
    struct reading *reading = &client->reading;

    if (reading->batch == 0 && !find_place(member, reading)) {
        refuse_damaged(member, client, E_DAMAGED, fx);
        return false;
    }
    if (reading->batch > member->wal.durable) {
        return false;
    }
    const struct index_row *row = index_of_batch(&member->wal.index, reading->batch);
    const struct window_batch *found = window_find(&member->wal.window, reading->batch);
    struct batch_header header;

    CHECK(row != NULL);
    if (!has_key(member, client, row, fx)) {
        return false;
    }
    if (found == NULL) {
        if (reader_may_fly(reading, reading->blocked_bytes)) {
            ask_disk(member, client, false, row, fx);
        }
        return false;
    }
    const struct bytes sealed = bytes_of(found->data, found->bytes);
    const enum status status = batch_header_decode(&header, sealed);

    CHECK(status == OK);
    const bool on =
        went_on(member, client, reader_send_batch(member, client, &header, sealed, fx), fx);

    if (on) {
        walk_know(&reading->walk, found->segment, found->offset + found->bytes, found->batch + 1);
    }
    return on;
}

static void end(struct member *member, struct client *client, struct effects *fx)
{
    const struct read_end read_end = {.request = client->reading.request,
                                      .next_lsn = client->reading.next};

    effects_send(fx, client->link, MESSAGE_READ_END,
                 read_end_encode(&read_end, effects_scratch(fx, read_end_bytes(&read_end))));
    reader_stop(member, client);
}

void reader_pump(struct member *member, struct client *client, struct instant now,
                 struct effects *fx)
{
    struct reading *reading = &client->reading;
    const struct clients *clients = &member->clients;

    while (reading->active && reading->read == NULL && reading->next <= member->visible_lsn) {
        if (!effects_have_room(fx)) {
            effects_wake_at(fx, now);
            return;
        }
        if (!send_next(member, client, fx)) {
            break;
        }
    }
    if (reading->active && reading->next > member->visible_lsn && !reading->follow) {
        end(member, client, fx);
    } else if (reading->active && reading->read == NULL && reading->next <= member->visible_lsn
               && clients->plain_used > 0 && reader_may_fly(reading, reading->blocked_bytes)) {
        effects_wake_at(fx, now); /* others have used up this step's plaintext, perhaps */
    }
}

static enum status send_from_read(struct member *member, struct client *client,
                                  const struct read_slot *slot, struct effects *fx)
{
    struct reading *reading = &client->reading;
    struct walk_batch found;

    TRY(slot->status);
    if (slot->offset == 0 && !reader_is_keyed(client, slot->segment)) {
        const struct bytes raw = walk_header(&member->wal.index, slot);

        if (raw.size == 0) {
            return E_DAMAGED;
        }
        TRY(reader_key(member, client, raw));
    }
    while (effects_have_room(fx)) {
        const struct walk before = reading->walk;
        const enum walk_found what = walk_next(&reading->walk, &member->wal.index, slot, &found);

        if (what != WALK_BATCH) {
            return what == WALK_BAD ? E_DAMAGED : OK;
        }
        if (found.header.batch < reading->batch) {
            continue;
        }
        if (!went_on(member, client,
                     reader_send_batch(member, client, &found.header, found.sealed, fx), fx)) {
            reading->walk = before;
            return OK;
        }
    }
    return OK;
}

void reader_on_disk(struct member *member, struct client *client, const struct read_slot *slot,
                    struct effects *fx)
{
    const enum status status = send_from_read(member, client, slot, fx);

    if (status != OK && client->reading.active) {
        refuse_damaged(member, client, status, fx);
    }
}
