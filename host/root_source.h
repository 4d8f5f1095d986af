/* Which of the three gives a store its root key: a file, a passphrase, a token?
 *
 * One of them, for life. Each keeps a small file of its own in the data folder (a root key itself
 * may be elsewhere), and where one of the others' is found, the wrong options were given. */
#ifndef SEALIFT_HOST_ROOT_SOURCE_H
#define SEALIFT_HOST_ROOT_SOURCE_H

#include "host/root_key.h"
#include "host/root_token.h"

struct root_options {
    const char *key_file; /* NULL: DATA/root.key */
    const char *passphrase_file; /* instead of it; or NULL */
    struct root_token token; /* instead of it, where there is a module */
};

enum root_kind { ROOT_OF_FILE, ROOT_OF_PASSPHRASE, ROOT_OF_TOKEN };

struct root_source {
    enum root_kind kind;
    const struct root_options *options;
    char path[PATH_MAX]; /* the root key, or what the passphrase or the token needs beside it */
    bool made_token_key;
};

/* E_USAGE: the store has another source, or a path is too long; `why` (SECRET_FILE_WHY_MAX). */
NODISCARD enum status root_source_choose(struct root_source *source,
                                         const struct root_options *options, const char *data,
                                         char *why);

/* For a store without keys. Statuses are those of the source, here and below. */
NODISCARD enum status root_source_create(struct root_source *source, const struct entropy *entropy,
                                         char *why);

NODISCARD enum status root_source_load(const struct root_source *source, struct secret *root,
                                       char *why);

#endif
