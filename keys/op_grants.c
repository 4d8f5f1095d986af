/* Grants: made by whoever may, listed, revoked by the key's owner, retired by whom they name.
 *
 * A grant that asks for what one of the same Name has already is that one: a caller who repeats
 * himself after a lost answer makes no second. */
#include "base/check.h"
#include "base/hex.h"
#include "base/reader.h"
#include "keys/kms_grants.h"
#include "keys/kms_operations.h"
#include "keys/kms_page.h"

enum { LIST_GRANTS_DEFAULT = 50, LIST_GRANTS_MAX = 100, GRANT_TOKENS_MAX = 10 };

enum status call_check_grant_tokens(struct kms_call *call)
{
    char name[SORTED_NAME_MAX];
    json_t *tokens;

    TRY(call_list(call, "GrantTokens", &tokens));
    if (json_array_size(tokens) > GRANT_TOKENS_MAX) {
        return call_refuse(call, KMS_VALIDATION, "There can be at most %d GrantTokens",
                           GRANT_TOKENS_MAX);
    }
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        const char *text = json_string_value(json_array_get(tokens, i));

        if (text == NULL || grant_token_decode(text, name) != OK) {
            return call_refuse(call, KMS_INVALID_GRANT_TOKEN, "Invalid grant token.");
        }
    }
    return OK;
}

/* Principals and names of grants: AWS's patterns, in short. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~' || *text == '"' || *text == '*') {
            return false;
        }
    }
    return true;
}

static enum status take_principal(struct kms_call *call, const char *name, char *into)
{
    const char *text = "";

    TRY(call_text(call, name, &text));
    if (text[0] != '\0'
        && (strncmp(text, "arn:aws:iam::", 13) != 0 || strlen(text) >= KEY_ARN_TEXT_MAX
            || !is_plain(text))) {
        return call_refuse(call, KMS_INVALID_ARN, "%s must be the ARN of a principal", name);
    }
    memcpy(into, text, strlen(text) + 1);
    return OK;
}

static enum status take_operations(struct kms_call *call, uint32_t *operations)
{
    json_t *list;

    TRY(call_list(call, "Operations", &list));
    *operations = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        const unsigned bit = name == NULL ? GRANT_OPERATIONS : grant_operation_bit(name);

        if (bit == GRANT_OPERATIONS) {
            return call_refuse(
                call, KMS_VALIDATION,
                "1 validation error detected: Value at 'operations' failed to "
                "satisfy constraint: a grant for this kind of key cannot have '%.64s'",
                name == NULL ? "" : name);
        }
        *operations |= 1u << bit;
    }
    return *operations != 0 ? OK
                            : call_refuse(call, KMS_VALIDATION,
                                          "1 validation error detected: Value at 'operations' "
                                          "failed to satisfy constraint: Member must not be null");
}

static enum status take_constraint(struct kms_call *call, struct kms_grant *grant)
{
    json_t *constraints = json_object_get(call->in, "Constraints");
    json_t *subset = json_object_get(constraints, "EncryptionContextSubset");
    json_t *equals = json_object_get(constraints, "EncryptionContextEquals");
    uint8_t room[BLOB_CONTEXT_BYTES_MAX];
    struct bytes context;

    if (constraints == NULL || json_is_null(constraints) || (subset == NULL && equals == NULL)) {
        grant->constraint = GRANT_UNCONSTRAINED;
        return OK;
    }
    if (subset != NULL && equals != NULL) {
        return call_refuse(call, KMS_VALIDATION,
                           "A grant has one of EncryptionContextSubset and "
                           "EncryptionContextEquals");
    }
    grant->constraint = subset != NULL ? GRANT_SUBSET : GRANT_EQUALS;
    TRY(call_context(call, "Constraints", subset != NULL ? subset : equals, room, &context));
    grant->context = change_keep(call->change, context);
    return OK;
}

static enum status take_label(struct kms_call *call, struct kms_grant *grant)
{
    const char *label = "";

    TRY(call_text_upto(call, "Name", GRANT_NAME_BYTES_MAX, &label));
    if (!is_plain(label)) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value at 'name' failed to satisfy "
                           "constraint: Member must satisfy regular expression pattern: "
                           "^[a-zA-Z0-9:/_-]+$");
    }
    grant->label = change_keep(call->change, bytes_text(label));
    return OK;
}

/* All of a new grant that the caller says. */
static enum status take_grant(struct kms_call *call, struct kms_grant *grant)
{
    *grant = (struct kms_grant){.created_wall_ns = call->wall_ns};
    TRY(take_principal(call, "GranteePrincipal", grant->grantee));
    if (grant->grantee[0] == '\0') {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value null at 'granteePrincipal' failed "
                           "to satisfy constraint: Member must not be null");
    }
    TRY(take_principal(call, "RetiringPrincipal", grant->retiree));
    TRY(take_operations(call, &grant->operations));
    TRY(take_constraint(call, grant));
    return take_label(call, grant);
}

static bool is_same(const struct kms_grant *a, const struct kms_grant *b)
{
    return bytes_equal(a->label, b->label) && strcmp(a->grantee, b->grantee) == 0
           && strcmp(a->retiree, b->retiree) == 0 && a->operations == b->operations
           && a->constraint == b->constraint && bytes_equal(a->context, b->context);
}

static const struct kms_grant *find_same(const struct kms_call *call, const struct kms_key *key,
                                         const struct kms_grant *grant)
{
    const struct sorted *grants = &call->table->grants;
    char start[SORTED_NAME_MAX];

    key_table_part_name(start, key, "");
    for (const struct kms_grant *other = sorted_next(grants, start, ""); other != NULL;
         other = sorted_next(grants, start, other->name)) {
        if (grant->label.size > 0 && is_same(grant, other)) {
            return other;
        }
    }
    return NULL;
}

static void name_grant(struct kms_call *call, const struct kms_key *key, struct kms_grant *grant)
{
    uint8_t random[(GRANT_ID_TEXT_MAX - 1) / 2];

    memcpy(grant->account, key->account, sizeof grant->account);
    memcpy(grant->key_id, key->id, sizeof grant->key_id);
    memcpy(grant->issuer, call->request->principal, sizeof grant->issuer);
    entropy_fill(&call->sealer->entropy, random, sizeof random);
    hex_encode(bytes_of(random, sizeof random), grant->id);
    key_table_part_name(grant->name, key, grant->id);
    call->change->grant_verb = CHANGE_PUT;
}

enum status op_create_grant(struct kms_call *call)
{
    struct kms_grant *grant = &call->change->grant;
    char token[GRANT_TOKEN_TEXT_MAX];
    const struct kms_grant *by, *same;
    const struct kms_key *key;

    TRY(call_check_grant_tokens(call));
    TRY(take_grant(call, grant));
    TRY(call_find_key(call, "KeyId", KEY_BY_ID, &key));
    TRY(call_authorize_grant(call, key, grant->grantee, &by));
    if (by != NULL && !grant_covers(by, grant)) {
        return call_refuse(call, KMS_ACCESS_DENIED,
                           "User: %s is not authorized to grant more than grant %s allows",
                           call->request->principal, by->id);
    }
    TRY(call_check_usable(call, key));
    TRY(call_check_dry_run(call));
    same = find_same(call, key, grant);
    if (same == NULL) {
        name_grant(call, key, grant);
        same = grant;
    }
    call_add_text(call, "GrantId", same->id);
    call_add_text(call, "GrantToken", grant_token_encode(same->name, token));
    return OK;
}

static json_t *pairs_of(struct bytes context)
{
    struct reader reader = reader_of(context);
    json_t *object = json_object();
    uint16_t count;

    CHECK(reader_u16(&reader, &count) == OK);
    for (unsigned i = 0; i < count; i++) {
        char key[BLOB_CONTEXT_BYTES_MAX], value[BLOB_CONTEXT_BYTES_MAX];

        CHECK(reader_text(&reader, key, sizeof key) == OK);
        CHECK(reader_text(&reader, value, sizeof value) == OK);
        json_object_set_new(object, key, json_string(value));
    }
    return object;
}

static json_t *grant_entry(const struct kms_call *call, const struct kms_grant *grant)
{
    json_t *operations = json_array();
    json_t *entry = json_pack("{s:s,s:s,s:o,s:s,s:s}", "KeyId", call->arn, "GrantId", grant->id,
                              "CreationDate", json_time(grant->created_wall_ns), "GranteePrincipal",
                              grant->grantee, "IssuingAccount", grant->issuer);

    for (unsigned bit = 0; bit < GRANT_OPERATIONS; bit++) {
        if ((grant->operations & 1u << bit) != 0) {
            json_array_append_new(operations, json_string(grant_operation_name(bit)));
        }
    }
    json_object_set_new(entry, "Operations", operations);
    if (grant->retiree[0] != '\0') {
        json_object_set_new(entry, "RetiringPrincipal", json_string(grant->retiree));
    }
    if (grant->label.size > 0) {
        json_object_set_new(entry, "Name",
                            json_stringn((const char *)grant->label.data, grant->label.size));
    }
    if (grant->constraint != GRANT_UNCONSTRAINED) {
        json_object_set_new(entry, "Constraints",
                            json_pack("{s:o}",
                                      grant->constraint == GRANT_SUBSET ? "EncryptionContextSubset"
                                                                        : "EncryptionContextEquals",
                                      pairs_of(grant->context)));
    }
    return entry;
}

enum status op_list_grants(struct kms_call *call)
{
    const struct sorted *grants = &call->table->grants;
    const char *id = NULL;
    const char *grantee = NULL;
    const struct kms_key *key;
    char start[SORTED_NAME_MAX];
    struct kms_page page;
    bool room = true;

    TRY(page_open(call, &page, LIST_GRANTS_DEFAULT, LIST_GRANTS_MAX));
    TRY(call_text(call, "GrantId", &id));
    TRY(call_text(call, "GranteePrincipal", &grantee));
    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
    key_table_part_name(start, key, "");
    for (const struct kms_grant *grant = sorted_next(grants, start, page.after);
         grant != NULL && room; grant = sorted_next(grants, start, grant->name)) {
        if ((id == NULL || strcmp(id, grant->id) == 0)
            && (grantee == NULL || strcmp(grantee, grant->grantee) == 0)) {
            room = page_add(&page, grant->name, grant_entry(call, grant));
        }
    }
    page_close(call, &page, "Grants");
    return OK;
}

static enum status need_grant(struct kms_call *call, const struct kms_key *key,
                              const struct kms_grant **grant)
{
    const char *id;

    TRY(call_need_text(call, "GrantId", &id));
    *grant = key_table_find_grant(call->table, key, id);
    return *grant != NULL ? OK
                          : call_refuse(call, KMS_NOT_FOUND, "Grant ID %.64s not found for key %s",
                                        id, call->arn);
}

static enum status stage_end(struct kms_call *call, const struct kms_grant *grant)
{
    TRY(call_check_dry_run(call));
    call->change->grant = *grant;
    call->change->grant_verb = CHANGE_REMOVE;
    return OK;
}

enum status op_revoke_grant(struct kms_call *call)
{
    const struct kms_grant *grant;
    const struct kms_key *key;

    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
    TRY(need_grant(call, key, &grant));
    return stage_end(call, grant);
}

/* GrantToken, or KeyId and GrantId. */
static enum status find_to_retire(struct kms_call *call, const struct kms_key **key,
                                  const struct kms_grant **grant)
{
    const char *token = NULL;
    char name[SORTED_NAME_MAX];

    TRY(call_text(call, "GrantToken", &token));
    if (token == NULL) {
        TRY(call_find_key(call, "KeyId", KEY_BY_ID, key));
        return need_grant(call, *key, grant);
    }
    if (grant_token_decode(token, name) != OK) {
        return call_refuse(call, KMS_INVALID_GRANT_TOKEN, "Invalid grant token.");
    }
    *grant = sorted_find(&call->table->grants, name);
    if (*grant == NULL) {
        return call_refuse(call, KMS_NOT_FOUND, "The grant of this token is not there");
    }
    *key = key_table_find(call->table, (*grant)->account, (*grant)->key_id);
    arn_format_key(call->settings->region, (*grant)->account, (*grant)->key_id, call->arn);
    return *key != NULL ? OK
                        : call_refuse(call, KMS_NOT_FOUND, "Key '%s' does not exist", call->arn);
}

enum status op_retire_grant(struct kms_call *call)
{
    const char *principal = call->request->principal;
    const struct kms_grant *grant = NULL;
    const struct kms_key *key = NULL;

    TRY(find_to_retire(call, &key, &grant));
    CHECK(grant != NULL && key != NULL);

    const bool own = strcmp(grant->grantee, principal) == 0
                     && (grant->operations & 1u << grant_operation_bit("RetireGrant")) != 0;

    if (!own && strcmp(grant->retiree, principal) != 0
        && !call_policy_allows(call, key, "RetireGrant")) {
        return call_refuse(call, KMS_ACCESS_DENIED,
                           "User: %s is not authorized to perform: kms:RetireGrant on resource: %s",
                           principal, call->arn);
    }
    return stage_end(call, grant);
}
