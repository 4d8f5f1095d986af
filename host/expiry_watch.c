/* One timer, two dates.
 *
 * A stage is told once; a date that was loaded anew starts again. A wall clock that is set back
 * makes a stage go back too: then it will be told a second time, which is right. */
#include "host/expiry_watch.h"

#include "base/check.h"
#include "host/clock.h"

#include <event2/event.h>

enum { DAY_SECONDS = 86400, LOOK_SECONDS = 3600 };

static const struct {
    int64_t seconds;
    const char *text;
} stages[EXPIRY_STAGES] = {
    [EXPIRY_FAR] = {INT64_MAX, "more than 30 days"},
    [EXPIRY_30_DAYS] = {30 * DAY_SECONDS, "30 days"},
    [EXPIRY_7_DAYS] = {7 * DAY_SECONDS, "7 days"},
    [EXPIRY_1_DAY] = {DAY_SECONDS, "1 day"},
    [EXPIRY_PAST] = {0, "nothing"},
};

enum expiry_stage expiry_stage_of(int64_t seconds_left)
{
    enum expiry_stage stage = EXPIRY_FAR;

    while (stage < EXPIRY_PAST && seconds_left <= stages[stage + 1].seconds) {
        stage++;
    }
    return stage;
}

static void tell(const struct expiry *expiry, const struct trace *trace, int64_t left)
{
    if (expiry->told == EXPIRY_PAST) {
        trace_event(trace,
                    "%s.ended at=%lld text=\"peers are refused, or refuse us: renew it, then "
                    "SIGHUP\"",
                    expiry->what, (long long)expiry->at);
        return;
    }
    trace_event(trace,
                "%s.ends at=%lld left_s=%lld text=\"at most %s left: renew it, then SIGHUP\"",
                expiry->what, (long long)expiry->at, (long long)left, stages[expiry->told].text);
}

int64_t expiry_look(struct expiry *expiry, const struct trace *trace, int64_t now)
{
    const int64_t left = expiry->at - now;
    const enum expiry_stage stage = expiry->at == 0 ? EXPIRY_FAR : expiry_stage_of(left);

    if (stage > expiry->told && stage >= expiry->from) {
        expiry->told = stage;
        tell(expiry, trace, left);
    }
    expiry->told = stage;
    if (expiry->at == 0 || stage == EXPIRY_PAST) {
        return LOOK_SECONDS;
    }
    const int64_t next = left - stages[stage + 1].seconds;

    return next < LOOK_SECONDS ? next : LOOK_SECONDS;
}

static void look(struct expiry_watch *watch)
{
    const int64_t now = (int64_t)(clock_wall_ns() / 1000000000u);
    const int64_t one = expiry_look(&watch->certificate, &watch->trace, now);
    const int64_t other = expiry_look(&watch->crl, &watch->trace, now);
    const struct timeval sleep = {.tv_sec = (time_t)(one < other ? one : other)};

    CHECK(event_add(watch->timer, &sleep) == 0);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    look(context);
}

void expiry_watch_start(struct expiry_watch *watch, struct event_base *base, struct trace trace)
{
    *watch = (struct expiry_watch){.trace = trace,
                                   .certificate = {"certificate", 0, EXPIRY_30_DAYS, EXPIRY_FAR},
                                   .crl = {"crl", 0, EXPIRY_7_DAYS, EXPIRY_FAR}};
    watch->timer = event_new(base, -1, 0, on_timer, watch);
    CHECK(watch->timer != NULL);
}

void expiry_watch_set(struct expiry_watch *watch, int64_t certificate_at, int64_t crl_at)
{
    watch->certificate.at = certificate_at;
    watch->crl.at = crl_at;
    watch->certificate.told = watch->crl.told = EXPIRY_FAR;
    look(watch);
}

void expiry_watch_stop(struct expiry_watch *watch)
{
    if (watch->timer != NULL) {
        event_free(watch->timer);
        watch->timer = NULL;
    }
}
