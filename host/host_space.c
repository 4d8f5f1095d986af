/* How full is the file system of the data folder?
 *
 * Looked at once a second and at the start, and told to the node where it has changed by a
 * thousandth of the whole, or where the maker of spares has run out of space or has found some
 * again: a disk that has nothing to write hears of freed space all the same. A file system that
 * says nothing of itself is believed to have room. */
#include "host/host_parts.h"

#include "base/check.h"

#include <sys/statvfs.h>

enum { SPACE_LOOK_S = 1 };

static bool look(const struct host *host, struct store_space *space)
{
    struct statvfs about;

    if (fstatvfs(host->settings.store->folder, &about) != 0 || about.f_blocks == 0) {
        return false;
    }
    const uint64_t used = about.f_blocks - about.f_bfree;

    *space = (struct store_space){.total_bytes = (used + about.f_bavail) * about.f_frsize,
                                  .free_bytes = (uint64_t)about.f_bavail * about.f_frsize};
    return true;
}

static bool is_news(const struct host *host, const struct store_space *space, bool is_short)
{
    const struct store_space *told = &host->space_told;
    const uint64_t change = space->free_bytes > told->free_bytes
                                ? space->free_bytes - told->free_bytes
                                : told->free_bytes - space->free_bytes;

    return space->total_bytes != told->total_bytes || change > told->total_bytes / 1000
           || is_short != host->shortage_told;
}

static void on_look(evutil_socket_t fd, short what, void *context)
{
    struct host *host = context;
    struct event event = {.kind = EVENT_SPACE};
    const bool is_short = spares_are_short(&host->settings.store->spares);

    (void)fd;
    (void)what;
    if (look(host, &event.space) && is_news(host, &event.space, is_short)) {
        host->space_told = event.space;
        host->shortage_told = is_short;
        host_step(host, &event);
    }
}

void host_space_open(struct host *host)
{
    const struct timeval gap = {SPACE_LOOK_S, 0};

    host->space_timer = event_new(host->base, -1, EV_PERSIST, on_look, host);
    CHECK(host->space_timer != NULL && event_add(host->space_timer, &gap) == 0);
}

void host_space_begin(struct host *host)
{
    if (host->space_timer != NULL) {
        on_look(-1, 0, host);
    }
}
