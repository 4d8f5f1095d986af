/* What did the store ask of the kernel, in which order?
 *
 * The program is linked with --wrap for the calls below, so that the real store (host/) runs
 * unchanged. Of everything that happens under one folder while recording is on, a list of
 * operations is kept; nothing is changed on the way. One thread, or one at a time. */
#ifndef SEALIFT_TESTS_REPLAY_RECORDER_H
#define SEALIFT_TESTS_REPLAY_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATH_BYTES = 96, OPS_MAX = 20000 };

enum op_kind {
    OP_MAKE_FOLDER, /* path */
    OP_CREATE, /* path: empty */
    OP_TRUNCATE, /* path: to nothing */
    OP_WRITE, /* path, offset, data */
    OP_ALLOCATE, /* path, size: reads as zeros */
    OP_SYNC_FILE,
    OP_SYNC_FOLDER,
    OP_RENAME, /* path to other */
    OP_EXCHANGE, /* path with other */
    OP_LINK, /* path also as other */
    OP_UNLINK,
};

struct op {
    enum op_kind kind;
    char path[PATH_BYTES], other[PATH_BYTES]; /* below the folder */
    uint64_t offset, size;
    uint8_t *data;
};

struct recording {
    struct op *ops;
    size_t count;
    void (*before)(void *context, size_t index); /* called before each operation is added */
    void *context;
};

/* Into `recording`, which is empty, until recorder_stop. */
void recorder_start(struct recording *recording, const char *folder);
void recorder_stop(void);
void recording_free(struct recording *recording);

/* A file system that cannot exchange two names: from now on, or no longer. */
void recorder_refuse_exchange(bool refuse);

const char *op_name(enum op_kind kind);

#endif
