/* What falls due by itself: rotations, and the end of keys whose deletion was scheduled.
 *
 * One thing at a time, each with an audit row of its own (RotateKey, DeleteKey), as if AWS's own
 * service had asked for it. A key goes first, and what belonged to it (older versions, aliases,
 * grants) after it, so that a crash in between leaves nothing half-usable. */
#ifndef SEALIFT_KEYS_KMS_HOUSE_H
#define SEALIFT_KEYS_KMS_HOUSE_H

#include "keys/kms_call.h"

/* Stages the change and names it in `request`, which call->request points to; false: nothing is
 * due at call->wall_ns. */
bool house_stage(struct kms_call *call, struct kms_request *request);

#endif
