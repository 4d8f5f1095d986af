/* VERIFY takes the place if it is free. From then on one read follows another: first a segment's
 * header with what comes behind it, then its batches from where the scan has come to; what is good
 * goes into the segment's digest. At the segment's last batch a row is sent and the next segment
 * begins, whose header must repeat where this one ended.
 *
 * How it goes wrong: the first thing that is not as it was sealed ends it, with the place and the
 * status of the check that failed; so does a file that is gone or cannot be read. The link and the
 * member go on: what to do about it is for a person. Whoever asked may leave at any time. */
#include "member/verifier.h"

#include "base/check.h"
#include "member/client_parts.h"
#include "proto/message.h"

void verifier_init(struct verifier *verifier)
{
    *verifier = (struct verifier){0};
    scan_init(&verifier->scan);
    digest_stream_start(&verifier->stream);
}

void verifier_drop(struct verifier *verifier)
{
    scan_drop(&verifier->scan);
    digest_stream_drop(&verifier->stream);
}

static void stop(struct member *member)
{
    struct verifier *verifier = &member->verifier;

    reads_forget(&member->reads, READ_VERIFIER, verifier->link);
    verifier->read = NULL;
    verifier->link = 0;
    verifier->cut = false;
    scan_forget(&verifier->scan);
}

/* ---- what is said ---- */

static void say_end(struct member *member, const struct verified *found, struct effects *fx)
{
    struct verifier *verifier = &member->verifier;
    struct verified verified = *found;

    verified.request = verifier->order.request;
    verified.segments = verifier->segments;
    verified.seals_opened = !verifier->order.keyless || member->descriptor.suite == SUITE_NONE;
    trace_event(&member->settings.trace,
                "verified why=%s segments=%llu through=%llu segment=%llu offset=%llu batch=%llu",
                status_name(verified.why), (unsigned long long)verified.segments,
                (unsigned long long)verifier->through, (unsigned long long)verified.segment,
                (unsigned long long)verified.offset, (unsigned long long)verified.batch);
    effects_send(fx, verifier->link, MESSAGE_VERIFIED,
                 verified_encode(&verified, effects_scratch(fx, verified_bytes(&verified))));
    stop(member);
}

static void say_damage(struct member *member, enum verified_what what, enum status why,
                       struct effects *fx)
{
    const struct verifier *verifier = &member->verifier;
    struct verified found = {.why = why, .what = what, .segment = verifier->segment};

    (void)repair_want(member, verifier->segment, why);
    if (what == VERIFIED_BATCH) {
        found.offset = verifier->scan.place.offset;
        found.batch = verifier->scan.place.batch + 1;
    }
    say_end(member, &found, fx);
}

/* The segment is good: its row, and on to the next. */
static void end_segment(struct member *member, struct effects *fx)
{
    struct verifier *verifier = &member->verifier;
    struct verified_segment *row = &verifier->row;
    const struct scan_place *place = &verifier->scan.place;
    const struct index_row *next = index_find(&member->wal.index, verifier->segment + 1);

    verifier->before =
        scan_end(place, &verifier->header, bytes_of(verifier->raw, sizeof verifier->raw));
    verifier->has_before = true;
    row->last_batch = place->batch;
    row->end_lsn = place->end_lsn;
    row->bytes = place->offset;
    row->closed = place->closed;
    row->sha256 = digest_stream_result(&verifier->stream);
    row->chain = verifier->before.chain;
    verifier->segments++;
    verifier->segment++;
    verifier->has_header = false;
    effects_send(fx, verifier->link, MESSAGE_VERIFIED_SEGMENT,
                 verified_segment_encode(row, effects_scratch(fx, verified_segment_bytes(row))));
    if (next == NULL || next->first_batch > verifier->through) {
        say_end(member, &(struct verified){.why = OK}, fx);
    }
}

/* ---- what is checked ---- */

/* A running member knows its headers: this must be the one that it has read or written before. */
static enum status check_known(const struct index_row *row, const struct segment_header *header)
{
    if (header->segment != row->segment || header->first_batch != row->first_batch
        || header->first_lsn != row->first_lsn) {
        return E_GAP;
    }
    return header->epoch == row->epoch
                   && bytes_equal(bytes_of(header->commitment.bytes, sizeof row->crc_seed),
                                  bytes_of(row->crc_seed, sizeof row->crc_seed))
               ? OK
               : E_CHAIN;
}

static enum status check_follows(const struct member *member, const struct segment_header *header)
{
    const struct verifier *verifier = &member->verifier;

    if (header->segment == 0) {
        return digest_equal(&header->prev_chain, &member->descriptor_digest) ? OK : E_CHAIN;
    }
    return verifier->has_before ? segment_check_follows(&verifier->before, header) : OK;
}

static void begin_row(struct verifier *verifier)
{
    const struct segment_header *header = &verifier->header;
    struct verified_segment *row = &verifier->row;

    *row = (struct verified_segment){.request = verifier->order.request,
                                     .segment = header->segment,
                                     .epoch = header->epoch,
                                     .first_batch = header->first_batch,
                                     .through_batch = verifier->through,
                                     .digest_count = header->digest_count};
    for (uint32_t i = 0; i < header->digest_count; i++) {
        row->digests[i].segment = header->digests[i].segment;
        row->digests[i].sha256 = header->digests[i].sha256;
    }
}

static enum status take_header(struct member *member, struct bytes raw)
{
    struct verifier *verifier = &member->verifier;
    struct segment_header *header = &verifier->header;
    const struct index_row *row = index_find(&member->wal.index, verifier->segment);
    const bool keyless = verifier->order.keyless && member->descriptor.suite != SUITE_NONE;
    struct segment_key key = {0};

    CHECK(row != NULL);
    TRY(keyless ? opening_check_header(member, header, raw)
                : opening_open_header(member, header, raw, &key));
    const struct scan_start start = {.header = header,
                                     .raw_header = bytes_part(raw, 0, SEGMENT_HEADER_BYTES),
                                     .key = keyless ? NULL : &key,
                                     .beginning = row->beginning,
                                     .last_batch = SCAN_OPEN_END};
    enum status status = check_known(row, header);

    if (status == OK) {
        status = check_follows(member, header);
    }
    if (status == OK) {
        const batch_t end = index_end_batch(&member->wal.index, row, verifier->through + 1);

        verifier->last = end <= verifier->through ? end - 1 : verifier->through;
        verifier->has_header = true;
        memcpy(verifier->raw, raw.data, SEGMENT_HEADER_BYTES);
        scan_begin(&verifier->scan, &start);
        digest_stream_restart(&verifier->stream);
        digest_stream_add(&verifier->stream, start.raw_header);
        begin_row(verifier);
    }
    segment_key_wipe(&key);
    return status;
}

/* What the read has brought, up to the segment's last batch. E_FULL: more must be read. */
static enum status take_batches(struct verifier *verifier, const struct read_slot *slot)
{
    const bool at_end = slot->bytes.size < verifier->asked;
    struct scan *scan = &verifier->scan;
    struct scan_batch found;

    while (scan->place.batch + 1 <= verifier->last) {
        const struct bytes window = bytes_part(slot->bytes, scan->offset - slot->offset, SIZE_MAX);

        switch (scan_next(scan, window, at_end, &found)) {
        case SCAN_BATCH:
            digest_stream_add(&verifier->stream, bytes_part(window, 0, found.header.batch_bytes));
            verifier->row.batches++;
            verifier->row.records += found.header.record_count;
            break;
        case SCAN_MORE:
            return E_FULL;
        case SCAN_DONE:
            return scan->bad != OK ? scan->bad : E_TRUNCATED;
        }
    }
    return OK;
}

static void take(struct member *member, const struct read_slot *slot, struct effects *fx)
{
    struct verifier *verifier = &member->verifier;
    enum status status = slot->status;

    if (status != OK) {
        say_damage(member, VERIFIED_FILE, status, fx);
        return;
    }
    if (!verifier->has_header) {
        status = take_header(member, slot->bytes);
        if (status != OK) {
            say_damage(member, VERIFIED_HEADER, status, fx);
            return;
        }
    }
    status = take_batches(verifier, slot);
    if (status == OK) {
        end_segment(member, fx);
    } else if (status != E_FULL) {
        say_damage(member, VERIFIED_BATCH, status, fx);
    }
}

/* ---- events ---- */

static struct instant pause_until(const struct verifier *verifier, uint64_t bytes,
                                  struct instant now)
{
    return instant_add(now, (struct span){bytes * 1000000000u / verifier->order.rate});
}

void verifier_on_read(struct member *member, struct read_slot *slot, struct instant now,
                      struct effects *fx)
{
    struct verifier *verifier = &member->verifier;

    CHECK(verifier->link != 0 && verifier->read == slot);
    verifier->read = NULL;
    verifier->next_at = pause_until(verifier, slot->bytes.size, now);
    reads_free(slot);
    if (member->ready) {
        take(member, slot, fx);
    }
}

static enum status check_order(const struct member *member, const struct verify_message *order)
{
    const struct index *index = &member->wal.index;
    const struct index_row *row = index_find(index, order->from_segment);

    if (!member->ready) {
        return E_NOT_READY;
    }
    if (member->verifier.link != 0) {
        return E_FULL;
    }
    if (order->through_batch > member->wal.durable) {
        return E_BEYOND;
    }
    const bool begins =
        order->from_segment == 0
        || (row != NULL
            && row->first_batch
                   <= (order->through_batch != 0 ? order->through_batch : member->wal.durable));

    return begins ? OK : E_BEYOND;
}

static void begin(struct member *member, link_t link, const struct verify_message *order,
                  struct instant now)
{
    struct verifier *verifier = &member->verifier;
    const struct index *index = &member->wal.index;
    const segment_t first = index->count == 0 ? 0 : index->rows[0].segment;

    verifier->link = link;
    verifier->order = *order;
    if (order->rate < VERIFY_RATE_MIN) {
        verifier->order.rate = order->rate == 0 ? VERIFY_RATE_DEFAULT : VERIFY_RATE_MIN;
    }
    verifier->through = order->through_batch != 0 ? order->through_batch : member->wal.durable;
    verifier->segment = order->from_segment > first ? order->from_segment : first;
    verifier->has_header = verifier->cut = false;
    verifier->has_before = false;
    verifier->read = NULL;
    verifier->next_at = now;
    verifier->segments = 0;
    trace_event(&member->settings.trace, "verify link=%llu from=%llu through=%llu keyless=%d",
                (unsigned long long)link, (unsigned long long)verifier->segment,
                (unsigned long long)verifier->through, order->keyless);
}

void verifier_on_verify(struct member *member, const struct client *client,
                        const struct event *event, struct effects *fx)
{
    struct verify_message order;
    enum status status =
        verify_message_decode(&order, event->message.message.head, &member->scratch);

    if (status != OK) {
        clients_refuse(fx, client->link, 0, status, "The VERIFY is refused: %s.",
                       status_text(status));
        return;
    }
    status = check_order(member, &order);
    if (status == E_FULL) {
        clients_refuse(fx, client->link, order.request, status,
                       "%s is verifying its copy for somebody else: ask again when it is done.",
                       member->settings.self.member);
    } else if (status != OK) {
        clients_refuse(fx, client->link, order.request, status,
                       "Segment %llu through batch %llu: %s. Batch %llu is the last here.",
                       (unsigned long long)order.from_segment,
                       (unsigned long long)order.through_batch, status_text(status),
                       (unsigned long long)member->wal.durable);
    } else {
        begin(member, client->link, &order, event->now);
    }
}

void verifier_on_link_down(struct member *member, link_t link)
{
    if (link != 0 && member->verifier.link == link) {
        stop(member);
    }
}

void verifier_forget_places(struct member *member)
{
    struct verifier *verifier = &member->verifier;

    if (verifier->link != 0) {
        reads_forget(&member->reads, READ_VERIFIER, verifier->link);
        verifier->read = NULL;
        verifier->cut = true;
    }
}

static void ask(struct member *member, struct effects *fx)
{
    struct verifier *verifier = &member->verifier;
    const struct scan *scan = &verifier->scan;
    const uint64_t usual = reads_usual_bytes(&member->reads);
    const uint64_t piece = usual < VERIFY_READ_BYTES ? usual : VERIFY_READ_BYTES;
    struct store_read what = {.segment = verifier->segment, .size = piece, .fresh = true};

    if (verifier->has_header) {
        what.offset = scan->offset;
        what.size = scan->need > piece ? scan->need : piece;
    }
    verifier->asked = what.size;
    verifier->read = reads_ask(&member->reads, fx, READ_VERIFIER, verifier->link, what);
}

void verifier_pump(struct member *member, struct instant now, struct effects *fx)
{
    struct verifier *verifier = &member->verifier;

    if (verifier->link == 0 || verifier->read != NULL) {
        return;
    }
    if (!effects_have_room(fx)) {
        effects_wake_at(fx, now);
    } else if (verifier->cut) {
        clients_refuse(fx, verifier->link, verifier->order.request, E_NOT_READY,
                       "%s has cut its copy back to its upstream's history meanwhile: ask again.",
                       member->settings.self.member);
        stop(member);
    } else if (verifier->through == 0) {
        say_end(member, &(struct verified){.why = OK}, fx); /* nothing is durable here yet */
    } else if (instant_reached(verifier->next_at, now)) {
        ask(member, fx);
    } else {
        effects_wake_at(fx, verifier->next_at);
    }
}
