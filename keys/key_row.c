/* Keys and aliases as rows of the catalog: little-endian fields behind a version number.
 *
 * The material in a row is sealed; a row alone opens nothing. What cannot be read back exactly as
 * it was written is refused, and the node does not start. */
#include "base/reader.h"
#include "base/writer.h"
#include "keys/key_table.h"

#include <stdio.h>

enum { ROW_VERSION = 1 };

static void material_write(struct writer *writer, const struct key_material *material)
{
    writer_u32(writer, material->version);
    writer_copy(writer, material->salt, sizeof material->salt);
    writer_copy(writer, material->sealed, sizeof material->sealed);
    writer_copy(writer, material->tag.bytes, sizeof material->tag.bytes);
}

static enum status material_read(struct reader *reader, struct key_material *material)
{
    TRY(reader_u32(reader, &material->version));
    TRY(reader_copy(reader, material->salt, sizeof material->salt));
    TRY(reader_copy(reader, material->sealed, sizeof material->sealed));
    return reader_copy(reader, material->tag.bytes, sizeof material->tag.bytes);
}

struct bytes key_row_encode(const struct kms_key *key, const char *region, char *name,
                            uint8_t *into)
{
    struct writer writer = writer_of(into, KEY_ROW_BYTES_MAX);

    snprintf(name, KEY_ROW_NAME_MAX, "%s/%s", key->account, key->id);
    writer_u8(&writer, ROW_VERSION);
    writer_text(&writer, region);
    writer_text(&writer, key->account);
    writer_text(&writer, key->id);
    writer_u8(&writer, (uint8_t)key->state);
    writer_u8(&writer, key->aws_managed);
    writer_u64(&writer, key->created_wall_ns);
    writer_u64(&writer, key->deletion_wall_ns);
    writer_text(&writer, key->description);
    writer_u16(&writer, 1); /* how many versions of the material follow */
    material_write(&writer, &key->material);
    return writer_bytes(&writer);
}

static enum status key_fields_read(struct reader *reader, struct kms_key *key)
{
    uint8_t state;
    uint8_t managed;

    TRY(reader_text(reader, key->account, sizeof key->account));
    TRY(reader_text(reader, key->id, sizeof key->id));
    TRY(reader_u8(reader, &state));
    TRY(reader_u8(reader, &managed));
    TRY(reader_u64(reader, &key->created_wall_ns));
    TRY(reader_u64(reader, &key->deletion_wall_ns));
    TRY(reader_text(reader, key->description, KEY_DESCRIPTION_MAX));
    if (state >= KMS_KEY_STATES || managed > 1 || !account_is_valid(key->account)
        || !key_id_is_valid(key->id)) {
        return E_MALFORMED;
    }
    key->state = (enum kms_key_state)state;
    key->aws_managed = managed != 0;
    return OK;
}

enum status key_row_decode(struct kms_key *key, const char *region, struct bytes value)
{
    struct reader reader = reader_of(value);
    uint8_t version;
    uint16_t materials;
    char row_region[REGION_TEXT_MAX];

    TRY(reader_u8(&reader, &version));
    if (version != ROW_VERSION) {
        return E_VERSION;
    }
    TRY(reader_text(&reader, row_region, sizeof row_region));
    if (strcmp(row_region, region) != 0) {
        return E_FOREIGN_FOLDER;
    }
    TRY(key_fields_read(&reader, key));
    TRY(reader_u16(&reader, &materials));
    if (materials != 1) {
        return E_MALFORMED;
    }
    TRY(material_read(&reader, &key->material));
    return reader_end(&reader);
}

struct bytes alias_row_encode(const struct kms_alias *alias, char *name, uint8_t *into)
{
    struct writer writer = writer_of(into, ALIAS_ROW_BYTES_MAX);

    snprintf(name, KEY_ROW_NAME_MAX, "%s/%s", alias->account, alias->name);
    writer_u8(&writer, ROW_VERSION);
    writer_text(&writer, alias->account);
    writer_text(&writer, alias->name);
    writer_text(&writer, alias->key_id);
    writer_u64(&writer, alias->created_wall_ns);
    return writer_bytes(&writer);
}

enum status alias_row_decode(struct kms_alias *alias, struct bytes value)
{
    struct reader reader = reader_of(value);
    uint8_t version;

    TRY(reader_u8(&reader, &version));
    if (version != ROW_VERSION) {
        return E_VERSION;
    }
    TRY(reader_text(&reader, alias->account, sizeof alias->account));
    TRY(reader_text(&reader, alias->name, sizeof alias->name));
    TRY(reader_text(&reader, alias->key_id, sizeof alias->key_id));
    TRY(reader_u64(&reader, &alias->created_wall_ns));
    if (!account_is_valid(alias->account) || !alias_is_valid(alias->name)
        || !key_id_is_valid(alias->key_id)) {
        return E_MALFORMED;
    }
    return reader_end(&reader);
}
