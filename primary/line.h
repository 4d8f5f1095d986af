/* Who waits for room, and who is next?
 *
 * Links whose APPEND found no room stand in line, in the order in which they came, and are called
 * (RESUME) a few at a time when there may be room again. Whoever is called and still finds none
 * keeps its place; whoever is served leaves. As long as somebody stands in line, others join at
 * the end: so nobody starves. */
#ifndef SEALIFT_PRIMARY_LINE_H
#define SEALIFT_PRIMARY_LINE_H

#include "base/arena.h"
#include "node/effects.h"

enum { LINE_CALLS_MAX = 16 }; /* called at once: each may bring one more message */

enum line_state { LINE_OUT, LINE_WAITING, LINE_CALLED };

struct line_place {
    link_t link;
    enum line_state state;
    uint32_t before, after; /* places + 1; 0: none */
};

struct line {
    struct line_place *places; /* one a client */
    uint32_t capacity;
    uint32_t first, last; /* places + 1; 0: nobody is in line */
    bool stalled; /* somebody was called in vain: wait for progress */
};

size_t line_bytes(uint32_t capacity);
void line_init(struct line *line, struct arena *arena, uint32_t capacity);

/* Whether this client has to wait behind others, room or not. */
bool line_must_wait(const struct line *line, uint32_t client);

/* Its message found no room: to the end, or back to its place. DEFER included. */
void line_wait(struct line *line, uint32_t client, link_t link, struct effects *fx);

/* It was served, refused, or has gone. Nothing where it is not in line. */
void line_leave(struct line *line, uint32_t client);

/* There may be room again. */
void line_progress(struct line *line);

/* RESUME for those who are next, unless stalled. */
void line_call(struct line *line, struct effects *fx);

#endif
