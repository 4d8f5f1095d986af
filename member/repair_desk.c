/* The side that gives. Each link may have one question open: the segment's header is read from the
 * disk (no index is needed for that, so a member that is itself being repaired can give what it
 * has), then its batches are walked to the first that is wanted, and as many as fit in one answer
 * leave as they lie on the disk. The next question usually goes on where that one ended.
 *
 * Where the segment is damaged here as well, before what is wanted, that is looked for from block
 * to block: its number, its checksum and the tag before it leave no doubt. Else members whose
 * copies of one segment are damaged at different places could wait for each other for ever.
 *
 * How it goes wrong: the segment is not of the asker's epoch, begins elsewhere, or its batch before
 * the wanted one is another: never had. The disk does not give it, or what it gives does not parse:
 * not readable; and, if it is a closed segment, repaired here as well. */
#include "member/repair_parts.h"
#include "proto/message.h"

#include "base/check.h"

static struct repair_desk *desk_of(struct member *member, link_t link)
{
    struct repair_desks *desks = &member->desks;
    struct repair_desk *place = NULL;

    for (uint32_t i = 0; i < desks->count; i++) {
        if (desks->list[i].link == link) {
            return &desks->list[i];
        }
        place = place == NULL && desks->list[i].link == 0 ? &desks->list[i] : place;
    }
    return place;
}

void repair_desk_on_link_gone(struct member *member, link_t link)
{
    struct repair_desk *desk = desk_of(member, link);

    if (desk != NULL && desk->link == link) {
        reads_forget(&member->reads, READ_ANSWER, link);
        *desk = (struct repair_desk){0};
    }
}

static batch_t end_batch(const struct member *member, segment_t segment)
{
    const struct index_row *next = index_find(&member->wal.index, segment + 1);

    return next == NULL || index_find(&member->wal.index, segment) == NULL ? 0 : next->first_batch;
}

static void answer(struct member *member, struct repair_desk *desk, enum repair_answer what,
                   struct bytes tail, struct effects *fx)
{
    const struct repair_is is = {.segment = desk->ask.segment,
                                 .first_batch = desk->ask.first_batch,
                                 .answer = what,
                                 .end_batch = end_batch(member, desk->ask.segment)};

    desk->busy = false;
    trace_event(&member->settings.trace,
                "repair_answers link=%llu segment=%llu batch=%llu what=%d bytes=%llu",
                (unsigned long long)desk->link, (unsigned long long)is.segment,
                (unsigned long long)is.first_batch, (int)what, (unsigned long long)tail.size);
    effects_send_tail(fx, desk->link, MESSAGE_REPAIR_IS,
                      repair_is_encode(&is, effects_scratch(fx, repair_is_bytes(&is))), tail,
                      bytes_none());
}

static void deny(struct member *member, struct repair_desk *desk, enum repair_answer what,
                 struct effects *fx)
{
    answer(member, desk, what, bytes_none(), fx);
}

static void give_up(struct member *member, struct repair_desk *desk, enum status why,
                    struct effects *fx)
{
    desk->has_row = false;
    (void)repair_want(member, desk->ask.segment, why);
    deny(member, desk, REPAIR_UNREADABLE, fx);
}

/* What the index knows without a read: OK, or why there is nothing to look for. */
static enum repair_answer look_up(const struct member *member, const struct repair_ask *ask)
{
    const struct index *index = &member->wal.index;
    const struct index_row *row = index_find(index, ask->segment);
    const batch_t end = end_batch(member, ask->segment);

    if (!member->ready) {
        return REPAIR_HAVE; /* perhaps */
    }
    if (row == NULL) {
        return index->count > 0 && ask->segment < index->rows[0].segment ? REPAIR_UNREADABLE
                                                                         : REPAIR_NEVER_HAD;
    }
    if ((ask->epoch != 0 && ask->epoch != row->epoch) || ask->first_batch > member->wal.durable
        || (end != 0 && ask->first_batch >= end)) {
        return REPAIR_NEVER_HAD;
    }
    return REPAIR_HAVE;
}

enum status repair_on_ask(struct member *member, link_t link, const struct repair_ask *ask,
                          struct effects *fx)
{
    struct repair_desk *desk = desk_of(member, link);

    if (!id_equal(&ask->lineage, &member->descriptor.lineage)) {
        return E_LINEAGE;
    }
    CHECK(desk != NULL); /* there are as many as links */
    if (desk->busy) {
        return E_PROTOCOL;
    }
    desk->has_row &= desk->link == link && desk->ask.segment == ask->segment
                     && desk->drops == member->wal.index.drops;
    desk->link = link;
    desk->ask = *ask;
    desk->drops = member->wal.index.drops;
    desk->busy = true;
    const enum repair_answer known = look_up(member, ask);

    if (known != REPAIR_HAVE) {
        deny(member, desk, known, fx);
    } else if (desk->has_row && ask->first_batch < desk->walk.batch) {
        desk->has_row = false; /* it asks again: from the segment's beginning */
    }
    return OK;
}

/* Its epoch must begin in our history where it begins in the asker's. */
static bool same_epoch(const struct member *member, const struct repair_ask *ask, epoch_t epoch)
{
    const struct epoch_entry *entry = epoch_table_find(&member->control.epochs, epoch);

    return (ask->epoch == 0 || ask->epoch == epoch)
           && (ask->start_batch == 0 || entry == NULL || ask->start_batch == entry->start_batch);
}

/* False where an answer was given. */
static bool take_header(struct member *member, struct repair_desk *desk, struct bytes raw,
                        struct effects *fx)
{
    struct segment_header header;
    const enum status status = opening_check_header(member, &header, raw);

    if (status != OK || header.segment != desk->ask.segment) {
        give_up(member, desk, status == OK ? E_GAP : status, fx);
        return false;
    }
    if (!same_epoch(member, &desk->ask, header.epoch)) {
        deny(member, desk, REPAIR_NEVER_HAD, fx);
        return false;
    }
    if (desk->ask.first_batch == 0) {
        answer(member, desk, REPAIR_HAVE, bytes_part(raw, 0, SEGMENT_HEADER_BYTES), fx);
        return false;
    }
    desk->row = (struct index_row){.segment = header.segment,
                                   .first_batch = header.first_batch,
                                   .first_lsn = header.first_lsn,
                                   .epoch = header.epoch};
    memcpy(desk->row.crc_seed, header.commitment.bytes, sizeof desk->row.crc_seed);
    desk->has_row = true;
    desk->seeks = false;
    walk_know(&desk->walk, header.segment, SEGMENT_HEADER_BYTES, header.first_batch);
    return true;
}

static bool tag_fits(const struct repair_ask *ask, const struct batch_header *header)
{
    static const struct tag unknown;

    return tag_equal(&ask->tag_before, &unknown) || tag_equal(&ask->tag_before, &header->prev_tag);
}

static batch_t limit_of(const struct member *member)
{
    return member->ready ? member->wal.durable : BATCH_OPEN_END - 1;
}

/* True where there is more of the read to look at. */
static bool seek_on(struct repair_desk *desk, const struct read_slot *slot)
{
    static const struct tag unknown;
    const struct repair_ask *ask = &desk->ask;

    if ((!desk->seeks && desk->walk.batch >= ask->first_batch)
        || tag_equal(&ask->tag_before, &unknown)
        || desk->walk.offset + BATCH_BLOCK_BYTES > slot->offset + slot->bytes.size) {
        return false;
    }
    desk->seeks = true;
    walk_know(&desk->walk, ask->segment, desk->walk.offset + BATCH_BLOCK_BYTES, ask->first_batch);
    return true;
}

/* From the read: steps over what comes before, then counts how many bytes of whole batches are
 * wanted and lie here. */
static void look_for_batches(struct member *member, struct repair_desk *desk,
                             const struct read_slot *slot, bool at_end, struct effects *fx)
{
    struct index index = {.rows = &desk->row, .count = 1, .capacity = 1};
    const struct repair_ask *ask = &desk->ask;
    struct walk_batch found;
    struct bytes wanted = bytes_none();
    enum walk_found what;

    desk->walk.limit = limit_of(member) < ask->last_batch ? limit_of(member) : ask->last_batch;
    for (;;) {
        const struct walk before = desk->walk;

        what = walk_next(&desk->walk, &index, slot, &found);
        if (what == WALK_BAD && wanted.size == 0 && seek_on(desk, slot)) {
            desk->walk.limit = before.limit;
            continue;
        }
        if (what != WALK_BATCH) {
            break;
        }
        if (found.header.batch < ask->first_batch) {
            continue;
        }
        if (found.header.batch == ask->first_batch && !tag_fits(ask, &found.header)) {
            deny(member, desk, REPAIR_NEVER_HAD, fx);
            return;
        }
        if (wanted.size > 0 && wanted.size + found.sealed.size > REPAIR_BYTES_MAX) {
            desk->walk = before;
            break;
        }
        wanted = bytes_of(wanted.size == 0 ? found.sealed.data : wanted.data,
                          wanted.size + found.sealed.size);
    }
    if (wanted.size > 0) {
        answer(member, desk, REPAIR_HAVE, wanted, fx);
    } else if (what == WALK_BAD || at_end) {
        give_up(member, desk, E_DAMAGED, fx);
    } /* else: reads on */
}

void repair_on_answer_read(struct member *member, struct read_slot *slot, struct effects *fx)
{
    struct repair_desk *desk = desk_of(member, slot->value);

    CHECK(desk != NULL && desk->link == slot->value && desk->read == slot);

    const bool at_end = slot->bytes.size < desk->read_size;

    desk->read = NULL;
    reads_free(slot);
    if (!desk->busy) {
        return;
    }
    if (slot->status != OK) {
        give_up(member, desk, slot->status, fx);
    } else if (desk->drops != member->wal.index.drops) {
        desk->has_row = false; /* a cut: looked at anew */
        desk->drops = member->wal.index.drops;
    } else if (slot->offset > 0 || take_header(member, desk, slot->bytes, fx)) {
        look_for_batches(member, desk, slot, at_end, fx);
    }
}

static void read_on(struct member *member, struct repair_desk *desk, struct effects *fx)
{
    const uint64_t usual = reads_usual_bytes(&member->reads);
    const uint64_t need = desk->has_row ? desk->walk.need : 0;
    const struct store_read what = {.segment = desk->ask.segment,
                                    .offset = desk->has_row ? desk->walk.offset : 0,
                                    .size = desk->ask.first_batch == 0 ? SEGMENT_HEADER_BYTES
                                            : need > usual             ? need
                                                                       : usual,
                                    .fresh = true};

    desk->read_size = what.size;
    desk->read = reads_ask(&member->reads, fx, READ_ANSWER, desk->link, what);
}

void repair_desks_pump(struct member *member, struct effects *fx)
{
    struct repair_desks *desks = &member->desks;

    for (uint32_t i = 0; i < desks->count && effects_have_room(fx); i++) {
        struct repair_desk *desk = &desks->list[i];

        if (desk->busy && desk->read == NULL) {
            read_on(member, desk, fx);
        }
    }
}
