/* One line a field, in a fixed order; the checksum first when reading.
 *
 * A torn or edited file is refused by its checksum (it finds accidents; who may write the file may
 * write what he likes), a newer form by its first line, anything else by its form. */
#include "host/claim_text.h"

#include "base/check.h"
#include "base/hex.h"
#include "seal/crc32c.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LINE_MAX_BYTES = 192, /* a member's name, its region, and their key */
    CRC_LINE_BYTES = 16, /* "crc32c 89abcdef\n" */
};

struct lines {
    const char *at;
    size_t left;
};

__attribute__((format(printf, 3, 4))) static size_t add(char *text, size_t used, const char *format,
                                                        ...)
{
    va_list arguments;

    va_start(arguments, format);

    const int size = vsnprintf(text + used, CLAIM_TEXT_BYTES_MAX - used, format, arguments);

    va_end(arguments);
    CHECK(size >= 0 && used + (size_t)size < CLAIM_TEXT_BYTES_MAX);
    return used + (size_t)size;
}

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

struct bytes claim_text_encode(const struct claim_record *record,
                               const struct claim_binding *binding, char *text)
{
    char lineage[33], folder[33], chain[65], machine[33];
    size_t used = 0;

    hex_encode(bytes_of(record->lineage.bytes, 16), lineage);
    hex_encode(bytes_of(record->folder.bytes, 16), folder);
    hex_encode(bytes_of(record->chain.bytes, 32), chain);
    hex_encode(bytes_of(binding->machine.bytes, 16), machine);
    used = add(text, used, "sealift-claim 1\nversion %" PRIu64 "\nlineage %s\nepoch %" PRIu64 "\n",
               record->version, lineage, record->epoch);
    used = add(text, used, "writer %s\nregion %s\nfolder %s\nsegment %" PRIu64 "\n",
               or_dash(record->writer), or_dash(record->region), folder, record->segment);
    used = add(text, used, "chain %s\nlevel %s\n", chain, or_dash(record->level));
    if (record->asked != 0) {
        used = add(text, used, "asked %" PRIu64 "\n", record->asked);
    }
    for (uint32_t i = 0; i < record->member_count; i++) {
        const struct claim_member *member = &record->members[i];

        hex_encode(bytes_of(member->folder.bytes, 16), folder);
        used = add(text, used, "member %s %s %s\n", member->name, member->region, folder);
    }
    used = add(text, used, "machine %s\ninode %" PRIu64 "\n", machine, binding->inode);

    const uint32_t crc = crc32c(0, bytes_of(text, used));

    used = add(text, used, "crc32c %08" PRIx32 "\n", crc);
    return bytes_of(text, used);
}

/* The value of the next line, if that line has the key. */
static bool take(struct lines *lines, const char *key, char value[LINE_MAX_BYTES])
{
    const size_t key_size = strlen(key);
    const char *end = memchr(lines->at, '\n', lines->left);
    const size_t size = end == NULL ? 0 : (size_t)(end - lines->at);

    if (end == NULL || size >= LINE_MAX_BYTES || size <= key_size + 1
        || memcmp(lines->at, key, key_size) != 0 || lines->at[key_size] != ' ') {
        return false;
    }
    memcpy(value, lines->at + key_size + 1, size - key_size - 1);
    value[size - key_size - 1] = '\0';
    lines->at += size + 1;
    lines->left -= size + 1;
    return true;
}

static enum status take_number(struct lines *lines, const char *key, uint64_t *number)
{
    char value[LINE_MAX_BYTES];
    char again[24];

    if (!take(lines, key, value)) {
        return E_MALFORMED;
    }
    *number = strtoull(value, NULL, 10);
    snprintf(again, sizeof again, "%" PRIu64, *number);
    return strcmp(value, again) == 0 ? OK : E_MALFORMED;
}

static enum status take_hex(struct lines *lines, const char *key, void *into, size_t size)
{
    char value[LINE_MAX_BYTES];

    if (!take(lines, key, value) || strlen(value) != 2 * size) {
        return E_MALFORMED;
    }
    return hex_decode(value, into, size);
}

static enum status copy_word(char *into, size_t room, const char *word, size_t size)
{
    if (size == 0 || size >= room) {
        return E_MALFORMED;
    }
    memcpy(into, word, size);
    into[size] = '\0';
    return OK;
}

static enum status take_text(struct lines *lines, const char *key, char *into, size_t room)
{
    char value[LINE_MAX_BYTES];

    if (!take(lines, key, value)) {
        return E_MALFORMED;
    }
    TRY(copy_word(into, room, value, strlen(value)));
    if (strcmp(into, "-") == 0) {
        into[0] = '\0';
    }
    return OK;
}

/* A line that is there or not: before the first election there is none. */
static enum status take_asked(struct lines *lines, struct claim_record *record)
{
    if (lines->left < 6 || memcmp(lines->at, "asked ", 6) != 0) {
        return OK;
    }
    TRY(take_number(lines, "asked", &record->asked));
    return record->asked != 0 ? OK : E_MALFORMED;
}

static enum status take_members(struct lines *lines, struct claim_record *record)
{
    char value[LINE_MAX_BYTES];

    while (take(lines, "member", value)) {
        char *space = strchr(value, ' ');
        char *last = strrchr(value, ' ');

        if (space == last || record->member_count == CLAIM_MEMBERS_MAX || strlen(last + 1) != 32) {
            return E_MALFORMED;
        }
        *space = *last = '\0';

        struct claim_member *member = &record->members[record->member_count++];

        TRY(copy_word(member->name, sizeof member->name, value, strlen(value)));
        TRY(copy_word(member->region, sizeof member->region, space + 1, strlen(space + 1)));
        TRY(hex_decode(last + 1, member->folder.bytes, sizeof member->folder.bytes));
    }
    return OK;
}

static enum status check_crc(struct bytes text)
{
    char expected[CRC_LINE_BYTES + 1];

    if (text.size < CRC_LINE_BYTES) {
        return E_CHECKSUM;
    }
    snprintf(expected, sizeof expected, "crc32c %08" PRIx32 "\n",
             crc32c(0, bytes_part(text, 0, text.size - CRC_LINE_BYTES)));
    return memcmp(text.data + text.size - CRC_LINE_BYTES, expected, CRC_LINE_BYTES) == 0
               ? OK
               : E_CHECKSUM;
}

enum status claim_text_decode(struct claim_record *record, struct claim_binding *binding,
                              struct bytes text)
{
    char version[LINE_MAX_BYTES];

    if (text.size > CLAIM_TEXT_BYTES_MAX) {
        return E_TOO_LARGE;
    }
    TRY(check_crc(text));

    struct lines lines = {(const char *)text.data, text.size - CRC_LINE_BYTES};

    memset(record, 0, sizeof *record);
    if (!take(&lines, "sealift-claim", version)) {
        return E_MALFORMED;
    }
    if (strcmp(version, "1") != 0) {
        return E_VERSION;
    }
    TRY(take_number(&lines, "version", &record->version));
    TRY(take_hex(&lines, "lineage", record->lineage.bytes, 16));
    TRY(take_number(&lines, "epoch", &record->epoch));
    TRY(take_text(&lines, "writer", record->writer, sizeof record->writer));
    TRY(take_text(&lines, "region", record->region, sizeof record->region));
    TRY(take_hex(&lines, "folder", record->folder.bytes, 16));
    TRY(take_number(&lines, "segment", &record->segment));
    TRY(take_hex(&lines, "chain", record->chain.bytes, 32));
    TRY(take_text(&lines, "level", record->level, sizeof record->level));
    TRY(take_asked(&lines, record));
    TRY(take_members(&lines, record));
    TRY(take_hex(&lines, "machine", binding->machine.bytes, 16));
    TRY(take_number(&lines, "inode", &binding->inode));
    return lines.left == 0 ? OK : E_MALFORMED;
}
