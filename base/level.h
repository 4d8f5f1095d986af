/* How durable must a record be before its client is released?
 *
 *   local      on the primary's disk
 *   quorum:K   and on the disks of K distinct replicas
 *   region:N   and on a disk in N regions besides the primary's
 *
 * A level is never lowered: one that cannot be met is waited for or refused. */
#ifndef SEALIFT_BASE_LEVEL_H
#define SEALIFT_BASE_LEVEL_H

#include "base/status.h"

#include <stddef.h>

enum level_kind { LEVEL_LOCAL, LEVEL_QUORUM, LEVEL_REGION, LEVEL_KINDS };

enum { LEVEL_COUNT_MAX = 16 }; /* replicas or regions that one level can demand */

struct level {
    enum level_kind kind;
    unsigned count; /* 0 for LEVEL_LOCAL, else 1..LEVEL_COUNT_MAX */
};

/* E_MALFORMED for anything but "local", "quorum:1".."quorum:16", "region:1".."region:16". */
NODISCARD enum status level_parse(struct level *level, const char *text);

/* `text` has room for LEVEL_TEXT_MAX (16). Returns `text`. */
char *level_format(struct level level, char *text, size_t room);

bool level_is_valid(struct level level);

#endif
