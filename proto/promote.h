/* What only an operator asks of a member: PROMOTE, answered by PROMOTED or REFUSED (request 0).
 *
 * Codecs as in control.h, on the same links, after WELCOME. */
#ifndef SEALIFT_PROTO_PROMOTE_H
#define SEALIFT_PROTO_PROMOTE_H

#include "proto/control.h"

/* An operator's: become the primary. */
struct promote {
    bool accepts_loss; /* records beyond what is held here may be lost, up to loss_last_lsn */
    lsn_t loss_last_lsn;
};

/* The epoch is claimed; the member starts again as the primary, in the epoch after it or later. */
struct promoted {
    epoch_t epoch;
    batch_t batch; /* the last that is held here */
    lsn_t end_lsn;
    lsn_t loss_first_lsn, loss_last_lsn; /* declared; 0, 0: none */
    bool was_writer; /* it is the primary already: nothing was done */
};

CONTROL_CODEC(promote, promote);
CONTROL_CODEC(promoted, promoted);

#endif
