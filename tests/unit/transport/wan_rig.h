/* A relay from region a to region b in the test's own loop, with a caller and a target. */
#ifndef SEALIFT_TESTS_UNIT_TRANSPORT_WAN_RIG_H
#define SEALIFT_TESTS_UNIT_TRANSPORT_WAN_RIG_H

#include "tests/support/test.h"
#include "transport/wan.h"

/* Patience costs nothing where things work. Late: a busy machine, and a sanitizer on top of it;
 * that the time is right to the nanosecond is for the tests of wan_link.h. */
enum { RIG_PATIENCE_MS = 20000, RIG_LATE_MS = 5000 };

struct rig {
    struct event_base *base;
    struct wan *wan;
    int listener; /* the target's; -1: nobody listens */
    int near, far; /* the caller; what the target has accepted, -1: not yet */
    char answer[WAN_ANSWER_MAX];
};

/* `lines`: more lines of the map, ended by NULL. Nobody has called yet. */
void rig_open(struct rig *rig, const char *const *lines);
void rig_close(struct rig *rig);

/* Calls; with rig_join the target has accepted, and the caller's first byte has passed. */
int rig_call(struct rig *rig);
void rig_join(struct rig *rig);

/* Milliseconds on a clock that only goes forward. */
double rig_ms(void);
void rig_run(struct rig *rig, double ms);
bool rig_accept(struct rig *rig, double patience_ms);

enum rig_end { RIG_GOT, RIG_NOTHING, RIG_ENDED, RIG_RESET };
/* Runs until `size` bytes came, the end, a reset, or nothing for that long. */
enum rig_end rig_read(struct rig *rig, int file, void *into, size_t size, double patience_ms);

void rig_say(struct rig *rig, const char *command);
void rig_hang_up_hard(int *file); /* by a reset */

#endif
