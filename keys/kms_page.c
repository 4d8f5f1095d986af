/* A marker is base64 of "OPERATION:NAME". It is not signed: whoever makes one up only chooses where
 * in his own list he begins. */
#include "keys/kms_page.h"

#include "base/base64.h"

#include <stdio.h>

enum {
    MARKER_BYTES_MAX = KMS_OPERATION_TEXT_MAX + SORTED_NAME_MAX,
    MARKER_TEXT_MAX = (MARKER_BYTES_MAX + 2) / 3 * 4 + 1,
};

static enum status read_marker(struct kms_call *call, const char *marker, char *after)
{
    char plain[MARKER_BYTES_MAX + 1];
    const size_t start = strlen(call->request->operation);
    size_t size = 0;
    enum status status =
        base64_decode(bytes_text(marker), (uint8_t *)plain, sizeof plain - 1, &size);

    plain[size] = '\0';
    if (status != OK || strlen(plain) != size || size <= start || plain[start] != ':'
        || strncmp(plain, call->request->operation, start) != 0 || size - start > SORTED_NAME_MAX) {
        return call_refuse(call, KMS_INVALID_MARKER, "The marker is not one that %s gave",
                           call->request->operation);
    }
    memcpy(after, plain + start + 1, size - start);
    return OK;
}

enum status page_open(struct kms_call *call, struct kms_page *page, json_int_t limit_default,
                      json_int_t limit_max)
{
    const char *marker = NULL;

    *page = (struct kms_page){.list = json_array(), .limit = limit_default};
    TRY(call_number_between(call, "Limit", 1, limit_max, &page->limit));
    TRY(call_text(call, "Marker", &marker));
    return marker == NULL ? OK : read_marker(call, marker, page->after);
}

bool page_add(struct kms_page *page, const char *name, json_t *entry)
{
    const size_t size = json_dumpb(entry, NULL, 0, JSON_COMPACT) + 1;

    if (json_array_size(page->list) == (size_t)page->limit
        || (page->bytes + size > KMS_PAGE_BYTES_MAX && page->bytes > 0)) {
        page->truncated = true;
        return false;
    }
    json_array_append_new(page->list, entry);
    page->bytes += size;
    snprintf(page->after, sizeof page->after, "%s", name);
    return true;
}

void page_close(struct kms_call *call, const struct kms_page *page, const char *list_name)
{
    call_add(call, list_name, page->list);
    call_add(call, "Truncated", json_boolean(page->truncated));
    if (page->truncated) {
        char plain[MARKER_BYTES_MAX + 1], text[MARKER_TEXT_MAX];

        snprintf(plain, sizeof plain, "%s:%s", call->request->operation, page->after);
        call_add_text(call, "NextMarker", base64_encode(bytes_text(plain), text));
    }
}
