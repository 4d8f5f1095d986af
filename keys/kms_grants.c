/* A walk through the grants of one key.
 *
 * A constraint is kept in the one form of encryption contexts (pairs with their lengths, sorted by
 * key), so that "equal" is equality of bytes. It counts for the operations that take a context; it
 * means nothing to DescribeKey and RetireGrant, and grant_covers sees to CreateGrant. */
#include "keys/kms_grants.h"

#include "base/base64.h"
#include "base/check.h"
#include "base/reader.h"
#include "keys/arn.h"

#include <stdio.h>

static const char *const operation_names[GRANT_OPERATIONS] = {
    "Decrypt",       "Encrypt",     "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom", "ReEncryptTo", "CreateGrant",     "RetireGrant",
    "DescribeKey",
};

enum { FIRST_WITHOUT_CONTEXT = 6 };

static const char token_start[] = "SLG:";

const char *grant_operation_name(unsigned bit)
{
    CHECK(bit < GRANT_OPERATIONS);
    return operation_names[bit];
}

unsigned grant_operation_bit(const char *name)
{
    unsigned bit = 0;

    while (bit < GRANT_OPERATIONS && strcmp(operation_names[bit], name) != 0) {
        bit++;
    }
    return bit;
}

/* One pair of a constraint; false: there are no more. */
static bool next_pair(struct reader *reader, struct bytes *key, struct bytes *value)
{
    uint16_t size;

    if (reader->left.size == 0) {
        return false;
    }
    CHECK(reader_u16(reader, &size) == OK && reader_view(reader, key, size) == OK);
    CHECK(reader_u16(reader, &size) == OK && reader_view(reader, value, size) == OK);
    return true;
}

static struct reader pairs_of(const struct kms_grant *grant, uint16_t *count)
{
    struct reader reader = reader_of(grant->context);

    CHECK(reader_u16(&reader, count) == OK);
    return reader;
}

static const char *text_at(const json_t *context, struct bytes key)
{
    char name[BLOB_CONTEXT_BYTES_MAX + 1];

    memcpy(name, key.data, key.size);
    name[key.size] = '\0';
    return json_string_value(json_object_get(context, name));
}

static bool context_holds(const struct kms_grant *grant, const json_t *context)
{
    uint16_t count;
    struct reader reader = pairs_of(grant, &count);
    struct bytes key, value;

    if (grant->constraint == GRANT_EQUALS && json_object_size(context) != count) {
        return false;
    }

    while (next_pair(&reader, &key, &value)) {
        const char *found = text_at(context, key);

        if (found == NULL || !bytes_equal(bytes_text(found), value)) {
            return false;
        }
    }
    return true;
}

static bool constraint_holds(const struct kms_grant *grant, unsigned bit, const json_t *context)
{
    return grant->constraint == GRANT_UNCONSTRAINED || bit >= FIRST_WITHOUT_CONTEXT
           || context_holds(grant, context);
}

static bool is_given_to(const struct kms_grant *grant, const struct policy_question *question)
{
    return strcmp(grant->grantee, question->principal) == 0
           || arn_is_root_of(grant->grantee, question->account);
}

const struct kms_grant *grants_find(const struct key_table *table, const struct kms_key *key,
                                    const struct policy_question *question)
{
    const unsigned bit = grant_operation_bit(question->action);
    char start[SORTED_NAME_MAX];

    if (bit == GRANT_OPERATIONS) {
        return NULL;
    }
    key_table_part_name(start, key, "");
    for (const struct kms_grant *grant = sorted_next(&table->grants, start, ""); grant != NULL;
         grant = sorted_next(&table->grants, start, grant->name)) {
        if ((grant->operations & 1u << bit) != 0 && is_given_to(grant, question)
            && constraint_holds(grant, bit, question->context)) {
            return grant;
        }
    }
    return NULL;
}

static bool has_pair(const struct kms_grant *grant, struct bytes key, struct bytes value)
{
    uint16_t count;
    struct reader reader = pairs_of(grant, &count);
    struct bytes own_key, own_value;

    while (next_pair(&reader, &own_key, &own_value)) {
        if (bytes_equal(own_key, key) && bytes_equal(own_value, value)) {
            return true;
        }
    }
    return false;
}

bool grant_covers(const struct kms_grant *parent, const struct kms_grant *child)
{
    struct bytes key, value;
    uint16_t count;

    if ((child->operations & ~parent->operations) != 0) {
        return false;
    }
    if (parent->constraint == GRANT_UNCONSTRAINED) {
        return true;
    }
    if (parent->constraint == GRANT_EQUALS || child->constraint == GRANT_UNCONSTRAINED) {
        return child->constraint == GRANT_EQUALS && parent->constraint == GRANT_EQUALS
               && bytes_equal(parent->context, child->context);
    }

    struct reader reader = pairs_of(parent, &count);

    while (next_pair(&reader, &key, &value)) {
        if (!has_pair(child, key, value)) {
            return false;
        }
    }
    return true;
}

char *grant_token_encode(const char *name, char *text)
{
    char plain[SORTED_NAME_MAX + sizeof token_start];

    snprintf(plain, sizeof plain, "%s%s", token_start, name);
    return base64_encode(bytes_text(plain), text);
}

enum status grant_token_decode(const char *text, char *name)
{
    char plain[SORTED_NAME_MAX + sizeof token_start] = "";
    const size_t start = sizeof token_start - 1;
    size_t size;

    TRY(base64_decode(bytes_text(text), (uint8_t *)plain, sizeof plain - 1, &size));
    plain[size] = '\0';
    if (strlen(plain) != size || strncmp(plain, token_start, start) != 0) {
        return E_MALFORMED;
    }
    memcpy(name, plain + start, size - start + 1);
    return OK;
}
