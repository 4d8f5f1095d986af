/* A binary heap in an array that grows. A new item starts at the bottom and climbs; taking the
 * first puts the last in its place and lets it sink. */
#include "sim/agenda.h"

#include "base/check.h"

#include <stdlib.h>

void agenda_drop(struct agenda *agenda)
{
    free(agenda->heap);
    *agenda = (struct agenda){0};
}

static bool before(const struct agenda_item *a, const struct agenda_item *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct agenda_item *a, struct agenda_item *b)
{
    const struct agenda_item kept = *a;

    *a = *b;
    *b = kept;
}

void agenda_add(struct agenda *agenda, uint64_t at, struct todo todo)
{
    if (agenda->count == agenda->room) {
        agenda->room = agenda->room == 0 ? 1024 : agenda->room * 2;
        agenda->heap = realloc(agenda->heap, agenda->room * sizeof *agenda->heap);
        CHECK(agenda->heap != NULL);
    }

    size_t at_slot = agenda->count++;

    agenda->heap[at_slot] = (struct agenda_item){at, agenda->order++, todo};
    while (at_slot > 0 && before(&agenda->heap[at_slot], &agenda->heap[(at_slot - 1) / 2])) {
        swap(&agenda->heap[at_slot], &agenda->heap[(at_slot - 1) / 2]);
        at_slot = (at_slot - 1) / 2;
    }
}

static void sink(struct agenda *agenda)
{
    size_t slot = 0;

    for (;;) {
        size_t least = slot;

        for (size_t child = 2 * slot + 1; child <= 2 * slot + 2 && child < agenda->count; child++) {
            if (before(&agenda->heap[child], &agenda->heap[least])) {
                least = child;
            }
        }
        if (least == slot) {
            return;
        }
        swap(&agenda->heap[slot], &agenda->heap[least]);
        slot = least;
    }
}

bool agenda_take(struct agenda *agenda, struct agenda_item *item)
{
    if (agenda->count == 0) {
        return false;
    }
    *item = agenda->heap[0];
    agenda->heap[0] = agenda->heap[--agenda->count];
    sink(agenda);
    return true;
}
