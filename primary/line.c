/* A doubly linked list over one place for each client, so that leaving from the middle is as
 * cheap as from the front. */
#include "primary/line.h"

#include "base/check.h"

size_t line_bytes(uint32_t capacity)
{
    return arena_need(sizeof(struct line_place) * capacity, _Alignof(struct line_place));
}

void line_init(struct line *line, struct arena *arena, uint32_t capacity)
{
    *line = (struct line){.places = ARENA_ARRAY(arena, struct line_place, capacity),
                          .capacity = capacity};
}

bool line_must_wait(const struct line *line, uint32_t client)
{
    CHECK(client < line->capacity);
    return line->first != 0 && line->places[client].state != LINE_CALLED;
}

static void join(struct line *line, uint32_t client, link_t link)
{
    struct line_place *place = &line->places[client];

    *place = (struct line_place){.link = link, .before = line->last};
    if (line->last == 0) {
        line->first = client + 1;
    } else {
        line->places[line->last - 1].after = client + 1;
    }
    line->last = client + 1;
}

void line_wait(struct line *line, uint32_t client, link_t link, struct effects *fx)
{
    struct line_place *place = &line->places[client];

    CHECK(client < line->capacity);
    if (place->state == LINE_OUT) {
        /* Whoever opens the line has just found that there is no room. */
        line->stalled = line->first == 0 ? true : line->stalled;
        join(line, client, link);
    } else {
        line->stalled = true;
    }
    place->state = LINE_WAITING;
    effects_defer(fx, link);
}

void line_leave(struct line *line, uint32_t client)
{
    struct line_place *place = &line->places[client];

    CHECK(client < line->capacity);
    if (place->state == LINE_OUT) {
        return;
    }
    if (place->before != 0) {
        line->places[place->before - 1].after = place->after;
    } else {
        line->first = place->after;
    }
    if (place->after != 0) {
        line->places[place->after - 1].before = place->before;
    } else {
        line->last = place->before;
    }
    *place = (struct line_place){0};
}

void line_progress(struct line *line)
{
    line->stalled = false;
}

void line_call(struct line *line, struct effects *fx)
{
    uint32_t at = line->stalled ? 0 : line->first;

    for (unsigned called = 0; at != 0 && called < LINE_CALLS_MAX && effects_have_room(fx);
         called++) {
        struct line_place *place = &line->places[at - 1];

        if (place->state == LINE_WAITING) {
            place->state = LINE_CALLED;
            effects_resume(fx, place->link);
        }
        at = place->after;
    }
}
