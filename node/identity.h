/* Who is at the other end of a link?
 *
 * A certificate carries exactly one URI: sealift://<deployment>/<lineage or
 * *>/<region>/<role>/<member> (lineage as 32 lower-case hex digits). This is that URI, taken apart.
 * A `*` lineage belongs to those who serve many clusters (keyd, region, clients, operators) and
 * never receives WAL. */
#ifndef SEALIFT_NODE_IDENTITY_H
#define SEALIFT_NODE_IDENTITY_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"

enum role {
    ROLE_NONE,
    ROLE_PRIMARY,
    ROLE_REPLICA,
    ROLE_CLIENT, /* appends and reads */
    ROLE_READER, /* reads */
    ROLE_OPERATOR, /* status, and later promote, rotate, drain */
    ROLE_KEYD,
    ROLE_REGION,
    ROLES
};

enum {
    DEPLOYMENT_TEXT_MAX = 64,
    IDENTITY_URI_MAX = 320, /* the longest URI that fits all of the parts */
};

struct identity {
    char deployment[DEPLOYMENT_TEXT_MAX];
    bool any_lineage;
    struct id lineage; /* zero where any_lineage */
    char region[REGION_TEXT_MAX];
    enum role role;
    char member[MEMBER_TEXT_MAX];
};

const char *role_name(enum role role);

/* E_IDENTITY for anything but the exact form: another scheme, a missing or empty part, upper case
 * in lineage or role, percent-encoding, NUL, bytes outside [A-Za-z0-9._-] in a part, an all-zero
 * lineage, or a primary or replica of `*`. `identity` is then empty (ROLE_NONE). */
NODISCARD enum status identity_parse(struct identity *identity, struct bytes uri);

/* `text` has room for IDENTITY_URI_MAX. Returns `text`. */
char *identity_format(const struct identity *identity, char *text);

#endif
