/* One HKDF per use; the label keeps the uses apart. */
#include "seal/dek_use.h"

#include "base/writer.h"
#include "seal/digest.h"

enum { LABEL_ROOM = 32 };

static const char *label_of(enum dek_use use)
{
    switch (use) {
    case DEK_USE_HELLO:
        return "sealift/hello/v1";
    case DEK_USE_MANIFEST:
        return "sealift/manifest/v1";
    case DEK_USE_CHECK:
        break;
    }
    return "sealift/dek-check/v1";
}

void dek_use_derive(const struct secret *dek, enum dek_use use, const struct id *lineage,
                    const struct id *dek_id, struct secret *into)
{
    static const uint8_t salt[64];
    uint8_t info_bytes[LABEL_ROOM + sizeof lineage->bytes + sizeof dek_id->bytes];
    struct writer info = writer_of(info_bytes, sizeof info_bytes);
    const struct bytes label = bytes_text(label_of(use));

    writer_copy(&info, label.data, label.size);
    writer_copy(&info, lineage->bytes, sizeof lineage->bytes);
    writer_copy(&info, dek_id->bytes, sizeof dek_id->bytes);
    digest_hkdf(HKDF_SHA512, bytes_of(salt, sizeof salt), bytes_of(dek->bytes, SECRET_BYTES),
                writer_bytes(&info), into->bytes, SECRET_BYTES);
}
