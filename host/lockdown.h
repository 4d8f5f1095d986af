/* What keeps keys out of swap, core dumps and other processes' hands?
 *
 * format.md section 8. Call before any secret is read. Memory is locked as it is touched
 * (MCL_ONFAULT). Where the limit forbids it and the machine has swap: E_USAGE, `why`
 * (LOCKDOWN_WHY_MAX) names the limit that is needed. Without swap it is traced once and seen in the
 * metrics. Sanitizer builds, whose shadow memory cannot be locked, skip the locking and say so. */
#ifndef SEALIFT_HOST_LOCKDOWN_H
#define SEALIFT_HOST_LOCKDOWN_H

#include "base/status.h"
#include "base/trace.h"

#include <stddef.h>

enum { LOCKDOWN_WHY_MAX = 256 };

NODISCARD enum status lockdown_process(struct trace trace, bool *locked, char *why);

/* Zeroed memory, aligned to 4096, that no core dump will hold; NULL where there is none. */
void *lockdown_memory(size_t size);
void lockdown_free(void *memory, size_t size);

#endif
