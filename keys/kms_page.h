/* How does a list that is too long for one answer come in pages?
 *
 * As AWS has it: Limit and Marker in, Truncated and NextMarker out; an answer may hold fewer than
 * Limit. A marker is opaque to callers: it names the list and the last entry that was given, so it
 * stays good when that entry is removed. A marker of another list, or of nobody, is an
 * InvalidMarkerException. */
#ifndef SEALIFT_KEYS_KMS_PAGE_H
#define SEALIFT_KEYS_KMS_PAGE_H

#include "keys/kms_call.h"

enum { KMS_PAGE_BYTES_MAX = KMS_REPLY_BYTES_MAX - 2048 }; /* for a marker and the frame */

struct kms_page {
    json_t *list;
    json_int_t limit;
    size_t bytes;
    bool truncated;
    char after[SORTED_NAME_MAX]; /* entries come in the order of names, and after this one */
};

/* Reads Limit (1 to `limit_max`) and Marker. */
NODISCARD enum status page_open(struct kms_call *call, struct kms_page *page,
                                json_int_t limit_default, json_int_t limit_max);

/* Takes the entry; false: the page is full, and the walk ends. */
bool page_add(struct kms_page *page, const char *name, json_t *entry);

/* Adds the list under its name, Truncated and NextMarker to the answer. */
void page_close(struct kms_call *call, const struct kms_page *page, const char *list_name);

#endif
