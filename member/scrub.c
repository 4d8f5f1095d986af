/* For one segment: the header after it (where it ends, and its chain), its own header, its batches;
 * the same walk as the digester's, without a key and without a digest. After each read it rests as
 * long as the rate says.
 *
 * How it goes wrong: whatever does not read or does not fit is told to the repair, and the next
 * segment is taken in hand. A header after it that does not fit the index is that segment's damage
 * and found with it; here it only means that the chain is not compared. A cut or retention takes
 * segments away: the one in hand is begun anew, or left. */
#include "member/scrub.h"

#include "base/check.h"
#include "member/member.h"

void scrub_init(struct scrub *scrub)
{
    *scrub = (struct scrub){.segment = 0};
    scan_init(&scrub->scan);
}

void scrub_drop(struct scrub *scrub)
{
    scan_drop(&scrub->scan);
}

static void end_pass(struct member *member, struct instant now)
{
    struct scrub *scrub = &member->scrub;

    scrub->state = SCRUB_RESTING;
    scrub->passes++;
    scrub->ended_at = now;
    scrub->next_at = instant_add(now, member->settings.scrub_gap);
    trace_event(&member->settings.trace, "scrubbed through=%llu bytes=%llu passes=%llu",
                (unsigned long long)scrub->segment, (unsigned long long)scrub->bytes,
                (unsigned long long)scrub->passes);
}

static void take_in_hand(struct member *member, segment_t segment, struct instant now)
{
    struct scrub *scrub = &member->scrub;

    scan_forget(&scrub->scan);
    scrub->segment = segment;
    scrub->drops = member->wal.index.drops;
    scrub->state = SCRUB_NEXT;
    if (!wal_is_whole(&member->wal, segment)) {
        end_pass(member, now);
    }
}

static enum status take_header(const struct member *member, struct segment_header *header,
                               segment_t segment, struct bytes raw)
{
    const struct index_row *row = index_find(&member->wal.index, segment);

    TRY(opening_check_header(member, header, raw));
    return row != NULL && index_row_fits(row, header) ? OK : E_GAP;
}

static enum status begin_segment(struct member *member, struct bytes raw)
{
    struct scrub *scrub = &member->scrub;

    TRY(take_header(member, &scrub->header, scrub->segment, raw));
    memcpy(scrub->raw, raw.data, sizeof scrub->raw);
    scan_begin(
        &scrub->scan,
        &(struct scan_start){.header = &scrub->header,
                             .raw_header = bytes_of(scrub->raw, sizeof scrub->raw),
                             .beginning = index_find(&member->wal.index, scrub->segment)->beginning,
                             .last_batch = SCAN_OPEN_END});
    scrub->state = SCRUB_BATCHES;
    return OK;
}

static batch_t last_of(const struct member *member)
{
    return index_find(&member->wal.index, member->scrub.segment + 1)->first_batch - 1;
}

/* OK; or E_FULL: more must be read; or what is wrong. */
static enum status take_batches(struct member *member, struct bytes window, bool at_end)
{
    struct scan *scan = &member->scrub.scan;
    struct scan_batch found;

    while (scan->place.batch < last_of(member)) {
        switch (scan_next(scan, window, at_end, &found)) {
        case SCAN_BATCH:
            window = bytes_part(window, found.header.batch_bytes, SIZE_MAX);
            break;
        case SCAN_MORE:
            return E_FULL;
        case SCAN_DONE:
            return scan->bad != OK ? scan->bad : E_TRUNCATED;
        }
    }
    return OK;
}

static enum status check_end(const struct member *member)
{
    const struct scrub *scrub = &member->scrub;
    const struct segment_end end =
        scan_end(&scrub->scan.place, &scrub->header, bytes_of(scrub->raw, sizeof scrub->raw));

    return scrub->next.segment == scrub->segment + 1 ? segment_check_follows(&end, &scrub->next)
                                                     : OK; /* it was not readable */
}

static enum status take_segment(struct member *member, struct bytes window, bool at_end)
{
    if (member->scrub.state == SCRUB_BEGIN) {
        TRY(begin_segment(member, window));
        window = bytes_part(window, SEGMENT_HEADER_BYTES, SIZE_MAX);
    }
    TRY(take_batches(member, window, at_end));
    return check_end(member);
}

static void take(struct member *member, const struct read_slot *slot, struct instant now)
{
    struct scrub *scrub = &member->scrub;
    const bool at_end = slot->bytes.size < scrub->read_size;
    enum status status = slot->status;

    if (scrub->state == SCRUB_NEXT) {
        if (status != OK
            || take_header(member, &scrub->next, scrub->segment + 1, slot->bytes) != OK) {
            scrub->next.segment = SEGMENT_NONE;
        }
        scrub->state = SCRUB_BEGIN;
        return;
    }
    if (status == OK) {
        status = take_segment(member, slot->bytes, at_end);
    }
    if (status == E_FULL) {
        return;
    }
    if (status != OK) {
        (void)repair_want(member, scrub->segment, status);
    }
    take_in_hand(member, scrub->segment + 1, now);
}

void scrub_on_read(struct member *member, struct read_slot *slot, struct instant now)
{
    struct scrub *scrub = &member->scrub;
    const uint64_t rate = member->settings.scrub_rate;

    CHECK(scrub->read == slot);
    scrub->read = NULL;
    scrub->bytes += slot->bytes.size;
    scrub->next_at = instant_add(now, (struct span){slot->bytes.size * 1000000000u / rate});
    if (scrub->drops == member->wal.index.drops && wal_is_whole(&member->wal, scrub->segment)) {
        take(member, slot, now);
    }
    reads_free(slot);
}

void scrub_forget_first(struct member *member, struct instant now)
{
    struct scrub *scrub = &member->scrub;
    const segment_t first = member->wal.index.rows[0].segment;

    if (scrub->state != SCRUB_RESTING && scrub->segment < first) {
        reads_forget(&member->reads, READ_SCRUB, 0);
        scrub->read = NULL;
        take_in_hand(member, first, now);
    }
}

static void ask(struct member *member, struct effects *fx)
{
    struct scrub *scrub = &member->scrub;
    const uint64_t usual = reads_usual_bytes(&member->reads);
    const uint64_t piece = usual < SCRUB_READ_BYTES ? usual : SCRUB_READ_BYTES;
    struct store_read what = {.segment = scrub->segment, .size = piece, .fresh = true};

    if (scrub->state == SCRUB_NEXT) {
        what.segment++;
        what.size = SEGMENT_HEADER_BYTES;
    } else if (scrub->state == SCRUB_BATCHES) {
        what.offset = scrub->scan.offset;
        what.size = scrub->scan.need > piece ? scrub->scan.need : piece;
    }
    scrub->read_size = what.size;
    scrub->read = reads_ask(&member->reads, fx, READ_SCRUB, 0, what);
}

void scrub_pump(struct member *member, struct instant now, struct effects *fx)
{
    struct scrub *scrub = &member->scrub;

    if (member->settings.scrub_rate == 0 || member->stopping || scrub->read != NULL
        || member->wal.index.count < 2) {
        return;
    }
    if (!instant_reached(scrub->next_at, now)) {
        effects_wake_at(fx, scrub->next_at);
        return;
    }
    if (scrub->state == SCRUB_RESTING
        && !wal_is_whole(&member->wal, member->wal.index.rows[0].segment)) {
        return; /* nothing is closed yet */
    }
    if (scrub->state == SCRUB_RESTING) {
        take_in_hand(member, member->wal.index.rows[0].segment, now);
    } else if (scrub->drops != member->wal.index.drops
               || !wal_is_whole(&member->wal, scrub->segment)) {
        const segment_t first = member->wal.index.rows[0].segment;

        take_in_hand(member, scrub->segment > first ? scrub->segment : first, now);
    }
    if (scrub->state == SCRUB_RESTING) {
        effects_wake_at(fx, scrub->next_at);
    } else if (effects_have_room(fx)) {
        ask(member, fx);
    } else {
        effects_wake_at(fx, now);
    }
}
