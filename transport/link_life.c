/* When a link must end though both sides are well: its peer's certificate ends or is revoked, or it
 * is old.
 *
 * Certificates end by the wall clock, which may jump, so a timer alone would be wrong: it is looked
 * at every 10 s, and closely when the end draws near. Age is counted by the loop's own clock, which
 * never goes back.
 *
 * Fail closed: who is no longer let in gets nothing more, not even what waited to leave. */
#include "base/check.h"
#include "transport/link_internal.h"

#include <stdio.h>
#include <time.h>

enum { LOOK_SECONDS = 10, LAST_LOOKS_MS = 100 };

static int64_t wall_seconds(const struct link *link)
{
    return link->settings.wall != NULL ? link->settings.wall() : (int64_t)time(NULL);
}

/* Seconds until the peer's certificate ends; a long time where it has none. */
static int64_t seconds_left(const struct link *link)
{
    struct tls_engine *engine = channel_engine(link->channel);

    return engine == NULL ? INT64_MAX : tls_engine_peer_expires_at(engine) - wall_seconds(link);
}

static void life_expel(struct link *link, enum status why, const char *text)
{
    link->expelled = true;
    link_break(link, why, text);
}

/* The wall clock gives whole seconds: the last one is waited for in small steps. */
static struct span until_next_look(int64_t left)
{
    if (left <= 1) {
        return SPAN_MS(LAST_LOOKS_MS);
    }
    return SPAN_S(left - 1 < LOOK_SECONDS ? left - 1 : LOOK_SECONDS);
}

/* Sleeps until the first of: the certificate's end, the link's old age, the next look. */
static void life_sleep(struct link *link)
{
    const bool ages = link->settings.age_max.ns != 0;
    struct span sleep = until_next_look(seconds_left(link));

    if (ages && link->age_left.ns < sleep.ns) {
        sleep = link->age_left;
    }
    link->age_left.ns -= ages ? sleep.ns : 0;

    const struct timeval time = {.tv_sec = (time_t)(sleep.ns / 1000000000u),
                                 .tv_usec = (suseconds_t)(sleep.ns % 1000000000u / 1000)};

    CHECK(event_add(&link->life, &time) == 0);
}

static void life_look(struct link *link)
{
    if (seconds_left(link) <= 0) {
        life_expel(link, E_LAPSED, "");
    } else if (link->settings.age_max.ns != 0 && link->age_left.ns == 0) {
        link_break(link, E_AGED, "");
    } else {
        life_sleep(link);
    }
}

void link_begin_life(struct link *link)
{
    link->age_left = link->settings.age_max;
    if (channel_engine(link->channel) != NULL || link->age_left.ns != 0) {
        life_look(link);
    }
}

void link_on_life(evutil_socket_t file, short what, void *context)
{
    struct link *link = context;

    (void)file;
    (void)what;
    link_enter(link);
    life_look(link);
    link_leave(link);
}

enum status link_recheck(struct link *link, const struct tls_identity *identity)
{
    struct tls_engine *engine;
    const char *text;

    CHECK(link->state == LINK_UP);
    engine = channel_engine(link->channel);
    if (engine == NULL || link->broken != OK || link->closed) {
        return link->broken;
    }
    enum status status = tls_engine_recheck(engine, identity, &text);

    if (status != OK) {
        status = status == E_EXPIRED ? E_LAPSED : status;
        life_expel(link, status, text);
    }
    return status;
}
