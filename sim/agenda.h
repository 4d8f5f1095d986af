/* What happens next in the simulated world?
 *
 * A heap of things to do, ordered by time and, within one instant, by the order of arrival: so that
 * the same seed always gives the same run. An item owns nothing: it carries numbers, and whoever it
 * is about looks up whether they still mean anything. */
#ifndef SEALIFT_SIM_AGENDA_H
#define SEALIFT_SIM_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim;
struct todo;

typedef void todo_run(struct sim *sim, const struct todo *todo);

struct todo {
    todo_run *run;
    uint64_t a, b, c;
};

struct agenda_item {
    uint64_t at; /* virtual nanoseconds */
    uint64_t order;
    struct todo todo;
};

struct agenda {
    struct agenda_item *heap;
    size_t count;
    size_t room;
    uint64_t order;
};

void agenda_drop(struct agenda *agenda);
void agenda_add(struct agenda *agenda, uint64_t at, struct todo todo);

/* The earliest; false where there is none. */
bool agenda_take(struct agenda *agenda, struct agenda_item *item);

#endif
