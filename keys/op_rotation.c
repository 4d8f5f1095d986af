/* A key gets new material; the old versions stay, and open what was sealed under them.
 *
 * On demand, or by itself when its period has passed (kms_house.c). A ciphertext names its version,
 * so nobody who holds one notices. */
#include "keys/kms_operations.h"
#include "keys/kms_page.h"

enum {
    ROTATION_DAYS_MIN = 90,
    ROTATION_DAYS_MAX = 2560,
    ROTATION_DAYS_DEFAULT = 365,
    ROTATIONS_ON_DEMAND_MAX = 25, /* AWS's quota, for a key's life */
    LIST_ROTATIONS_DEFAULT = 100,
    LIST_ROTATIONS_MAX = 1000,
};

#define SOON_NS (20ull * 60 * 1000000000ull) /* AWS: no rotation on demand so shortly before one */

void call_stage_rotation(struct kms_call *call, const struct kms_key *key, enum key_origin why)
{
    struct kms_version *older = &call->change->version;
    struct kms_key *staged = call_stage_key(call, key);

    key_table_version_name(older->name, key, key->material.version);
    older->material = key->material;
    call->change->version_verb = CHANGE_PUT;
    staged->material = (struct key_material){
        .version = key->material.version + 1, .origin = why, .made_wall_ns = call->wall_ns};
    key_material_make(call->sealer, call->arn, &staged->material);
}

static enum status need_key(struct kms_call *call, const struct kms_key **key)
{
    TRY(call_need_key(call, "KeyId", KEY_BY_ID, key));
    return call_check_usable(call, *key);
}

enum status op_enable_key_rotation(struct kms_call *call)
{
    const struct kms_key *key;
    json_int_t days = ROTATION_DAYS_DEFAULT;

    TRY(call_number_between(call, "RotationPeriodInDays", ROTATION_DAYS_MIN, ROTATION_DAYS_MAX,
                            &days));
    TRY(need_key(call, &key));

    struct kms_key *staged = call_stage_key(call, key);

    staged->rotates = true;
    staged->rotation_days = (uint32_t)days;
    staged->next_rotation_wall_ns = call->wall_ns + (uint64_t)days * KMS_DAY_NS;
    return OK;
}

enum status op_disable_key_rotation(struct kms_call *call)
{
    const struct kms_key *key;

    TRY(need_key(call, &key));

    struct kms_key *staged = call_stage_key(call, key);

    staged->rotates = false;
    staged->rotation_days = 0;
    staged->next_rotation_wall_ns = 0;
    return OK;
}

enum status op_get_key_rotation_status(struct kms_call *call)
{
    const struct kms_key *key;

    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));

    const bool rotates = key->rotates && key->state != KMS_KEY_PENDING_DELETION;

    call_add(call, "KeyRotationEnabled", json_boolean(rotates));
    call_add_text(call, "KeyId", call->arn);
    if (rotates) {
        call_add(call, "RotationPeriodInDays", json_integer(key->rotation_days));
        call_add(call, "NextRotationDate", json_time(key->next_rotation_wall_ns));
    }
    return OK;
}

static unsigned rotations_on_demand(const struct kms_call *call, const struct kms_key *key)
{
    const struct sorted *versions = &call->table->versions;
    unsigned count = key->material.origin == KEY_ROTATED_ON_DEMAND;
    char start[SORTED_NAME_MAX];

    key_table_part_name(start, key, "");
    for (const struct kms_version *older = sorted_next(versions, start, ""); older != NULL;
         older = sorted_next(versions, start, older->name)) {
        count += older->material.origin == KEY_ROTATED_ON_DEMAND;
    }
    return count;
}

enum status op_rotate_key_on_demand(struct kms_call *call)
{
    const struct kms_key *key;

    TRY(need_key(call, &key));
    if (rotations_on_demand(call, key) >= ROTATIONS_ON_DEMAND_MAX) {
        return call_refuse(call, KMS_LIMIT_EXCEEDED, "%s was rotated on demand %d times", call->arn,
                           ROTATIONS_ON_DEMAND_MAX);
    }
    if (key->rotates && key->next_rotation_wall_ns < call->wall_ns + SOON_NS) {
        return call_refuse(call, KMS_CONFLICT, "%s is about to be rotated by itself", call->arn);
    }
    call_stage_rotation(call, key, KEY_ROTATED_ON_DEMAND);
    call_add_text(call, "KeyId", call->arn);
    return OK;
}

static json_t *rotation_entry(const struct kms_call *call, const struct key_material *material,
                              bool is_current)
{
    char id[KEY_MATERIAL_ID_TEXT_MAX];

    key_material_id(material, call->arn, id);

    json_t *entry = json_pack("{s:s,s:s,s:s}", "KeyId", call->arn, "KeyMaterialId", id,
                              "KeyMaterialState", is_current ? "CURRENT" : "NON_CURRENT");

    if (material->origin != KEY_MADE) {
        json_object_set_new(entry, "RotationDate", json_time(material->made_wall_ns));
        json_object_set_new(
            entry, "RotationType",
            json_string(material->origin == KEY_ROTATED_ON_DEMAND ? "ON_DEMAND" : "AUTOMATIC"));
    }
    return entry;
}

/* Whether the first material, which no rotation made, is shown too. */
static enum status which_material(struct kms_call *call, bool *all)
{
    const char *which = "ROTATIONS_ONLY";

    TRY(call_text(call, "IncludeKeyMaterial", &which));
    *all = strcmp(which, "ALL_KEY_MATERIAL") == 0;
    return *all || strcmp(which, "ROTATIONS_ONLY") == 0
               ? OK
               : call_refuse(call, KMS_VALIDATION,
                             "1 validation error detected: Value '%.64s' at 'includeKeyMaterial' "
                             "failed to satisfy constraint: Member must satisfy enum value set: "
                             "[ALL_KEY_MATERIAL, ROTATIONS_ONLY]",
                             which);
}

static void list_rotations(struct kms_call *call, const struct kms_key *key, bool all,
                           struct kms_page *page)
{
    const struct sorted *versions = &call->table->versions;
    char start[SORTED_NAME_MAX], last[SORTED_NAME_MAX];
    bool room = true;

    key_table_part_name(start, key, "");
    key_table_version_name(last, key, key->material.version);
    for (const struct kms_version *older = sorted_next(versions, start, page->after);
         older != NULL && room; older = sorted_next(versions, start, older->name)) {
        if (all || older->material.origin != KEY_MADE) {
            room = page_add(page, older->name, rotation_entry(call, &older->material, false));
        }
    }
    if (room && strcmp(page->after, last) < 0 && (all || key->material.origin != KEY_MADE)) {
        (void)page_add(page, last, rotation_entry(call, &key->material, true));
    }
}

enum status op_list_key_rotations(struct kms_call *call)
{
    const struct kms_key *key;
    struct kms_page page;
    bool all;

    TRY(page_open(call, &page, LIST_ROTATIONS_DEFAULT, LIST_ROTATIONS_MAX));
    TRY(which_material(call, &all));
    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
    list_rotations(call, key, all, &page);
    page_close(call, &page, "Rotations");
    return OK;
}
