/* The URI is taken apart from left to right, one part up to each slash.
 *
 * Every part has a small alphabet, so that no two spellings name the same member: there is no
 * percent-encoding, no NUL, no empty part, no second form of a lineage. Whatever differs in one
 * byte is refused as a whole; what was parsed formats back to the very same bytes. */
#include "node/identity.h"

#include "base/check.h"
#include "base/hex.h"

#include <stdio.h>

enum { LINEAGE_DIGITS = 2 * sizeof(struct id) };

static const char *const role_names[ROLES] = {
    [ROLE_NONE] = "none",     [ROLE_PRIMARY] = "primary", [ROLE_REPLICA] = "replica",
    [ROLE_CLIENT] = "client", [ROLE_READER] = "reader",   [ROLE_OPERATOR] = "operator",
    [ROLE_KEYD] = "keyd",     [ROLE_REGION] = "region",
};

const char *role_name(enum role role)
{
    return (unsigned)role < ROLES ? role_names[role] : "unknown";
}

static bool part_may_hold(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')
           || (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
}

/* Takes the bytes up to the next slash, or all where there is none; the slash goes with them. */
static struct bytes part_take(struct bytes *left)
{
    size_t size = 0;

    while (size < left->size && left->data[size] != '/') {
        size++;
    }

    const struct bytes part = bytes_part(*left, 0, size);

    *left = bytes_part(*left, size + 1, left->size);
    return part;
}

static enum status part_text(struct bytes part, char *into, size_t room)
{
    if (part.size == 0 || part.size >= room) {
        return E_IDENTITY;
    }
    for (size_t i = 0; i < part.size; i++) {
        if (!part_may_hold(part.data[i])) {
            return E_IDENTITY;
        }
    }
    memcpy(into, part.data, part.size);
    into[part.size] = '\0';
    return OK;
}

static enum status part_lineage(struct bytes part, struct identity *identity)
{
    char digits[LINEAGE_DIGITS + 1];
    char again[LINEAGE_DIGITS + 1];

    if (bytes_equal(part, bytes_text("*"))) {
        identity->any_lineage = true;
        return OK;
    }
    TRY(part_text(part, digits, sizeof digits));
    if (part.size != LINEAGE_DIGITS
        || hex_decode(digits, identity->lineage.bytes, sizeof identity->lineage.bytes) != OK
        || id_is_zero(&identity->lineage)) {
        return E_IDENTITY;
    }
    hex_encode(bytes_of(identity->lineage.bytes, sizeof identity->lineage.bytes), again);
    return strcmp(digits, again) == 0 ? OK : E_IDENTITY; /* upper case is another spelling */
}

static enum status part_role(struct bytes part, enum role *role)
{
    for (unsigned i = ROLE_PRIMARY; i < ROLES; i++) {
        if (bytes_equal(part, bytes_text(role_names[i]))) {
            *role = (enum role)i;
            return OK;
        }
    }
    return E_IDENTITY;
}

static bool role_holds_wal(enum role role)
{
    return role == ROLE_PRIMARY || role == ROLE_REPLICA;
}

static enum status uri_parse(struct identity *identity, struct bytes uri)
{
    static const char scheme[] = "sealift://";
    const struct bytes head = bytes_part(uri, 0, sizeof scheme - 1);
    struct bytes left = bytes_part(uri, sizeof scheme - 1, uri.size);
    unsigned slashes = 0;

    for (size_t i = 0; i < left.size; i++) {
        slashes += left.data[i] == '/';
    }
    if (!bytes_equal(head, bytes_text(scheme)) || slashes != 4) {
        return E_IDENTITY;
    }
    TRY(part_text(part_take(&left), identity->deployment, sizeof identity->deployment));
    TRY(part_lineage(part_take(&left), identity));
    TRY(part_text(part_take(&left), identity->region, sizeof identity->region));
    TRY(part_role(part_take(&left), &identity->role));
    TRY(part_text(part_take(&left), identity->member, sizeof identity->member));
    return identity->any_lineage && role_holds_wal(identity->role) ? E_IDENTITY : OK;
}

enum status identity_parse(struct identity *identity, struct bytes uri)
{
    *identity = (struct identity){0};

    const enum status status = uri_parse(identity, uri);

    if (status != OK) {
        *identity = (struct identity){0}; /* never half a name */
    }
    return status;
}

char *identity_format(const struct identity *identity, char *text)
{
    char lineage[LINEAGE_DIGITS + 1] = "*";

    if (!identity->any_lineage) {
        hex_encode(bytes_of(identity->lineage.bytes, sizeof identity->lineage.bytes), lineage);
    }
    const int size =
        snprintf(text, IDENTITY_URI_MAX, "sealift://%s/%s/%s/%s/%s", identity->deployment, lineage,
                 identity->region, role_name(identity->role), identity->member);
    CHECK(size > 0 && size < IDENTITY_URI_MAX);
    return text;
}
