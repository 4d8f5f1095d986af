/* How are entries of one kind found by name, and walked in the order of their names?
 *
 * A table of fixed capacity; an entry is any struct that begins with its name, a text of
 * SORTED_NAME_MAX. An entry stays at its address until it is removed. Names of one account, or of
 * one key, share a beginning and so stand together. */
#ifndef SEALIFT_KEYS_SORTED_H
#define SEALIFT_KEYS_SORTED_H

#include "base/arena.h"

#include <stdbool.h>

enum { SORTED_NAME_MAX = 272 }; /* an account, "/", and the longest alias */

struct sorted {
    uint8_t *entries;
    size_t entry_size;
    void **order; /* the first `count` by name, the others free */
    size_t count;
    size_t max;
};

size_t sorted_memory_bytes(size_t entry_size, size_t max);
void sorted_init(struct sorted *sorted, size_t entry_size, size_t max, struct arena *arena);

/* NULL where there is none. */
void *sorted_find(const struct sorted *sorted, const char *name);

/* The first entry whose name begins with `start` and comes after `after` ("" for the very first);
 * NULL where there is none. */
void *sorted_next(const struct sorted *sorted, const char *start, const char *after);

/* How many names begin so. */
size_t sorted_count(const struct sorted *sorted, const char *start);

/* The entry of that name, or a new one with it, otherwise zero: there must be room. */
void *sorted_put(struct sorted *sorted, const char *name);

/* It must be there. */
void sorted_remove(struct sorted *sorted, const char *name);

#endif
