/* A data folder, read by somebody who is not its member: nothing is locked, nothing is written.
 *
 * It may be in use. The control file is read first and segments are listed last, so that what the
 * control file knows durable is there. */
#ifndef SEALIFT_CLI_FOLDER_H
#define SEALIFT_CLI_FOLDER_H

#include "cli/audit.h"

struct folder {
    const char *path;
    int fd, wal; /* wal: -1 where there is none yet */
    uint8_t *descriptor, *keyring, *control;
    segment_t *segments;
    struct audit_folder seen;
};

/* E_MISSING (no such folder, or no descriptor in it), E_IO, E_READ_ONLY: may not be read,
 * E_TOO_LARGE. folder_close afterwards, whatever it says. */
NODISCARD enum status folder_open(struct folder *folder, const char *path);
void folder_close(struct folder *folder);

#endif
