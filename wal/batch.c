/* A batch is written front to back into memory that will not move again: header, ciphertext, tag,
 * CRC, length. Nothing is copied to be sealed; the parts are encrypted straight into their place.
 *
 * Reading goes wrong in an order. A length that is absurd, a byte that rotted (CRC), a batch that
 * is whole but not the one that belongs here (place, chain), a batch that is not what its writer
 * sealed (tag). Each has its own status, and each check relies on the ones before it. */
#include "wal/batch.h"

#include "base/check.h"
#include "base/reader.h"
#include "base/writer.h"
#include "seal/crc32c.h"
#include "seal/digest.h"

enum {
    BATCH_TAG_FROM_END = 24,
    BATCH_CRC_FROM_END = 8,
    BATCH_AAD_BYTES = 4 + 32 + BATCH_HEADER_BYTES,
    DATA_BYTES_MIN = 20, /* one run; and each record has a length and at least one byte */
    RECORD_COST_MIN = 5,
};

static const uint8_t zeros[BATCH_BLOCK_BYTES];

void batch_sealer_init(struct batch_sealer *sealer)
{
    *sealer = (struct batch_sealer){0};
    aead_init(&sealer->aead);
}

void batch_sealer_begin(struct batch_sealer *sealer, const struct segment_header *header,
                        struct bytes raw_header, const struct segment_key *key)
{
    aead_key(&sealer->aead, header->suite, &key->seal);
    sealer->base_nonce = key->base_nonce;
    sealer->header_hash = digest_of(bytes_part(raw_header, 0, SEGMENT_HEADER_BYTES));
    memcpy(sealer->crc_seed, header->commitment.bytes, sizeof sealer->crc_seed);
}

void batch_sealer_begin_keyless(struct batch_sealer *sealer, const struct segment_header *header,
                                struct bytes raw_header)
{
    batch_sealer_forget(sealer);
    sealer->header_hash = digest_of(bytes_part(raw_header, 0, SEGMENT_HEADER_BYTES));
    memcpy(sealer->crc_seed, header->commitment.bytes, sizeof sealer->crc_seed);
}

void batch_sealer_forget(struct batch_sealer *sealer)
{
    aead_forget(&sealer->aead);
    secret_wipe_memory(&sealer->base_nonce, sizeof sealer->base_nonce);
}

void batch_sealer_drop(struct batch_sealer *sealer)
{
    aead_drop(&sealer->aead);
    secret_wipe_memory(sealer, sizeof *sealer);
}

uint32_t batch_bytes_for(uint64_t plain_bytes)
{
    CHECK(plain_bytes <= BATCH_PLAIN_MAX);

    const uint64_t bytes = plain_bytes + BATCH_OVERHEAD_BYTES;

    return (uint32_t)((bytes + BATCH_BLOCK_BYTES - 1) / BATCH_BLOCK_BYTES * BATCH_BLOCK_BYTES);
}

lsn_t batch_end_lsn(const struct batch_header *header)
{
    return header->first_lsn + header->record_count - 1;
}

static void header_encode(const struct batch_header *header, uint8_t *out)
{
    struct writer writer = writer_of(out, BATCH_HEADER_BYTES);

    writer_u32(&writer, header->batch_bytes);
    writer_u8(&writer, (uint8_t)header->type);
    writer_zeros(&writer, 3); /* flags, reserved */
    writer_u64(&writer, header->batch);
    writer_u64(&writer, header->first_lsn);
    writer_u32(&writer, header->record_count);
    writer_u32(&writer, header->plain_bytes);
    writer_u64(&writer, header->durable_batch);
    writer_u64(&writer, header->commit_lsn);
    writer_copy(&writer, header->prev_tag.bytes, sizeof header->prev_tag.bytes);
    CHECK(writer.size == BATCH_HEADER_BYTES);
}

struct batch_aad {
    uint8_t bytes[BATCH_AAD_BYTES];
};

static struct batch_aad aad_of(const struct batch_sealer *sealer, const uint8_t *raw_header)
{
    struct batch_aad aad;
    struct writer writer = writer_of(aad.bytes, sizeof aad.bytes);

    writer_copy(&writer, "SLB1", 4);
    writer_copy(&writer, sealer->header_hash.bytes, sizeof sealer->header_hash.bytes);
    writer_copy(&writer, raw_header, BATCH_HEADER_BYTES);
    return aad;
}

static struct nonce nonce_of(const struct batch_sealer *sealer, const struct batch_header *header)
{
    return nonce_of_place(&sealer->base_nonce, header->batch, header->type == BATCH_FINAL);
}

static uint32_t crc_begin(const struct batch_sealer *sealer)
{
    return crc32c(0, bytes_of(sealer->crc_seed, sizeof sealer->crc_seed));
}

static uint32_t crc_of(const struct batch_sealer *sealer, const uint8_t *batch, uint32_t bytes)
{
    return crc32c(crc_begin(sealer), bytes_of(batch, bytes - BATCH_CRC_FROM_END));
}

/* The caller's parts, and zeros up to the boundary. Returns the bytes without the zeros. */
static uint64_t gather(struct bytes gathered[BATCH_PARTS_MAX + 1], const struct bytes *parts,
                       size_t part_count)
{
    uint64_t total = 0;

    CHECK(part_count <= BATCH_PARTS_MAX);
    for (size_t i = 0; i < part_count; i++) {
        gathered[i] = parts[i];
        total += parts[i].size;
    }
    gathered[part_count] = bytes_of(zeros, batch_bytes_for(total) - BATCH_OVERHEAD_BYTES - total);
    return total;
}

/* A piece is summed as soon as it is sealed, while it is in the first cache. */
static uint32_t seal_part(struct aead *aead, struct bytes part, uint8_t *out, uint32_t crc)
{
    for (size_t at = 0; at < part.size; at += AEAD_PIECE_BYTES) {
        const struct bytes piece = bytes_part(part, at, AEAD_PIECE_BYTES);

        aead_pass(aead, piece, out + at);
        crc = crc32c(crc, bytes_of(out + at, piece.size));
    }
    return crc;
}

struct tag batch_seal(struct batch_sealer *sealer, struct batch_header *header,
                      const struct bytes *parts, size_t part_count, uint8_t *out)
{
    struct bytes gathered[BATCH_PARTS_MAX + 1];
    const uint64_t total = gather(gathered, parts, part_count);
    struct tag tag;

    header->plain_bytes = (uint32_t)total;
    header->batch_bytes = batch_bytes_for(total);
    header_encode(header, out);

    const struct batch_aad aad = aad_of(sealer, out);
    const struct nonce nonce = nonce_of(sealer, header);
    struct writer trailer =
        writer_of(out + header->batch_bytes - BATCH_TRAILER_BYTES, BATCH_TRAILER_BYTES);

    uint32_t crc = crc32c(crc_begin(sealer), bytes_of(out, BATCH_HEADER_BYTES));

    out += BATCH_HEADER_BYTES;
    aead_begin_seal(&sealer->aead, &nonce, bytes_of(aad.bytes, sizeof aad.bytes));
    for (size_t i = 0; i <= part_count; i++) {
        crc = seal_part(&sealer->aead, gathered[i], out, crc);
        out += gathered[i].size;
    }
    aead_end_seal(&sealer->aead, &tag);
    writer_copy(&trailer, tag.bytes, sizeof tag.bytes);
    writer_u32(&trailer, crc32c(crc, bytes_of(tag.bytes, sizeof tag.bytes)));
    writer_u32(&trailer, header->batch_bytes);
    return tag;
}

static enum status decode_fields(struct batch_header *header, struct reader *reader)
{
    uint8_t type;

    TRY(reader_u32(reader, &header->batch_bytes));
    TRY(reader_u8(reader, &type));
    TRY(reader_zeros(reader, 3));
    TRY(reader_u64(reader, &header->batch));
    TRY(reader_u64(reader, &header->first_lsn));
    TRY(reader_u32(reader, &header->record_count));
    TRY(reader_u32(reader, &header->plain_bytes));
    TRY(reader_u64(reader, &header->durable_batch));
    TRY(reader_u64(reader, &header->commit_lsn));
    TRY(reader_copy(reader, header->prev_tag.bytes, sizeof header->prev_tag.bytes));
    if (type < BATCH_DATA || type > BATCH_FINAL) {
        return E_MALFORMED;
    }
    header->type = (enum batch_type)type;
    return OK;
}

/* Records are what a data batch has and no other; so many must fit into its plaintext. */
static bool count_is_possible(const struct batch_header *header)
{
    if (header->type != BATCH_DATA) {
        return header->record_count == 0;
    }
    return header->record_count > 0
           && DATA_BYTES_MIN + (uint64_t)RECORD_COST_MIN * header->record_count
                  <= header->plain_bytes
           && header->first_lsn <= UINT64_MAX - header->record_count;
}

enum status batch_header_decode(struct batch_header *header, struct bytes from)
{
    struct reader reader = reader_of(from);

    if (from.size < BATCH_HEADER_BYTES) {
        return E_TRUNCATED;
    }
    TRY(decode_fields(header, &reader));
    if (header->batch_bytes > BATCH_BYTES_MAX || header->plain_bytes > BATCH_PLAIN_MAX) {
        return E_TOO_LARGE;
    }
    if (header->batch_bytes != batch_bytes_for(header->plain_bytes) || header->batch == 0
        || header->first_lsn == 0 || !count_is_possible(header)) {
        return E_MALFORMED;
    }
    return OK;
}

/* The header, and that both lengths agree: everything of the trailer but the CRC's truth. */
static enum status parse_ends(struct batch_header *header, struct bytes from, struct tag *tag,
                              uint32_t *crc)
{
    uint32_t again;

    TRY(batch_header_decode(header, from));
    if (from.size < header->batch_bytes) {
        return E_TRUNCATED;
    }
    struct reader reader =
        reader_of(bytes_part(from, header->batch_bytes - BATCH_TAG_FROM_END, BATCH_TRAILER_BYTES));

    TRY(reader_copy(&reader, tag->bytes, sizeof tag->bytes));
    TRY(reader_u32(&reader, crc));
    TRY(reader_u32(&reader, &again));
    return again == header->batch_bytes ? OK : E_MALFORMED;
}

enum status batch_parse(const struct batch_sealer *sealer, struct batch_header *header,
                        struct bytes from, struct tag *tag)
{
    uint32_t crc;
    struct tag own;

    TRY(parse_ends(header, from, &own, &crc));
    if (crc != crc_of(sealer, from.data, header->batch_bytes)) {
        return E_CHECKSUM;
    }
    if (tag != NULL) {
        *tag = own;
    }
    return OK;
}

enum status batch_check_place(const struct batch_header *header, batch_t batch, lsn_t end_lsn,
                              const struct tag *prev_tag)
{
    if (header->batch != batch || header->first_lsn != end_lsn + 1) {
        return E_GAP;
    }
    return tag_equal(&header->prev_tag, prev_tag) ? OK : E_CHAIN;
}

enum status batch_check_order(const struct batch_header *header, uint64_t before,
                              enum batch_beginning beginning)
{
    /* Where the checkpoint stands: one place where the beginning is known, else one of two. */
    const uint64_t checkpoint_first = beginning == BEGINNING_EPOCH ? 1 : 0;
    const uint64_t checkpoint_last = beginning == BEGINNING_LATER ? 0 : 1;
    bool belongs = false;

    switch (header->type) {
    case BATCH_EPOCH_START:
        belongs = before == 0 && beginning != BEGINNING_LATER;
        break;
    case BATCH_CHECKPOINT:
        belongs = before >= checkpoint_first && before <= checkpoint_last;
        break;
    case BATCH_DATA:
    case BATCH_FINAL:
        belongs = before > checkpoint_first;
        break;
    }
    return belongs ? OK : E_ORDER;
}

/* What the seal covers, and what it is checked against. */
struct sealed_view {
    struct nonce nonce;
    struct batch_aad aad;
    struct bytes body; /* ciphertext of plaintext and padding */
    struct tag tag;
};

static struct sealed_view view_of(const struct batch_sealer *sealer,
                                  const struct batch_header *header, struct bytes from)
{
    struct sealed_view view = {
        .nonce = nonce_of(sealer, header),
        .aad = aad_of(sealer, from.data),
        .body = bytes_part(from, BATCH_HEADER_BYTES, header->batch_bytes - BATCH_OVERHEAD_BYTES),
    };

    memcpy(view.tag.bytes, from.data + header->batch_bytes - BATCH_TAG_FROM_END,
           sizeof view.tag.bytes);
    return view;
}

enum status batch_open(struct batch_sealer *sealer, const struct batch_header *header,
                       struct bytes from, uint8_t *plain)
{
    const struct sealed_view view = view_of(sealer, header, from);
    const size_t padding = view.body.size - header->plain_bytes;

    TRY(aead_open(&sealer->aead, &view.nonce, bytes_of(view.aad.bytes, sizeof view.aad.bytes),
                  view.body, &view.tag, plain));
    if (memcmp(plain + header->plain_bytes, zeros, padding) != 0) {
        secret_wipe_memory(plain, view.body.size);
        return E_FORGED;
    }
    return OK;
}

/* From here on the plaintext of a piece is zeros. */
static bool is_zero_from(struct bytes piece, size_t begin)
{
    uint8_t any = 0;

    for (size_t i = begin; i < piece.size; i++) {
        any |= piece.data[i];
    }
    return any == 0;
}

/* Opens the body piece by piece into nowhere. True where its last bytes are zeros, which means
 * something only if the tag is right. Where `into` is not NULL, pieces are copied there and summed
 * into `crc` on the way: each byte comes into the cache once. */
static bool pass_body(struct batch_sealer *sealer, struct bytes body, size_t plain_bytes,
                      uint8_t *into, uint32_t *crc)
{
    uint8_t plain[AEAD_PIECE_BYTES];
    bool padded = true;

    for (size_t at = 0; at < body.size; at += sizeof plain) {
        const struct bytes piece = bytes_part(body, at, sizeof plain);

        if (into != NULL) {
            *crc = crc32c(*crc, piece);
            memcpy(into + at, piece.data, piece.size);
        }
        aead_pass(&sealer->aead, piece, plain);
        padded = is_zero_from(bytes_of(plain, piece.size), plain_bytes > at ? plain_bytes - at : 0)
                 && padded;
    }
    secret_wipe_memory(plain, sizeof plain);
    return padded;
}

static void begin_view(struct batch_sealer *sealer, const struct sealed_view *view)
{
    aead_begin_open(&sealer->aead, &view->nonce, bytes_of(view->aad.bytes, sizeof view->aad.bytes));
}

enum status batch_verify(struct batch_sealer *sealer, const struct batch_header *header,
                         struct bytes from)
{
    const struct sealed_view view = view_of(sealer, header, from);

    begin_view(sealer, &view);

    const bool padded = pass_body(sealer, view.body, header->plain_bytes, NULL, NULL);

    return aead_end_open(&sealer->aead, &view.tag) && padded ? OK : E_FORGED;
}

enum status batch_take(struct batch_sealer *sealer, struct batch_header *header, struct bytes from,
                       struct tag *tag, uint8_t *into)
{
    uint32_t crc, own = crc_begin(sealer);

    TRY(parse_ends(header, from, tag, &crc));

    const struct sealed_view view = view_of(sealer, header, from);
    const size_t end = header->batch_bytes - BATCH_TRAILER_BYTES;

    own = crc32c(own, bytes_of(from.data, BATCH_HEADER_BYTES));
    begin_view(sealer, &view);

    const bool padded =
        pass_body(sealer, view.body, header->plain_bytes, into + BATCH_HEADER_BYTES, &own);
    const bool genuine = aead_end_open(&sealer->aead, tag);

    memcpy(into, from.data, BATCH_HEADER_BYTES);
    memcpy(into + end, from.data + end, BATCH_TRAILER_BYTES);
    if (crc32c(own, bytes_of(tag->bytes, sizeof tag->bytes)) != crc) {
        return E_CHECKSUM;
    }
    return genuine && padded ? OK : E_FORGED;
}
