/* How long will our own certificate and the list of revoked ones still count?
 *
 * Nobody reads a date every day, so the traces say it 30, 7 and 1 day before the end and at the
 * end, once each, and the metrics show the stage. A list is renewed every few weeks anyway: it is
 * warned of from 7 days on. The wall clock is looked at every hour. Times are UNIX seconds. */
#ifndef SEALIFT_HOST_EXPIRY_WATCH_H
#define SEALIFT_HOST_EXPIRY_WATCH_H

#include "base/trace.h"

#include <stdint.h>

struct event;
struct event_base;

enum expiry_stage {
    EXPIRY_FAR,
    EXPIRY_30_DAYS, /* at most so much is left */
    EXPIRY_7_DAYS,
    EXPIRY_1_DAY,
    EXPIRY_PAST,
    EXPIRY_STAGES
};

struct expiry {
    const char *what; /* "certificate", "crl" */
    int64_t at; /* 0: there is none */
    enum expiry_stage from; /* earlier stages are not warned of */
    enum expiry_stage told;
};

struct expiry_watch {
    struct trace trace;
    struct event *timer;
    struct expiry certificate, crl;
};

enum expiry_stage expiry_stage_of(int64_t seconds_left);

/* Tells what is new since the last look; returns the seconds until there is something to tell
 * again, at most an hour. */
int64_t expiry_look(struct expiry *expiry, const struct trace *trace, int64_t now);

void expiry_watch_start(struct expiry_watch *watch, struct event_base *base, struct trace trace);

/* Loaded, or loaded anew: looked at now. `crl_at` 0: there is none. */
void expiry_watch_set(struct expiry_watch *watch, int64_t certificate_at, int64_t crl_at);

/* Does nothing to one that was not started. */
void expiry_watch_stop(struct expiry_watch *watch);

#endif
