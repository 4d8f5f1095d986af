/* The first block of every segment, many reads at once, judged in order: its own checksum, its
 * lineage and descriptor, its key, and that it follows the header before it. What is found goes
 * into the index of the WAL and into one row a segment, and no segment is looked at twice.
 *
 * How it goes wrong: a header that is damaged, of another WAL, under another key, or under an
 * edited at-rest setting (E_DESCRIPTOR: the digest of the descriptor is in every header). */
#include "base/check.h"
#include "base/hex.h"
#include "member/opening_state.h"

enum status opening_check_header(const struct member *member, struct segment_header *header,
                                 struct bytes raw)
{
    TRY(segment_header_decode(header, raw));
    if (!id_equal(&header->lineage, &member->descriptor.lineage)) {
        return E_LINEAGE;
    }
    return header->suite == member->descriptor.suite
                   && digest_equal(&header->descriptor, &member->descriptor_digest)
               ? OK
               : E_DESCRIPTOR;
}

enum status opening_open_header(const struct member *member, struct segment_header *header,
                                struct bytes raw, struct segment_key *key)
{
    TRY(opening_check_header(member, header, raw));
    const struct dek *dek = deks_find(&member->deks, &header->dek);

    return dek == NULL ? E_WRONG_KEY
                       : segment_header_open(header, bytes_part(raw, 0, SEGMENT_HEADER_BYTES),
                                             &dek->secret, key);
}

static void refuse_header(struct member *member, segment_t segment, enum status why,
                          const struct segment_header *header, struct effects *fx)
{
    const char *todo = "restore that file, or seed this member anew";
    char dek[33];

    if (why == E_DESCRIPTOR) {
        todo = "the at-rest setting is for life: put the original file \"descriptor\" back";
    } else if (why == E_LINEAGE) {
        todo = "put it back where it came from";
    } else if (why == E_WRONG_KEY) {
        opening_refuse(
            member, fx, why,
            "Segment %llu is sealed under data key %s, which is not the one that the keyring "
            "holds: restore the keyring that belongs to it.",
            (unsigned long long)segment, hex_encode(bytes_of(header->dek.bytes, 16), dek));
        return;
    }
    /* A checksum says whose fault it was when it crossed a link; here it is the disk's. */
    opening_refuse(member, fx,
                   status_blame(why) == BLAME_PEER && why != E_DESCRIPTOR && why != E_LINEAGE
                           && why != E_VERSION
                       ? E_DAMAGED
                       : why,
                   "The header of segment %llu cannot be used (%s): %s; %s.",
                   (unsigned long long)segment, status_name(why), status_text(why), todo);
}

/* Segment 0 follows the descriptor. */
static bool begins(const struct member *member, const struct segment_header *header)
{
    return header->prev_last_batch == 0 && header->prev_end_lsn == 0
           && digest_equal(&header->prev_chain, &member->descriptor_digest);
}

/* Of what retention has let go the epoch is known, and nothing else. */
static bool follows(const struct member *member, const struct opening_row *before,
                    const struct segment_header *header)
{
    if (header->first_batch != header->prev_last_batch + 1
        || header->first_lsn != header->prev_end_lsn + 1) {
        return false;
    }
    if (before == NULL) {
        return header->segment == 0 ? begins(member, header)
                                    : header->epoch >= member->control.before_epoch;
    }
    return header->epoch >= before->epoch && header->first_batch >= before->first_batch
           && header->first_lsn >= before->first_lsn;
}

static struct opening_row row_of(const struct segment_header *header)
{
    return (struct opening_row){.first_batch = header->first_batch,
                                .first_lsn = header->first_lsn,
                                .epoch = header->epoch,
                                .prev_last_batch = header->prev_last_batch,
                                .prev_end_lsn = header->prev_end_lsn,
                                .prev_chain = header->prev_chain};
}

static bool take_header(struct member *member, struct bytes raw, struct effects *fx)
{
    struct opening *opening = member->opening;
    const uint32_t place = opening->checked;
    const segment_t segment = opening_segment(opening, place);
    const struct opening_row *before = place > 0 ? &opening->rows[place - 1] : NULL;
    struct segment_header *header = &opening->header;
    const enum status status = opening_open_header(member, header, raw, &opening->key);

    segment_key_wipe(&opening->key);
    if (status != OK) {
        refuse_header(member, segment, status, header, fx);
        return false;
    }
    if (header->segment != segment || !follows(member, before, header)) {
        opening_refuse(
            member, fx, E_DAMAGED,
            "Segment %llu does not follow the one before it (its header says: segment %llu, "
            "epoch %llu, batch %llu): restore the files under their own names.",
            (unsigned long long)segment, (unsigned long long)header->segment,
            (unsigned long long)header->epoch, (unsigned long long)header->first_batch);
        return false;
    }
    opening->rows[place] = row_of(header);
    index_add(&member->wal.index, header);
    opening->checked++;
    return true;
}

static struct read_slot *answer_of(const struct reads *reads, segment_t segment)
{
    for (uint32_t i = 0; i < reads->count; i++) {
        struct read_slot *slot = &reads->slots[i];

        if (slot->used && slot->answered && !slot->leaving && slot->owner == READ_OPENING
            && slot->segment == segment) {
            return slot;
        }
    }
    return NULL;
}

static struct read_slot *next_answer(const struct member *member)
{
    const struct opening *opening = member->opening;

    return answer_of(&member->reads, opening_segment(opening, opening->checked));
}

static void ask_headers(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;

    while (opening->asked < opening->count && effects_have_room(fx)) {
        const struct store_read what = {.segment = opening_segment(opening, opening->asked),
                                        .size = SEGMENT_HEADER_BYTES};

        if (reads_ask(&member->reads, fx, READ_OPENING, 0, what) == NULL) {
            break;
        }
        opening->asked++;
    }
    if (opening->asked == opening->checked && opening->asked < opening->count) {
        effects_wake_at(fx, opening->now); /* every slot was freed in this very step */
    }
}

void opening_headers_pump(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;
    struct read_slot *slot = next_answer(member);

    while (slot != NULL) {
        const bool taken = take_header(member, slot->bytes, fx);

        reads_free(slot);
        if (!taken) {
            return;
        }
        slot = next_answer(member);
    }
    ask_headers(member, fx);
    if (opening->checked == opening->count) {
        trace_event(&member->settings.trace, "headers segments=%u", opening->count);
        opening_scan_begin(member, fx);
    }
}
