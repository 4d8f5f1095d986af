/* The keyring file, little-endian, in the frame of stamp.h with magic "SEALKEYS", version 1:
 *
 *   offset 16  lineage[16], then texts (size:u16 and that many bytes): cluster (at most 63),
 *              region (31), key_arn (255)
 *              count:u32 (0 to 64), then for each envelope, in order of first use:
 *              dek_id[16] lineage[16] check[32] region: text key_arn: text
 *              blob_bytes:u32 (1 to 6144) blob
 *
 * An envelope is found by its DEK, so a DEK that occurs twice is refused, as is an envelope in a
 * keyring that names no key: an unencrypted cluster has neither. Decoding copies the blobs, so the
 * file's bytes may go. */
#include "cluster/keyring.h"

#include "base/check.h"
#include "cluster/stamp.h"

static const char keyring_magic[] = "SEALKEYS";

enum { KEYRING_VERSION = 1 };

static void envelope_encode(const struct envelope *envelope, struct writer *writer)
{
    writer_copy(writer, envelope->dek.bytes, sizeof envelope->dek.bytes);
    writer_copy(writer, envelope->lineage.bytes, sizeof envelope->lineage.bytes);
    writer_copy(writer, envelope->check.bytes, sizeof envelope->check.bytes);
    writer_text(writer, envelope->region);
    writer_text(writer, envelope->key_arn);
    writer_u32(writer, (uint32_t)envelope->blob.size);
    writer_copy(writer, envelope->blob.data, envelope->blob.size);
}

struct bytes keyring_encode(const struct keyring *keyring, void *into)
{
    struct writer writer = writer_of(into, KEYRING_BYTES_MAX);

    CHECK(keyring->count <= KEYRING_ENVELOPES_MAX);
    CHECK(keyring->count == 0 || keyring->key_arn[0] != '\0');
    stamp_begin(&writer, keyring_magic, KEYRING_VERSION);
    writer_copy(&writer, keyring->lineage.bytes, sizeof keyring->lineage.bytes);
    writer_text(&writer, keyring->cluster);
    writer_text(&writer, keyring->region);
    writer_text(&writer, keyring->key_arn);
    writer_u32(&writer, keyring->count);
    for (uint32_t i = 0; i < keyring->count; i++) {
        envelope_encode(&keyring->envelopes[i], &writer);
    }
    return stamp_end(&writer);
}

static enum status identity_decode(struct id *id, struct reader *body)
{
    TRY(reader_copy(body, id->bytes, sizeof id->bytes));
    return id_is_zero(id) ? E_MALFORMED : OK;
}

static enum status envelope_decode(struct envelope *envelope, const struct keyring *keyring,
                                   struct reader *body)
{
    uint32_t blob_bytes;

    TRY(identity_decode(&envelope->dek, body));
    if (keyring_find(keyring, &envelope->dek) != NULL) {
        return E_MALFORMED;
    }
    TRY(identity_decode(&envelope->lineage, body));
    TRY(reader_copy(body, envelope->check.bytes, sizeof envelope->check.bytes));
    TRY(reader_text(body, envelope->region, sizeof envelope->region));
    TRY(reader_text(body, envelope->key_arn, sizeof envelope->key_arn));
    TRY(reader_u32(body, &blob_bytes));
    if (blob_bytes > KEY_BLOB_BYTES_MAX) {
        return E_TOO_LARGE;
    }
    return blob_bytes == 0 ? E_MALFORMED : reader_view(body, &envelope->blob, blob_bytes);
}

static enum status envelopes_decode(struct keyring *keyring, uint32_t count, struct reader *body)
{
    struct envelope envelope = {0};

    if (count > KEYRING_ENVELOPES_MAX) {
        return E_TOO_LARGE;
    }
    if (count > 0 && keyring->key_arn[0] == '\0') {
        return E_MALFORMED;
    }
    for (uint32_t i = 0; i < count; i++) {
        TRY(envelope_decode(&envelope, keyring, body));
        TRY(keyring_add(keyring, &envelope));
    }
    return OK;
}

enum status keyring_decode(struct keyring *keyring, struct bytes file)
{
    struct reader body;
    uint32_t count;

    keyring->count = 0;
    if (file.size > KEYRING_BYTES_MAX) {
        return E_TOO_LARGE;
    }
    TRY(stamp_check(file, keyring_magic, KEYRING_VERSION, &body));
    TRY(identity_decode(&keyring->lineage, &body));
    TRY(reader_text(&body, keyring->cluster, sizeof keyring->cluster));
    TRY(reader_text(&body, keyring->region, sizeof keyring->region));
    TRY(reader_text(&body, keyring->key_arn, sizeof keyring->key_arn));
    TRY(reader_u32(&body, &count));
    TRY(envelopes_decode(keyring, count, &body));
    return reader_end(&body);
}

static uint32_t keyring_place(const struct keyring *keyring, const struct id *dek)
{
    uint32_t place = 0;

    while (place < keyring->count && !id_equal(&keyring->envelopes[place].dek, dek)) {
        place++;
    }
    return place;
}

const struct envelope *keyring_find(const struct keyring *keyring, const struct id *dek)
{
    const uint32_t place = keyring_place(keyring, dek);

    return place < keyring->count ? &keyring->envelopes[place] : NULL;
}

enum status keyring_add(struct keyring *keyring, const struct envelope *envelope)
{
    const uint32_t place = keyring_place(keyring, &envelope->dek);

    if (envelope->blob.size > KEY_BLOB_BYTES_MAX) {
        return E_TOO_LARGE;
    }
    if (envelope->blob.size == 0) {
        return E_MALFORMED;
    }
    if (place == KEYRING_ENVELOPES_MAX) {
        return E_FULL;
    }
    memmove(keyring->blobs[place], envelope->blob.data, envelope->blob.size);
    keyring->envelopes[place] = *envelope;
    keyring->envelopes[place].blob = bytes_of(keyring->blobs[place], envelope->blob.size);
    if (place == keyring->count) {
        keyring->count++;
    }
    return OK;
}

struct keys_context keyring_context(const struct keyring *keyring, const struct id *dek)
{
    struct keys_context context = {.lineage = keyring->lineage, .dek = *dek};

    memcpy(context.cluster, keyring->cluster, sizeof context.cluster);
    memcpy(context.region, keyring->region, sizeof context.region);
    return context;
}
