/* Published test vectors, as NIST and others write them: lines of "Name = value".
 *
 * Comments and empty lines are passed over. A line in brackets comes as a name with its value and
 * `bracketed`; a bare word (FAIL) as a name without value. */
#ifndef SEALIFT_TESTS_SUPPORT_RSP_H
#define SEALIFT_TESTS_SUPPORT_RSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Debian's python3-cryptography-vectors, which the set-up installs. */
#define RSP_FOLDER "/usr/lib/python3/dist-packages/cryptography_vectors/"

enum { RSP_LINE_MAX = 1 << 16 };

struct rsp {
    FILE *file;
    char line[RSP_LINE_MAX];
    const char *name;
    const char *value;
    bool bracketed;
};

/* `path` is relative to RSP_FOLDER; false where it cannot be opened. */
bool rsp_open(struct rsp *rsp, const char *path);
void rsp_close(struct rsp *rsp);

/* False at the end. */
bool rsp_next(struct rsp *rsp);
bool rsp_is(const struct rsp *rsp, const char *name);

struct rsp_bytes {
    uint8_t data[RSP_LINE_MAX / 2];
    size_t size;
};

/* Decodes hexadecimal text of any length up to RSP_LINE_MAX; stops the process for anything
 * else. */
void rsp_hex(struct rsp_bytes *bytes, const char *text);

#endif
