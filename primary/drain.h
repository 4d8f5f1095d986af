/* STOP: no more appends, but those that were taken get their answer, if it comes in time.
 *
 * Seal, wait for the pending ones (up to drain_max), save what this disk holds, say goodbye on
 * every link, HALT. A start that is stopped has nothing to wait for. */
#ifndef SEALIFT_PRIMARY_DRAIN_H
#define SEALIFT_PRIMARY_DRAIN_H

#include "base/instant.h"
#include "node/effects.h"

struct primary;

struct drain {
    struct instant give_up;
    bool saving;
};

void drain_begin(struct primary *primary, struct instant now, struct effects *fx);
void drain_pump(struct primary *primary, struct instant now, struct effects *fx);

#endif
