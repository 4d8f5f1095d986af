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

/* Of another WAL, setting, version or key: no damage, and for a person to put right. */
static bool is_foreign(enum status why)
{
    return why == E_DESCRIPTOR || why == E_LINEAGE || why == E_VERSION || why == E_WRONG_KEY;
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
    opening_refuse(member, fx, why, "The header of segment %llu cannot be used (%s): %s; %s.",
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

/* OK; E_GAP where it does not follow the one before it; or what is wrong with it. */
static enum status check_header(struct member *member, const struct read_slot *slot)
{
    struct opening *opening = member->opening;
    const uint32_t place = opening->checked;
    const struct opening_row *before = place > 0 ? &opening->rows[place - 1] : NULL;
    struct segment_header *header = &opening->header;
    enum status status = slot->status;

    if (status == OK) {
        status = opening_open_header(member, header, slot->bytes, &opening->key);
        segment_key_wipe(&opening->key);
    }
    TRY(status);
    return header->segment == opening_segment(opening, place) && follows(member, before, header)
               ? OK
               : E_GAP;
}

/* It was begun behind the end of its epoch, as our table has it, and of what was durable: it and
 * all behind it belong to a history that was cut. */
static bool is_surplus(const struct member *member, const struct opening_row *row)
{
    const struct control *control = &member->control;
    const batch_t end = opening_epoch_end(&control->epochs, row->epoch);

    return row->first_batch > end
           && row->first_batch > epoch_table_clamp(&control->epochs, control->durable);
}

/* A header that is bad is worth no repair behind such a segment, or if it is such itself. */
static bool set_rest_aside(struct member *member, enum status status)
{
    struct opening *opening = member->opening;
    const uint32_t count = opening->checked;

    if (status == OK || count == 0) {
        return false;
    }
    const struct opening_row found =
        status == E_GAP ? row_of(&opening->header) : opening->rows[count - 1];

    if (!is_surplus(member, &found) && !is_surplus(member, &opening->rows[count - 1])) {
        return false;
    }
    for (uint32_t i = count; i < opening->count; i++) {
        opening->rows[i] = found;
    }
    opening->count = opening->asked = count;
    reads_forget(&member->reads, READ_OPENING, 0);
    return true;
}

static bool take_header(struct member *member, const struct read_slot *slot, struct effects *fx)
{
    struct opening *opening = member->opening;
    const segment_t segment = opening_segment(opening, opening->checked);
    const enum status status = check_header(member, slot);

    if (status != OK) {
        trace_event(&member->settings.trace, "header_bad segment=%llu why=%s",
                    (unsigned long long)segment, status_name(status));
    }
    if (!is_foreign(status) && set_rest_aside(member, status)) {
        effects_wake_at(fx, opening->now);
        return false;
    }
    if (is_foreign(status)) {
        refuse_header(member, segment, status, &opening->header, fx);
    } else if (status != OK) {
        opening_repair(member, segment, 0, status == E_MISSING ? E_MISSING : E_DAMAGED, fx);
    } else {
        opening->rows[opening->checked++] = row_of(&opening->header);
        index_add(&member->wal.index, &opening->header);
    }
    return status == OK;
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
        const bool taken = take_header(member, slot, fx);

        if (!taken) {
            slot->leaving = true;
            return;
        }
        reads_free(slot);
        slot = next_answer(member);
    }
    ask_headers(member, fx);
    if (opening->checked == opening->count) {
        trace_event(&member->settings.trace, "headers segments=%u", opening->count);
        opening_scan_begin(member, fx);
    }
}
