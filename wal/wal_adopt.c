/* A replica takes in what its upstream sealed: checked for its place, for its chain and for its
 * seal, and then placed exactly as the writer placed it. Nothing is changed and nothing is sealed.
 *
 * What does not fit now (E_FULL) has changed nothing: the world delivers it again. What is refused
 * for any other reason is the upstream's fault, and the link's end. */
#include "base/check.h"
#include "wal/wal_place.h"

static enum status check_identity(const struct wal *wal, const struct segment_header *header)
{
    if (!id_equal(&header->lineage, &wal->lineage)) {
        return E_LINEAGE;
    }
    return header->suite == wal->suite && digest_equal(&header->descriptor, &wal->descriptor)
               ? OK
               : E_DESCRIPTOR;
}

static enum status check_place(const struct wal *wal, const struct segment_header *header)
{
    const bool same_reign = wal->segment != SEGMENT_NONE && header->epoch == wal->epoch;

    if (header->segment != wal_next_segment(wal) || header->first_batch != wal->sealed + 1
        || header->first_lsn != wal->sealed_lsn + 1) {
        return E_GAP;
    }
    if (header->epoch < wal->epoch) {
        return E_STALE_EPOCH;
    }
    const struct digest chain = wal_chain(wal);

    if (!digest_equal(&header->prev_chain, &chain) || header->prev_last_batch != wal->sealed
        || header->prev_end_lsn != wal->sealed_lsn) {
        return E_CHAIN;
    }
    /* A reign is one writer's, and it closes what it began. */
    return same_reign && !(wal->closed && id_equal(&header->incarnation, &wal->header.incarnation))
               ? E_CHAIN
               : OK;
}

enum status wal_adopt_segment(struct wal *wal, const struct segment_header *header,
                              struct bytes raw, const struct secret *dek, struct effects *fx)
{
    struct segment_key key;

    TRY(check_identity(wal, header));
    TRY(check_place(wal, header));
    if (wal_is_full(wal)) {
        return E_WAL_FULL;
    }
    if (!wal_place_has_room_for_segment(wal)) {
        return E_FULL;
    }
    TRY(segment_header_open(header, raw, dek, &key));

    memcpy(wal_place_header(wal, header->segment), raw.data, SEGMENT_HEADER_BYTES);
    wal_place_segment(wal, header, &key, fx);
    segment_key_wipe(&key);
    return OK;
}

enum status wal_adopt_batch(struct wal *wal, struct bytes sealed, struct effects *fx)
{
    struct batch_header header;
    struct tag tag;

    if (wal->segment == SEGMENT_NONE || wal->closed) {
        return E_GAP;
    }
    TRY(batch_header_decode(&header, sealed));
    if (sealed.size != header.batch_bytes) {
        return sealed.size < header.batch_bytes ? E_TRUNCATED : E_MALFORMED;
    }
    uint8_t *memory = wal_place_reserve(wal, header.batch_bytes);

    if (memory == NULL) {
        return E_FULL;
    }
    /* In one pass, but what is wrong is said in its order: the seal last. */
    const enum status taken = batch_take(&wal->sealer, &header, sealed, &tag, memory);

    if (taken != OK && taken != E_FORGED) {
        return taken;
    }
    TRY(batch_check_place(&header, wal->sealed + 1, wal->sealed_lsn, &wal->tag));
    TRY(batch_check_order(&header, wal->batch_count, index_last(&wal->index)->beginning));
    TRY(taken);
    wal_place_batch(wal, &header, &tag, memory, fx);
    wal->appended_lsn = wal->sealed_lsn;
    return OK;
}
