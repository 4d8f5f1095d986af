/* Internal to wal_write.c and wal_adopt.c: how a segment and a batch take their place in the
 * WAL. */
#ifndef SEALIFT_WAL_WAL_PLACE_H
#define SEALIFT_WAL_WAL_PLACE_H

#include "wal/wal.h"

/* Whether a header can be taken in now: its slot, the index and the queue of writes have room. */
bool wal_place_has_room_for_segment(const struct wal *wal);

/* The raw header's slot for the segment that follows; there is room. */
uint8_t *wal_place_header(struct wal *wal, segment_t segment);

/* The header (raw in its slot) becomes the current segment, and is written. */
void wal_place_segment(struct wal *wal, const struct segment_header *header,
                       const struct segment_key *key, struct effects *fx);

/* Memory in the window for a batch that follows; NULL: not now. */
uint8_t *wal_place_reserve(struct wal *wal, uint32_t bytes);

/* The sealed batch in the last reservation becomes the newest, and is written. */
void wal_place_batch(struct wal *wal, const struct batch_header *header, const struct tag *tag,
                     const uint8_t *sealed, struct effects *fx);

#endif
