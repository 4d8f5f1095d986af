/* The keyring says which DEKs there are, the headers which segment is under which.
 *
 * A cluster is made with its first DEK, so that one is as old as the cluster. A later one is as old
 * as the first segment under it, if that is still there: where the oldest segment that is kept is
 * already under it, it is older than that. A header that cannot be read is counted and passed
 * over: what is damaged is for `sealift verify`. */
#include "cli/keys_seen.h"

#include "cli/clean.h"
#include "wal/segment.h"

#include <stdio.h>

static struct keys_row *find(struct keys_seen *seen, const struct id *dek)
{
    for (uint32_t i = 0; i < seen->count; i++) {
        if (id_equal(&seen->rows[i].dek, dek)) {
            return &seen->rows[i];
        }
    }
    return NULL;
}

static enum status read_header(const struct audit_folder *folder, segment_t segment,
                               struct segment_header *header)
{
    uint8_t raw[SEGMENT_HEADER_BYTES];
    uint64_t got;

    TRY(folder->read(folder->context, segment, 0, raw, sizeof raw, &got));
    return segment_header_decode(header, bytes_of(raw, got));
}

static void note_segment(struct keys_seen *seen, const struct segment_header *header,
                         bool is_oldest)
{
    struct keys_row *row = find(seen, &header->dek);

    if (row == NULL) {
        return; /* of no envelope here: verify says that no key opens it */
    }
    if (row->segment_count++ == 0) {
        row->first = header->segment;
        if (row->since_ns == 0) {
            row->since_ns = header->created_ns;
            row->is_older = is_oldest;
        }
    }
    row->last = header->segment;
}

static void read_headers(struct keys_seen *seen, const struct audit_folder *folder)
{
    struct segment_header header;

    for (uint32_t i = 0; i < folder->segment_count; i++) {
        if (read_header(folder, folder->segments[i], &header) == OK) {
            note_segment(seen, &header, i == 0);
        } else {
            seen->unread_count++;
        }
    }
}

static void take_envelopes(struct keys_seen *seen, const struct keyring *keyring)
{
    memcpy(seen->region, keyring->region, sizeof seen->region);
    memcpy(seen->cluster, keyring->cluster, sizeof seen->cluster);
    memcpy(seen->key_arn, keyring->key_arn, sizeof seen->key_arn);
    seen->count = keyring->count;
    for (uint32_t i = 0; i < keyring->count; i++) {
        seen->rows[i] = (struct keys_row){.dek = keyring->envelopes[i].dek};
        memcpy(seen->rows[i].key_arn, keyring->envelopes[i].key_arn, KEY_ARN_TEXT_MAX);
    }
}

enum status keys_of_folder(struct keys_seen *seen, const struct audit_folder *folder)
{
    static struct keyring keyring; /* 400 KiB */
    struct descriptor descriptor;

    TRY(descriptor_decode(&descriptor, folder->descriptor));
    if (folder->keyring.size == 0) {
        return E_MISSING;
    }
    TRY(keyring_decode(&keyring, folder->keyring));
    if (!id_equal(&keyring.lineage, &descriptor.lineage)) {
        return E_LINEAGE;
    }
    clean_keyring(&keyring);
    seen->lineage = descriptor.lineage;
    seen->is_encrypted = descriptor.suite != SUITE_NONE;
    take_envelopes(seen, &keyring);
    if (seen->count == 0) {
        return OK;
    }
    if (id_equal(&keyring.envelopes[0].lineage, &descriptor.lineage)) {
        seen->rows[0].since_ns = descriptor.created_ns;
    }
    read_headers(seen, folder);
    return OK;
}

void keys_of_member(struct keys_seen *seen, const struct member_status *status)
{
    seen->is_member = true;
    seen->lineage = status->lineage;
    seen->is_encrypted = status->suite != SUITE_NONE;
    memcpy(seen->region, status->region, sizeof seen->region);
    memcpy(seen->cluster, status->cluster, sizeof seen->cluster);
    memcpy(seen->member, status->member, sizeof seen->member);
    memcpy(seen->key_arn, status->key_arn, sizeof seen->key_arn);
    if (seen->is_encrypted && !id_is_zero(&status->dek)) {
        seen->count = 1;
        seen->rows[0] = (struct keys_row){.dek = status->dek};
        memcpy(seen->rows[0].key_arn, status->key_arn, KEY_ARN_TEXT_MAX);
    }
}
