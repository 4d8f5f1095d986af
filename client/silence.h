/* Has the member that owes us an answer gone silent?
 *
 * A look a tick. Only time in which we listened counts: a program that was stopped, or did not
 * poll, finds what came meanwhile before anybody is blamed. Anything from the member is a sign of
 * life, and so is output that waited and now moves: a large message on a slow link. A member that
 * is merely slow answers a probe, so that a level that is not met may be waited for without end. */
#ifndef SEALIFT_CLIENT_SILENCE_H
#define SEALIFT_CLIENT_SILENCE_H

#include "base/instant.h"

#include <stddef.h>

struct silence_limits { /* zero: the default */
    struct span probe; /* ask after so much silence; 5 s */
    struct span end; /* move on after so much; 15 s */
};

/* What the link has seen until now. */
struct silence_signs {
    uint64_t bytes_in, bytes_out;
    size_t waiting; /* output that has not left */
};

enum silence_verdict { SILENCE_NONE, SILENCE_ASK, SILENCE_LASTS, SILENCE_ENDS };

struct silence {
    struct silence_limits limits;
    struct silence_signs last;
    struct instant looked_at;
    struct span quiet;
};

void silence_init(struct silence *silence, struct silence_limits limits);

/* How long to wait until the next look. */
struct span silence_tick(const struct silence *silence);

/* A new conversation. */
void silence_begin(struct silence *silence, struct instant now, struct silence_signs signs);

/* ASK is said once a silence; until a sign of life it LASTS, then it ENDS. */
enum silence_verdict silence_look(struct silence *silence, struct instant now, bool owed,
                                  struct silence_signs signs);

#endif
