/* Keys, versions, aliases and grants as rows of the catalog: little-endian fields behind a version
 * number.
 *
 * The material in a row is sealed; a row alone opens nothing. What cannot be read back exactly as
 * it was written is refused, and the node does not start. */
#include "base/reader.h"
#include "base/writer.h"
#include "keys/key_table.h"

enum { ROW_VERSION = 2 };

static void bytes_write(struct writer *writer, struct bytes bytes)
{
    writer_u32(writer, (uint32_t)bytes.size);
    writer_copy(writer, bytes.data, bytes.size);
}

static enum status bytes_read(struct reader *reader, struct bytes *bytes, size_t max)
{
    uint32_t size;

    TRY(reader_u32(reader, &size));
    if (size > max) {
        return E_TOO_LARGE;
    }
    return reader_view(reader, bytes, size);
}

static enum status version_check(struct reader *reader)
{
    uint8_t version;

    TRY(reader_u8(reader, &version));
    return version == ROW_VERSION ? OK : E_VERSION;
}

/* A number below `count`, as an enumerator. */
static enum status small_read(struct reader *reader, unsigned count, unsigned *value)
{
    uint8_t byte;

    TRY(reader_u8(reader, &byte));
    *value = byte;
    return byte < count ? OK : E_MALFORMED;
}

static void material_write(struct writer *writer, const struct key_material *material)
{
    writer_u32(writer, material->version);
    writer_u8(writer, (uint8_t)material->origin);
    writer_u64(writer, material->made_wall_ns);
    writer_copy(writer, material->salt, sizeof material->salt);
    writer_copy(writer, material->sealed, sizeof material->sealed);
    writer_copy(writer, material->tag.bytes, sizeof material->tag.bytes);
}

static enum status material_read(struct reader *reader, struct key_material *material)
{
    unsigned origin;

    TRY(reader_u32(reader, &material->version));
    TRY(small_read(reader, KEY_ORIGINS, &origin));
    material->origin = (enum key_origin)origin;
    TRY(reader_u64(reader, &material->made_wall_ns));
    TRY(reader_copy(reader, material->salt, sizeof material->salt));
    TRY(reader_copy(reader, material->sealed, sizeof material->sealed));
    return reader_copy(reader, material->tag.bytes, sizeof material->tag.bytes);
}

struct bytes key_row_encode(const struct kms_key *key, const char *region, uint8_t *into)
{
    struct writer writer = writer_of(into, KEY_ROW_BYTES_MAX);

    writer_u8(&writer, ROW_VERSION);
    writer_text(&writer, region);
    writer_text(&writer, key->account);
    writer_text(&writer, key->id);
    writer_u8(&writer, (uint8_t)key->state);
    writer_u8(&writer, key->aws_managed);
    writer_u8(&writer, key->rotates);
    writer_u32(&writer, key->rotation_days);
    writer_u64(&writer, key->next_rotation_wall_ns);
    writer_u64(&writer, key->created_wall_ns);
    writer_u64(&writer, key->deletion_wall_ns);
    bytes_write(&writer, key->description);
    bytes_write(&writer, key->policy);
    bytes_write(&writer, key->tags);
    material_write(&writer, &key->material);
    return writer_bytes(&writer);
}

static enum status key_fields_read(struct reader *reader, struct kms_key *key)
{
    unsigned state, managed, rotates;

    TRY(reader_text(reader, key->account, sizeof key->account));
    TRY(reader_text(reader, key->id, sizeof key->id));
    TRY(small_read(reader, KMS_KEY_STATES, &state));
    TRY(small_read(reader, 2, &managed));
    TRY(small_read(reader, 2, &rotates));
    TRY(reader_u32(reader, &key->rotation_days));
    TRY(reader_u64(reader, &key->next_rotation_wall_ns));
    TRY(reader_u64(reader, &key->created_wall_ns));
    TRY(reader_u64(reader, &key->deletion_wall_ns));
    key->state = (enum kms_key_state)state;
    key->aws_managed = managed != 0;
    key->rotates = rotates != 0;
    if (!account_is_valid(key->account) || !key_id_is_valid(key->id)) {
        return E_MALFORMED;
    }
    key_table_name(key->name, key->account, key->id);
    return OK;
}

enum status key_row_decode(struct kms_key *key, const char *region, struct bytes value)
{
    struct reader reader = reader_of(value);
    char row_region[REGION_TEXT_MAX];

    TRY(version_check(&reader));
    TRY(reader_text(&reader, row_region, sizeof row_region));
    if (strcmp(row_region, region) != 0) {
        return E_FOREIGN_FOLDER;
    }
    TRY(key_fields_read(&reader, key));
    TRY(bytes_read(&reader, &key->description, KEY_DESCRIPTION_BYTES_MAX));
    TRY(bytes_read(&reader, &key->policy, KEY_POLICY_BYTES_MAX));
    TRY(bytes_read(&reader, &key->tags, KEY_TAGS_BYTES_MAX));
    TRY(material_read(&reader, &key->material));
    return reader_end(&reader);
}

struct bytes version_row_encode(const struct kms_version *version, uint8_t *into)
{
    struct writer writer = writer_of(into, VERSION_ROW_BYTES_MAX);

    writer_u8(&writer, ROW_VERSION);
    material_write(&writer, &version->material);
    return writer_bytes(&writer);
}

enum status version_row_decode(struct kms_version *version, const char *name, struct bytes value)
{
    struct reader reader = reader_of(value);

    if (strlen(name) >= sizeof version->name) {
        return E_MALFORMED;
    }
    memcpy(version->name, name, strlen(name) + 1);
    TRY(version_check(&reader));
    TRY(material_read(&reader, &version->material));
    return reader_end(&reader);
}

struct bytes alias_row_encode(const struct kms_alias *alias, uint8_t *into)
{
    struct writer writer = writer_of(into, ALIAS_ROW_BYTES_MAX);

    writer_u8(&writer, ROW_VERSION);
    writer_text(&writer, alias->account);
    writer_text(&writer, alias->alias);
    writer_text(&writer, alias->key_id);
    writer_u64(&writer, alias->created_wall_ns);
    writer_u64(&writer, alias->updated_wall_ns);
    return writer_bytes(&writer);
}

enum status alias_row_decode(struct kms_alias *alias, struct bytes value)
{
    struct reader reader = reader_of(value);

    TRY(version_check(&reader));
    TRY(reader_text(&reader, alias->account, sizeof alias->account));
    TRY(reader_text(&reader, alias->alias, sizeof alias->alias));
    TRY(reader_text(&reader, alias->key_id, sizeof alias->key_id));
    TRY(reader_u64(&reader, &alias->created_wall_ns));
    TRY(reader_u64(&reader, &alias->updated_wall_ns));
    if (!account_is_valid(alias->account) || !alias_is_valid(alias->alias)
        || !key_id_is_valid(alias->key_id)) {
        return E_MALFORMED;
    }
    key_table_name(alias->name, alias->account, alias->alias);
    return reader_end(&reader);
}

struct bytes grant_row_encode(const struct kms_grant *grant, uint8_t *into)
{
    struct writer writer = writer_of(into, GRANT_ROW_BYTES_MAX);

    writer_u8(&writer, ROW_VERSION);
    writer_text(&writer, grant->account);
    writer_text(&writer, grant->key_id);
    writer_text(&writer, grant->id);
    writer_text(&writer, grant->issuer);
    writer_text(&writer, grant->grantee);
    writer_text(&writer, grant->retiree);
    writer_u32(&writer, grant->operations);
    writer_u64(&writer, grant->created_wall_ns);
    writer_u8(&writer, (uint8_t)grant->constraint);
    bytes_write(&writer, grant->context);
    bytes_write(&writer, grant->label);
    return writer_bytes(&writer);
}

static enum status grant_texts_read(struct reader *reader, struct kms_grant *grant)
{
    TRY(reader_text(reader, grant->account, sizeof grant->account));
    TRY(reader_text(reader, grant->key_id, sizeof grant->key_id));
    TRY(reader_text(reader, grant->id, sizeof grant->id));
    TRY(reader_text(reader, grant->issuer, sizeof grant->issuer));
    TRY(reader_text(reader, grant->grantee, sizeof grant->grantee));
    TRY(reader_text(reader, grant->retiree, sizeof grant->retiree));
    return account_is_valid(grant->account) && key_id_is_valid(grant->key_id) ? OK : E_MALFORMED;
}

enum status grant_row_decode(struct kms_grant *grant, struct bytes value)
{
    struct reader reader = reader_of(value);
    unsigned constraint;

    TRY(version_check(&reader));
    TRY(grant_texts_read(&reader, grant));
    TRY(reader_u32(&reader, &grant->operations));
    TRY(reader_u64(&reader, &grant->created_wall_ns));
    TRY(small_read(&reader, GRANT_CONSTRAINTS, &constraint));
    grant->constraint = (enum grant_constraint)constraint;
    TRY(bytes_read(&reader, &grant->context, BLOB_CONTEXT_BYTES_MAX));
    TRY(bytes_read(&reader, &grant->label, GRANT_NAME_BYTES_MAX));

    struct kms_key key = {0};

    memcpy(key.account, grant->account, sizeof key.account);
    memcpy(key.id, grant->key_id, sizeof key.id);
    key_table_part_name(grant->name, &key, grant->id);
    return reader_end(&reader);
}
