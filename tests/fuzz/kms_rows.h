/* The rows that a key service has saved, as a catalog would keep them. */
#ifndef SEALIFT_TESTS_FUZZ_KMS_ROWS_H
#define SEALIFT_TESTS_FUZZ_KMS_ROWS_H

#include "base/check.h"
#include "node/effects.h"

#include <stdlib.h>

enum { KMS_ROWS_MAX = 64 };

struct kms_rows {
    struct save_row list[KMS_ROWS_MAX]; /* owned */
    size_t count;
};

static inline void kms_row_free(struct save_row *row)
{
    free((void *)(uintptr_t)row->key);
    free((void *)(uintptr_t)row->value.data);
}

/* Of the audit, START needs only the last row. */
static inline bool kms_row_is_for(const struct save_row *row, const struct save_row *other)
{
    return strcmp(row->table, other->table) == 0
           && (strcmp(row->table, "audit") == 0 || strcmp(row->key, other->key) == 0);
}

static inline void kms_rows_put(struct kms_rows *rows, const struct save_row *row)
{
    size_t place = 0;

    while (place < rows->count && !kms_row_is_for(&rows->list[place], row)) {
        place++;
    }
    if (place < rows->count) {
        kms_row_free(&rows->list[place]);
        rows->list[place] = rows->list[--rows->count];
    }
    if (row->value.data == NULL) {
        return; /* a row that is removed */
    }

    uint8_t *copy = malloc(row->value.size);

    CHECK(rows->count < KMS_ROWS_MAX && copy != NULL && row->value.size > 0);
    memcpy(copy, row->value.data, row->value.size);
    rows->list[rows->count++] =
        (struct save_row){row->table, strdup(row->key), bytes_of(copy, row->value.size)};
}

static inline void kms_rows_forget(struct kms_rows *rows)
{
    while (rows->count > 0) {
        kms_row_free(&rows->list[--rows->count]);
    }
}

#endif
