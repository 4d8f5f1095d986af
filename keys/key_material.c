/* One construction, used twice: derive a key from a fresh salt, seal once with it, forget it.
 *
 * The AAD is the label and up to two parts, put together in a buffer here. What opens wrongly is a
 * wrong root key in one case and a ciphertext that is not what it claims to be in the other; GCM
 * cannot tell why, and neither do we. */
#include "keys/key_material.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/reader.h"
#include "base/writer.h"
#include "seal/digest.h"

static const char material_label[] = "sealift/keyd/key/v1";
static const char blob_label[] = "sealift/keyd/blob/v1";

enum {
    BLOB_VERSION = 1,
    BLOB_HEADER_BYTES_MAX = 4 + 4 + 2 + ARN_TEXT_MAX + KEY_SALT_BYTES,
    TAG_BYTES = sizeof(struct tag),
    AAD_BYTES_MAX = sizeof blob_label + BLOB_HEADER_BYTES_MAX + BLOB_CONTEXT_BYTES_MAX,
};

_Static_assert(BLOB_HEADER_BYTES_MAX + BLOB_PLAIN_BYTES_MAX + TAG_BYTES <= BLOB_BYTES_MAX,
               "the largest plaintext must fit in a blob");

/* What binds one sealing. The label is part of the AAD too, so that the two uses never meet. */
struct binding {
    const char *label;
    struct bytes first;
    struct bytes second;
};

void key_sealer_init(struct key_sealer *sealer, const struct secret *root,
                     const struct entropy *entropy)
{
    aead_init(&sealer->aead);
    secret_copy(&sealer->root, root);
    sealer->entropy = *entropy;
}

void key_sealer_drop(struct key_sealer *sealer)
{
    aead_drop(&sealer->aead);
    secret_wipe(&sealer->root);
}

static struct bytes binding_aad(const struct binding *binding, uint8_t *room)
{
    struct writer writer = writer_of(room, AAD_BYTES_MAX);

    writer_copy(&writer, binding->label, strlen(binding->label));
    writer_copy(&writer, binding->first.data, binding->first.size);
    writer_copy(&writer, binding->second.data, binding->second.size);
    return writer_bytes(&writer);
}

static void sealer_take_key(struct key_sealer *sealer, const struct secret *key,
                            const uint8_t *salt, const char *label)
{
    struct secret once;

    digest_hkdf(HKDF_SHA256, bytes_of(salt, KEY_SALT_BYTES), bytes_of(key->bytes, SECRET_BYTES),
                bytes_text(label), once.bytes, SECRET_BYTES);
    aead_key(&sealer->aead, SUITE_AES_256_GCM, &once);
    secret_wipe(&once);
}

static void sealer_seal(struct key_sealer *sealer, const struct binding *binding,
                        struct bytes plain, uint8_t *out, struct tag *tag)
{
    static const struct nonce nonce;
    uint8_t aad[AAD_BYTES_MAX];

    aead_seal(&sealer->aead, &nonce, binding_aad(binding, aad), &plain, 1, out, tag);
    aead_forget(&sealer->aead);
}

static enum status sealer_open(struct key_sealer *sealer, const struct binding *binding,
                               struct bytes sealed, const struct tag *tag, uint8_t *out)
{
    static const struct nonce nonce;
    uint8_t aad[AAD_BYTES_MAX];
    const enum status status =
        aead_open(&sealer->aead, &nonce, binding_aad(binding, aad), sealed, tag, out);

    aead_forget(&sealer->aead);
    return status;
}

/* The ARN and the version, little-endian, bind a key's material to its place. */
static struct binding material_binding(const struct key_material *material, const char *arn,
                                       uint8_t version[4])
{
    struct writer writer = writer_of(version, 4);

    writer_u32(&writer, material->version);
    return (struct binding){material_label, bytes_text(arn), writer_bytes(&writer)};
}

void key_material_make(struct key_sealer *sealer, const char *arn, struct key_material *material)
{
    struct secret key;
    uint8_t version[4];

    entropy_fill(&sealer->entropy, key.bytes, SECRET_BYTES);
    entropy_fill(&sealer->entropy, material->salt, KEY_SALT_BYTES);

    const struct binding binding = material_binding(material, arn, version);

    sealer_take_key(sealer, &sealer->root, material->salt, material_label);
    sealer_seal(sealer, &binding, bytes_of(key.bytes, SECRET_BYTES), material->sealed,
                &material->tag);
    secret_wipe(&key);
}

void key_material_id(const struct key_material *material, const char *arn,
                     char text[KEY_MATERIAL_ID_TEXT_MAX])
{
    static const char label[] = "sealift/keyd/material-id/v1";
    uint8_t room[sizeof label + ARN_TEXT_MAX + 4 + KEY_SALT_BYTES + 2];
    struct writer writer = writer_of(room, sizeof room);

    writer_copy(&writer, label, sizeof label);
    writer_text(&writer, arn);
    writer_u32(&writer, material->version);
    writer_copy(&writer, material->salt, KEY_SALT_BYTES);

    const struct digest digest = digest_of(writer_bytes(&writer));

    hex_encode(bytes_of(digest.bytes, sizeof digest.bytes), text);
}

static enum status material_open(struct key_sealer *sealer, const struct key_material *material,
                                 const char *arn, struct secret *key)
{
    uint8_t version[4];
    const struct binding binding = material_binding(material, arn, version);

    sealer_take_key(sealer, &sealer->root, material->salt, material_label);

    const struct bytes sealed = bytes_of(material->sealed, SECRET_BYTES);

    return sealer_open(sealer, &binding, sealed, &material->tag, key->bytes) == OK ? OK
                                                                                   : E_WRONG_KEY;
}

enum status key_material_check(struct key_sealer *sealer, const struct key_material *material,
                               const char *arn)
{
    struct secret key;
    const enum status status = material_open(sealer, material, arn, &key);

    secret_wipe(&key);
    return status;
}

/* From the KMS key to the key of one blob, set in the sealer. */
static enum status sealer_take_blob_key(struct key_sealer *sealer, const struct key_use *use,
                                        const uint8_t *salt)
{
    struct secret key;

    TRY(material_open(sealer, use->material, use->arn, &key));
    sealer_take_key(sealer, &key, salt, blob_label);
    secret_wipe(&key);
    return OK;
}

enum status blob_seal(struct key_sealer *sealer, const struct key_use *use, struct bytes plain,
                      uint8_t *blob, size_t *blob_size)
{
    CHECK(plain.size > 0 && plain.size <= BLOB_PLAIN_BYTES_MAX);
    CHECK(use->context.size <= BLOB_CONTEXT_BYTES_MAX);

    struct writer writer = writer_of(blob, BLOB_BYTES_MAX);
    uint8_t salt[KEY_SALT_BYTES];
    struct tag tag;

    entropy_fill(&sealer->entropy, salt, sizeof salt);
    writer_copy(&writer, "SLK", 3);
    writer_u8(&writer, BLOB_VERSION);
    writer_u32(&writer, use->material->version);
    writer_text(&writer, use->arn);
    writer_copy(&writer, salt, sizeof salt);

    const struct binding binding = {blob_label, writer_bytes(&writer), use->context};

    TRY(sealer_take_blob_key(sealer, use, salt));
    sealer_seal(sealer, &binding, plain, blob + writer.size, &tag);
    writer.size += plain.size;
    writer_copy(&writer, tag.bytes, sizeof tag.bytes);
    *blob_size = writer.size;
    return OK;
}

/* A blob taken apart; what points does so into the blob. */
struct blob_parts {
    uint32_t key_version;
    char arn[ARN_TEXT_MAX];
    struct bytes header;
    struct bytes salt;
    struct bytes sealed;
    struct tag tag;
};

static enum status blob_split(struct bytes blob, struct blob_parts *parts)
{
    struct reader reader = reader_of(blob);
    struct bytes magic;
    uint8_t version;

    TRY(reader_view(&reader, &magic, 3));
    TRY(reader_u8(&reader, &version));
    if (!bytes_equal(magic, bytes_text("SLK")) || version != BLOB_VERSION) {
        return E_MALFORMED;
    }
    TRY(reader_u32(&reader, &parts->key_version));
    TRY(reader_text(&reader, parts->arn, sizeof parts->arn));
    TRY(reader_view(&reader, &parts->salt, KEY_SALT_BYTES));
    parts->header = bytes_of(blob.data, blob.size - reader.left.size);
    if (reader.left.size <= TAG_BYTES || reader.left.size > BLOB_PLAIN_BYTES_MAX + TAG_BYTES) {
        return E_MALFORMED;
    }
    TRY(reader_view(&reader, &parts->sealed, reader.left.size - TAG_BYTES));
    return reader_copy(&reader, parts->tag.bytes, TAG_BYTES);
}

enum status blob_key(struct bytes blob, char *arn, uint32_t *version)
{
    struct blob_parts parts;

    if (blob_split(blob, &parts) != OK) {
        return E_KEY_CIPHERTEXT;
    }
    memcpy(arn, parts.arn, sizeof parts.arn);
    *version = parts.key_version;
    return OK;
}

enum status blob_open(struct key_sealer *sealer, const struct key_use *use, struct bytes blob,
                      uint8_t *plain, size_t *plain_size)
{
    CHECK(use->context.size <= BLOB_CONTEXT_BYTES_MAX);

    struct blob_parts parts;

    if (blob_split(blob, &parts) != OK || strcmp(parts.arn, use->arn) != 0
        || parts.key_version != use->material->version) {
        return E_KEY_CIPHERTEXT;
    }

    const struct binding binding = {blob_label, parts.header, use->context};

    TRY(sealer_take_blob_key(sealer, use, parts.salt.data));
    if (sealer_open(sealer, &binding, parts.sealed, &parts.tag, plain) != OK) {
        return E_KEY_CIPHERTEXT;
    }
    *plain_size = parts.sealed.size;
    return OK;
}
