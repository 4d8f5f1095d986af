/* First what is new, then what is listed. For one segment: the header that follows it (from memory
 * or the disk), then its own header, then its batches up to the one that the next header names; all
 * of it through the same scan that recovery and verify use, with the key, and through SHA-256.
 *
 * How it goes wrong: a read that fails, a header or batch that does not verify, an end or a chain
 * that is not the next header's, a listed digest that differs: the alarm names the segment and the
 * reason, and the next segment is taken in hand. A replica's cut takes segments away: whatever was
 * in hand is put down, and chosen anew. */
#include "member/digester.h"

#include "base/check.h"
#include "member/member.h"

void digester_init(struct digester *digester)
{
    *digester = (struct digester){0};
    scan_init(&digester->scan);
}

void digester_drop(struct digester *digester)
{
    scan_drop(&digester->scan);
    digest_stream_drop(&digester->stream);
}

static void put_down(struct digester *digester)
{
    scan_forget(&digester->scan);
    digest_stream_drop(&digester->stream);
    digester->state = DIGESTER_IDLE;
}

static void alarm(const struct member *member, segment_t segment, enum status why, const char *what)
{
    trace_event(&member->settings.trace, "ALARM segment=%llu why=%s what=\"%s\"",
                (unsigned long long)segment, status_name(why), what);
}

/* ---- which segment ---- */

static bool choose_new(struct member *member)
{
    struct digester *digester = &member->digester;
    const struct wal *wal = &member->wal;

    if (wal->digest_count == SEGMENT_DIGESTS_MAX) {
        return false;
    }
    while (wal_is_whole(wal, digester->undigested)) {
        digester->segment = digester->undigested++;
        if (index_find(&wal->index, digester->segment)->listed_in == SEGMENT_NONE) {
            digester->compares = false;
            digester->state = DIGESTER_NEXT;
            return true;
        }
    }
    return false;
}

/* The next digest of the listing that is in hand, or the next header that lists any. */
static bool choose_listed(struct member *member)
{
    struct digester *digester = &member->digester;
    const struct index *index = &member->wal.index;
    const struct index_row *row;

    if (digester->list_place < digester->listing.digest_count) {
        digester->segment = digester->listing.digests[digester->list_place++].segment;
        digester->compares = true;
        digester->state = DIGESTER_NEXT;
        return wal_is_whole(&member->wal, digester->segment);
    }
    /* A header counts from its durability on: a replica's index has it before its disk. */
    while (digester->list < digester->list_end && (row = index_find(index, digester->list)) != NULL
           && row->first_batch <= member->wal.durable) {
        digester->segment = digester->list++;
        if (row->digest_count > 0) {
            digester->state = DIGESTER_LISTING;
            return true;
        }
    }
    return false;
}

static void choose(struct member *member)
{
    struct digester *digester = &member->digester;

    digester->drops = member->wal.index.drops;
    if (!(member->is_writer && choose_new(member)) && !choose_listed(member)) {
        digester->state = DIGESTER_IDLE;
    }
}

/* Segments may have gone, and others may come under their numbers. */
static void look_again(struct member *member)
{
    struct digester *digester = &member->digester;
    const segment_t end =
        member->wal.index.count == 0 ? 0 : index_last(&member->wal.index)->segment + 1;

    put_down(digester);
    digester->listing.digest_count = digester->list_place = 0;
    digester->undigested = digester->undigested < end ? digester->undigested : end;
    digester->list = digester->list < end ? digester->list : end;
    digester->drops = member->wal.index.drops;
}

bool digester_is_done(const struct member *member, segment_t segment)
{
    const struct digester *digester = &member->digester;
    const bool in_hand = digester->state != DIGESTER_IDLE && digester->state != DIGESTER_LISTING
                         && !digester->compares && digester->segment == segment;

    return !member->is_writer || member->wal.digest_count == SEGMENT_DIGESTS_MAX
           || (segment < digester->undigested && !in_hand);
}

void digester_forget_first(struct member *member)
{
    struct digester *digester = &member->digester;
    const segment_t first = member->wal.index.rows[0].segment;

    if (digester->state != DIGESTER_IDLE && digester->segment < first) {
        reads_forget(&member->reads, READ_DIGESTER, 0);
        digester->read_size = 0;
        if (digester->state == DIGESTER_LISTING) {
            digester->listing.digest_count = digester->list_place = 0;
        }
        put_down(digester);
    }
    digester->undigested = digester->undigested > first ? digester->undigested : first;
    digester->list = digester->list > first ? digester->list : first;
}

/* ---- one segment ---- */

static enum status take_header(const struct member *member, struct segment_header *header,
                               segment_t segment, struct bytes raw)
{
    struct segment_key key;

    TRY(opening_open_header(member, header, raw, &key));
    segment_key_wipe(&key);
    return header->segment == segment ? OK : E_GAP;
}

static batch_t end_of(const struct digester *digester)
{
    return digester->next.prev_last_batch;
}

static enum status begin_segment(struct member *member, struct bytes raw)
{
    struct digester *digester = &member->digester;
    const struct index_row *row = index_find(&member->wal.index, digester->segment);
    struct segment_key key;

    TRY(opening_open_header(member, &digester->header, raw, &key));
    memcpy(digester->raw, raw.data, sizeof digester->raw);
    scan_begin(&digester->scan,
               &(struct scan_start){.header = &digester->header,
                                    .raw_header = bytes_of(digester->raw, sizeof digester->raw),
                                    .key = &key,
                                    .beginning = row->beginning,
                                    .last_batch = end_of(digester)});
    segment_key_wipe(&key);
    digest_stream_start(&digester->stream);
    digest_stream_add(&digester->stream, bytes_of(digester->raw, sizeof digester->raw));
    digester->state = DIGESTER_BATCHES;
    return digester->header.segment == digester->segment ? OK : E_GAP;
}

/* OK; or E_FULL: more must be read; or what is wrong. */
static enum status take_batches(struct digester *digester, struct bytes window, bool at_end)
{
    struct scan *scan = &digester->scan;
    struct scan_batch found;

    while (scan->place.batch < end_of(digester)) {
        const enum scan_step step = scan_next(scan, window, at_end, &found);

        if (step == SCAN_MORE) {
            return E_FULL;
        }
        if (step == SCAN_DONE) {
            return scan->bad != OK ? scan->bad : E_TRUNCATED;
        }
        digest_stream_add(&digester->stream, bytes_part(window, 0, found.header.batch_bytes));
        window = bytes_part(window, found.header.batch_bytes, SIZE_MAX);
    }
    return OK;
}

static void take_digest(struct member *member)
{
    struct digester *digester = &member->digester;
    const struct segment_digest found = {.segment = digester->segment,
                                         .sha256 = digest_stream_end(&digester->stream)};

    if (!digester->compares) {
        const enum status status = wal_list_digest(&member->wal, &found);

        CHECK(status == OK); /* room was there when it was chosen, and nobody else lists */
        digester->digested++;
        return;
    }
    digester->compared++;
    if (!digest_equal(&found.sha256, &digester->listing.digests[digester->list_place - 1].sha256)) {
        digester->alarms++;
        alarm(member, digester->segment, E_CHECKSUM,
              "every seal is good, but a header lists another digest");
    }
}

static enum status finish_segment(struct member *member)
{
    struct digester *digester = &member->digester;
    const struct segment_end end = scan_end(&digester->scan.place, &digester->header,
                                            bytes_of(digester->raw, sizeof digester->raw));

    TRY(segment_check_follows(&end, &digester->next));
    take_digest(member);
    put_down(digester);
    return OK;
}

static enum status take_segment(struct member *member, struct bytes window, bool at_end)
{
    struct digester *digester = &member->digester;

    if (digester->state == DIGESTER_BEGIN) {
        TRY(begin_segment(member, window));
        window = bytes_part(window, SEGMENT_HEADER_BYTES, SIZE_MAX);
    }
    const enum status status = take_batches(digester, window, at_end);

    return status == OK ? finish_segment(member) : status;
}

static enum status take_next(struct member *member, struct bytes raw)
{
    struct digester *digester = &member->digester;

    TRY(take_header(member, &digester->next, digester->segment + 1, raw));
    digester->state = DIGESTER_BEGIN;
    return OK;
}

static enum status take_listing(struct member *member, struct bytes raw)
{
    struct digester *digester = &member->digester;

    digester->list_place = 0;
    digester->listing.digest_count = 0;
    TRY(take_header(member, &digester->listing, digester->segment, raw));
    digester->state = DIGESTER_IDLE;
    return OK;
}

static enum status take(struct member *member, struct bytes bytes, bool at_end)
{
    switch (member->digester.state) {
    case DIGESTER_LISTING:
        return take_listing(member, bytes);
    case DIGESTER_NEXT:
        return take_next(member, bytes);
    case DIGESTER_BEGIN:
    case DIGESTER_BATCHES:
        return take_segment(member, bytes, at_end);
    case DIGESTER_IDLE:
        break;
    }
    UNREACHABLE();
}

void digester_on_read(struct member *member, struct read_slot *slot)
{
    struct digester *digester = &member->digester;
    const bool at_end = slot->bytes.size < digester->read_size;
    const segment_t segment = digester->segment;

    digester->read_size = 0;
    reads_free(slot);
    if (digester->drops != member->wal.index.drops) {
        look_again(member);
        return;
    }
    const enum status status =
        slot->status != OK ? slot->status : take(member, slot->bytes, at_end);

    if (status != OK && status != E_FULL) {
        put_down(digester);
        digester->alarms += !repair_want(member, segment, status);
        alarm(member, segment, status, "what is on the disk is not what was sealed");
    }
}

/* ---- reading ---- */

static bool reads_a_header(const struct digester *digester)
{
    return digester->state == DIGESTER_LISTING || digester->state == DIGESTER_NEXT;
}

static struct store_read what_to_read(const struct member *member)
{
    const struct digester *digester = &member->digester;
    const uint64_t usual = reads_usual_bytes(&member->reads);
    const uint64_t piece = usual < DIGESTER_READ_BYTES ? usual : DIGESTER_READ_BYTES;
    const uint64_t need = digester->scan.need;
    struct store_read what = {.segment = digester->segment, .size = piece};

    if (reads_a_header(digester)) {
        what.segment += digester->state == DIGESTER_NEXT ? 1 : 0;
        what.size = SEGMENT_HEADER_BYTES;
    } else if (digester->state == DIGESTER_BATCHES) {
        what.offset = digester->scan.offset;
        what.size = need > piece ? need : piece;
    }
    what.fresh = digester->compares; /* what was written just now is as well taken from the cache */
    return what;
}

/* False while others have all the buffers: the first that is freed wakes us (reads_turn). */
static bool ask(struct member *member, struct effects *fx)
{
    const struct store_read what = what_to_read(member);

    if (reads_ask(&member->reads, fx, READ_DIGESTER, 0, what) == NULL) {
        return false;
    }
    member->digester.read_size = what.size;
    return true;
}

static void begin(struct member *member)
{
    struct digester *digester = &member->digester;

    digester->begun = true;
    digester->list_end = member->is_writer ? member->wal.segment : SEGMENT_NONE;
    digester->undigested = digester->list = member->wal.index.rows[0].segment;
}

/* Beside writes it keeps out of the way, unless it keeps retention from making room. */
static struct span gap_of(const struct member *member)
{
    const bool busy = !writes_are_done(&member->writes) || wal_has_open(&member->wal);
    const struct retention *retention = &member->retention;

    if (retention->waits_for_digest) {
        return retention->level >= SPACE_WARN ? (struct span){0} : member->settings.digest_gap;
    }
    return (struct span){member->settings.digest_gap.ns * (busy ? DIGESTER_BUSY : 1)};
}

void digester_pump(struct member *member, struct instant now, struct effects *fx)
{
    struct digester *digester = &member->digester;

    if (member->stopping || member->wal.segment == SEGMENT_NONE || digester->read_size > 0) {
        return;
    }
    if (!digester->begun) {
        begin(member);
    }
    if (digester->drops != member->wal.index.drops) {
        look_again(member);
    }
    if (digester->state == DIGESTER_IDLE) {
        choose(member);
    }
    if (digester->state == DIGESTER_IDLE) {
        return;
    }
    if (instant_reached(digester->next_at, now)) {
        if (!ask(member, fx)) {
            return;
        }
        digester->next_at = instant_add(now, gap_of(member));
    }
    effects_wake_at(fx, digester->next_at);
}
