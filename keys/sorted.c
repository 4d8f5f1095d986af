/* Entries where they happened to find room, and an array of pointers to them by name.
 *
 * Adding and removing moves pointers, never entries; a lookup is a binary search. */
#include "keys/sorted.h"

#include "base/check.h"

#include <string.h>

size_t sorted_memory_bytes(size_t entry_size, size_t max)
{
    return arena_need(entry_size * max, 64) + arena_need(max * sizeof(void *), 64);
}

void sorted_init(struct sorted *sorted, size_t entry_size, size_t max, struct arena *arena)
{
    *sorted = (struct sorted){
        .entries = arena_take(arena, entry_size * max, 64),
        .entry_size = entry_size,
        .order = ARENA_ARRAY(arena, void *, max),
        .max = max,
    };
    for (size_t i = 0; i < max; i++) {
        sorted->order[i] = sorted->entries + i * entry_size;
    }
}

static const char *name_at(const struct sorted *sorted, size_t place)
{
    return sorted->order[place];
}

/* The first place whose name is not before `name`. */
static size_t place_of(const struct sorted *sorted, const char *name)
{
    size_t low = 0;
    size_t high = sorted->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (strcmp(name_at(sorted, middle), name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct sorted *sorted, size_t place, const char *name)
{
    return place < sorted->count && strcmp(name_at(sorted, place), name) == 0;
}

void *sorted_find(const struct sorted *sorted, const char *name)
{
    const size_t place = place_of(sorted, name);

    return is_at(sorted, place, name) ? sorted->order[place] : NULL;
}

void *sorted_next(const struct sorted *sorted, const char *start, const char *after)
{
    const bool behind = strcmp(after, start) > 0;
    size_t place = place_of(sorted, behind ? after : start);

    place += behind && is_at(sorted, place, after) ? 1 : 0;
    if (place == sorted->count || strncmp(name_at(sorted, place), start, strlen(start)) != 0) {
        return NULL;
    }
    return sorted->order[place];
}

size_t sorted_count(const struct sorted *sorted, const char *start)
{
    const size_t first = place_of(sorted, start);
    size_t count = 0;

    while (first + count < sorted->count
           && strncmp(name_at(sorted, first + count), start, strlen(start)) == 0) {
        count++;
    }
    return count;
}

void *sorted_put(struct sorted *sorted, const char *name)
{
    const size_t place = place_of(sorted, name);

    if (is_at(sorted, place, name)) {
        return sorted->order[place];
    }
    CHECK(sorted->count < sorted->max && strlen(name) < SORTED_NAME_MAX);

    void *entry = sorted->order[sorted->count];

    memmove(sorted->order + place + 1, sorted->order + place,
            (sorted->count - place) * sizeof *sorted->order);
    sorted->order[place] = entry;
    sorted->count++;
    memset(entry, 0, sorted->entry_size);
    memcpy(entry, name, strlen(name) + 1);
    return entry;
}

void sorted_remove(struct sorted *sorted, const char *name)
{
    const size_t place = place_of(sorted, name);

    CHECK(is_at(sorted, place, name));

    void *entry = sorted->order[place];

    sorted->count--;
    memmove(sorted->order + place, sorted->order + place + 1,
            (sorted->count - place) * sizeof *sorted->order);
    sorted->order[sorted->count] = entry;
    memset(entry, 0, sorted->entry_size);
}
