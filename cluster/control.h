/* What must a member remember across a crash, besides the WAL itself?
 *
 * One small file, replaced whole, holding the same content four times, each with its own checksum:
 * any one good copy is enough. Layout: docs/FORMAT.md. */
#ifndef SEALIFT_CLUSTER_CONTROL_H
#define SEALIFT_CLUSTER_CONTROL_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "cluster/epoch_table.h"

enum {
    CONTROL_COPIES = 4,
    CONTROL_COPY_BYTES = 32768, /* 1,024 epochs of 24 bytes, and 8 KiB for the rest */
    CONTROL_PINS_MAX = 64, /* 5,124 bytes; feeds_max is 64 unless told otherwise */
    CONTROL_BYTES = CONTROL_COPIES * CONTROL_COPY_BYTES,
};

/* What a downstream replica surely holds, and needs from there on. */
struct control_pin {
    char member[MEMBER_TEXT_MAX];
    segment_t segment; /* the first that it needs */
    batch_t batch; /* the last that it has acked */
};

/* R23 to R25: member/key_loss.h. */
enum key_standing {
    KEY_STANDING_USABLE,
    KEY_STANDING_LOST, /* refused, and within the window */
    KEY_STANDING_GONE, /* refused beyond it: for good */
    KEY_STANDINGS
};

struct control {
    uint64_t generation; /* grows by one with each save */
    struct id lineage;
    struct id folder; /* drawn when the data folder was made (and when a replica had to repair
                         its end: opening_repair.c); the coordinator knows it */
    epoch_t highest_epoch; /* seen; lower ones are refused */
    struct position durable; /* proved durable on this disk when this was saved */
    lsn_t commit_lsn; /* known committed when this was saved */
    bool suspect; /* the last stop was an I/O failure */
    bool may_lack; /* a writer's: its newest segment was repaired, and nobody asked what followed */
    struct epoch_table epochs;
    epoch_t claim_asked; /* a claim was asked for, and it is not known what came of it; 0: none */
    lsn_t loss_pending; /* the next epoch that begins here declares a loss up to it; 0: none */
    uint32_t loss_count;
    struct epoch_loss losses[GREET_LOSSES_MAX]; /* declared, ascending by epoch */

    /* What retention has let go, and must not: durable before a file is deleted. */
    segment_t first_segment; /* those before it are no part of this copy any more */
    epoch_t before_epoch; /* of the segment before it; 0: none was let go */
    uint32_t pin_count;
    struct control_pin pins[CONTROL_PINS_MAX]; /* of downstream replicas (member/pins.h) */

    enum key_standing key_standing;
    uint64_t key_lost_at; /* UNIX seconds, for people; 0 where it is usable */
    uint64_t key_lost_ms; /* of the window, that have been counted; likewise */
};

/* Adds the newest; the oldest makes room. */
void control_add_loss(struct control *control, const struct epoch_loss *loss);

/* Whether the records first..last were given up, as these declarations say. */
bool control_loss_covers(const struct epoch_loss *losses, uint32_t count, lsn_t first, lsn_t last);

/* `into` has CONTROL_BYTES. */
struct bytes control_encode(const struct control *control, void *into);

/* The best of the copies. E_MISSING for an empty file, E_CHECKSUM where no copy is good, E_VERSION
 * where none is and one is whole but of another version. `good` (may be NULL) receives how many
 * copies were. */
NODISCARD enum status control_decode(struct control *control, struct bytes file, unsigned *good);

#endif
