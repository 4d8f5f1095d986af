/* The header of a segment, field by field in the order of docs/FORMAT.md.
 *
 * Encoding goes in three strokes, since each needs what the one before made: the fields, then the
 * key that is derived from them (which gives the commitment), then MAC and CRC. Decoding checks the
 * CRC before it believes anything, so that rot reads as rot; the key is a question for later. */
#include "wal/segment.h"

#include "base/check.h"
#include "base/reader.h"
#include "base/writer.h"
#include "seal/crc32c.h"
#include "seal/digest.h"

enum {
    SALT_AT = 136,
    DIGEST_BYTES = 40,
    COMMITMENT_AT = 2780,
    MAC_AT = 2812,
    CRC_AT = 2844,
    END_AT = 2848,
};

static const uint8_t magic[8] = "SEALIFT";

static void encode_digests(struct writer *writer, const struct segment_header *header)
{
    CHECK(header->digest_count <= SEGMENT_DIGESTS_MAX);
    writer_u32(writer, header->digest_count);
    for (uint32_t i = 0; i < header->digest_count; i++) {
        writer_u64(writer, header->digests[i].segment);
        writer_copy(writer, header->digests[i].sha256.bytes,
                    sizeof header->digests[i].sha256.bytes);
    }
    writer_zeros(writer, (size_t)DIGEST_BYTES * (SEGMENT_DIGESTS_MAX - header->digest_count));
}

static void encode_fields(struct writer *writer, const struct segment_header *header)
{
    writer_copy(writer, magic, sizeof magic);
    writer_u16(writer, SEGMENT_VERSION);
    writer_u16(writer, (uint16_t)header->suite);
    writer_u32(writer, SEGMENT_HEADER_BYTES);
    writer_copy(writer, header->lineage.bytes, sizeof header->lineage.bytes);
    writer_copy(writer, header->descriptor.bytes, sizeof header->descriptor.bytes);
    writer_copy(writer, header->dek.bytes, sizeof header->dek.bytes);
    writer_u64(writer, header->epoch);
    writer_u64(writer, header->segment);
    writer_u64(writer, header->first_batch);
    writer_u64(writer, header->first_lsn);
    writer_copy(writer, header->incarnation.bytes, sizeof header->incarnation.bytes);
    writer_u64(writer, header->created_ns);
    CHECK(writer->size == SALT_AT);
    writer_copy(writer, header->salt, sizeof header->salt);
    writer_copy(writer, header->prev_chain.bytes, sizeof header->prev_chain.bytes);
    writer_u64(writer, header->prev_last_batch);
    writer_u64(writer, header->prev_end_lsn);
    encode_digests(writer, header);
    CHECK(writer->size == COMMITMENT_AT);
}

/* Of all 4096 bytes, with salt, commitment, MAC and CRC as zeros. */
static struct digest derivation_hash(const uint8_t raw[SEGMENT_HEADER_BYTES])
{
    uint8_t blanked[SEGMENT_HEADER_BYTES];

    memcpy(blanked, raw, sizeof blanked);
    memset(blanked + SALT_AT, 0, SEGMENT_SALT_BYTES);
    memset(blanked + COMMITMENT_AT, 0, END_AT - COMMITMENT_AT);
    return digest_of(bytes_of(blanked, sizeof blanked));
}

static void derive(struct segment_key *key, const struct secret *dek,
                   const uint8_t raw[SEGMENT_HEADER_BYTES])
{
    const struct digest hash = derivation_hash(raw);

    segment_key_derive(key, dek, raw + SALT_AT, &hash);
}

static struct digest mac_of(const struct segment_key *key, const uint8_t *raw)
{
    return digest_hmac(bytes_of(key->header_mac.bytes, SECRET_BYTES), bytes_of(raw, MAC_AT));
}

void segment_header_encode(struct segment_header *header, const struct secret *dek,
                           uint8_t raw[SEGMENT_HEADER_BYTES], struct segment_key *key)
{
    struct writer writer = writer_of(raw, SEGMENT_HEADER_BYTES);

    encode_fields(&writer, header);
    writer_zeros(&writer, SEGMENT_HEADER_BYTES - COMMITMENT_AT);
    derive(key, dek, raw);
    header->commitment = key->commitment;
    memcpy(raw + COMMITMENT_AT, key->commitment.bytes, sizeof key->commitment.bytes);

    const struct digest mac = mac_of(key, raw);

    memcpy(raw + MAC_AT, mac.bytes, sizeof mac.bytes);
    writer = writer_of(raw + CRC_AT, END_AT - CRC_AT);
    writer_u32(&writer, crc32c(0, bytes_of(raw, CRC_AT)));
}

static enum status check_crc(struct bytes raw)
{
    struct reader reader = reader_of(bytes_part(raw, CRC_AT, END_AT - CRC_AT));
    uint32_t crc;

    TRY(reader_u32(&reader, &crc));
    return crc == crc32c(0, bytes_part(raw, 0, CRC_AT)) ? OK : E_CHECKSUM;
}

static enum status decode_kind(struct segment_header *header, struct reader *reader)
{
    struct bytes named;
    uint16_t version, suite;
    uint32_t header_bytes;

    TRY(reader_view(reader, &named, sizeof magic));
    TRY(reader_u16(reader, &version));
    TRY(reader_u16(reader, &suite));
    TRY(reader_u32(reader, &header_bytes));
    if (!bytes_equal(named, bytes_of(magic, sizeof magic))) {
        return E_MALFORMED;
    }
    if (version != SEGMENT_VERSION || suite > SUITE_AES_256_GCM) {
        return E_VERSION;
    }
    header->suite = (enum suite)suite;
    return header_bytes == SEGMENT_HEADER_BYTES ? OK : E_MALFORMED;
}

static enum status decode_digests(struct segment_header *header, struct reader *reader)
{
    TRY(reader_u32(reader, &header->digest_count));
    if (header->digest_count > SEGMENT_DIGESTS_MAX) {
        return E_MALFORMED;
    }
    for (uint32_t i = 0; i < header->digest_count; i++) {
        struct segment_digest *digest = &header->digests[i];

        TRY(reader_u64(reader, &digest->segment));
        TRY(reader_copy(reader, digest->sha256.bytes, sizeof digest->sha256.bytes));
    }
    return reader_zeros(reader,
                        (size_t)DIGEST_BYTES * (SEGMENT_DIGESTS_MAX - header->digest_count));
}

static enum status decode_fields(struct segment_header *header, struct reader *reader)
{
    TRY(decode_kind(header, reader));
    TRY(reader_copy(reader, header->lineage.bytes, sizeof header->lineage.bytes));
    TRY(reader_copy(reader, header->descriptor.bytes, sizeof header->descriptor.bytes));
    TRY(reader_copy(reader, header->dek.bytes, sizeof header->dek.bytes));
    TRY(reader_u64(reader, &header->epoch));
    TRY(reader_u64(reader, &header->segment));
    TRY(reader_u64(reader, &header->first_batch));
    TRY(reader_u64(reader, &header->first_lsn));
    TRY(reader_copy(reader, header->incarnation.bytes, sizeof header->incarnation.bytes));
    TRY(reader_u64(reader, &header->created_ns));
    TRY(reader_copy(reader, header->salt, sizeof header->salt));
    TRY(reader_copy(reader, header->prev_chain.bytes, sizeof header->prev_chain.bytes));
    TRY(reader_u64(reader, &header->prev_last_batch));
    TRY(reader_u64(reader, &header->prev_end_lsn));
    TRY(decode_digests(header, reader));
    return reader_copy(reader, header->commitment.bytes, sizeof header->commitment.bytes);
}

/* A segment follows directly on its past; an unencrypted one has no DEK. */
static enum status check_fields(const struct segment_header *header)
{
    const bool dense = header->first_batch != 0 && header->first_lsn != 0
                       && header->prev_last_batch == header->first_batch - 1
                       && header->prev_end_lsn == header->first_lsn - 1;
    const bool keyed = header->suite != SUITE_NONE;

    return dense && header->epoch != 0 && keyed == !id_is_zero(&header->dek) ? OK : E_MALFORMED;
}

enum status segment_header_decode(struct segment_header *header, struct bytes raw)
{
    struct reader reader = reader_of(raw);

    if (raw.size < SEGMENT_HEADER_BYTES) {
        return E_TRUNCATED;
    }
    TRY(check_crc(raw));
    *header = (struct segment_header){0};
    TRY(decode_fields(header, &reader));
    reader = reader_of(bytes_part(raw, END_AT, SEGMENT_HEADER_BYTES - END_AT));
    TRY(reader_zeros(&reader, SEGMENT_HEADER_BYTES - END_AT));
    return check_fields(header);
}

enum status segment_header_open(const struct segment_header *header, struct bytes raw,
                                const struct secret *dek, struct segment_key *key)
{
    CHECK(raw.size >= SEGMENT_HEADER_BYTES);
    derive(key, dek, raw.data);

    const struct digest mac = mac_of(key, raw.data);
    enum status status = OK;

    if (!digest_equal(&key->commitment, &header->commitment)) {
        status = E_WRONG_KEY;
    } else if (!secret_bytes_equal(bytes_of(mac.bytes, sizeof mac.bytes),
                                   bytes_part(raw, MAC_AT, sizeof mac.bytes))) {
        status = E_FORGED;
    }
    if (status != OK) {
        segment_key_wipe(key);
    }
    return status;
}

struct tag segment_first_tag(const struct segment_header *header)
{
    struct tag tag;

    memcpy(tag.bytes, header->commitment.bytes, sizeof tag.bytes);
    return tag;
}

struct digest segment_chain(struct bytes raw_header, const struct tag *last_tag)
{
    return digest_of_two(bytes_part(raw_header, 0, SEGMENT_HEADER_BYTES),
                         bytes_of(last_tag->bytes, sizeof last_tag->bytes));
}

enum status segment_check_follows(const struct segment_end *end, const struct segment_header *next)
{
    if (next->prev_last_batch != end->batch || next->prev_end_lsn != end->end_lsn) {
        return E_GAP;
    }
    return digest_equal(&next->prev_chain, &end->chain)
                   && (end->closed || next->epoch != end->epoch)
               ? OK
               : E_CHAIN;
}
