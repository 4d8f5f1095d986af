/* The wire is one instant: until when it is taken. That is a token bucket without a bucket; a
 * backlog of a few milliseconds takes the place of its depth.
 *
 * A block is one instant too: until when nothing passes. Bytes that were under way when it began
 * leave again when it ends, so they arrive no earlier than its end and the delay.
 *
 * How it goes wrong: it does not; sums saturate at "never". */
#include "transport/wan_link.h"

__extension__ typedef unsigned __int128 wide; /* bytes a second times nanoseconds */

static uint64_t bytes_in(uint64_t rate, struct span span)
{
    return (uint64_t)((wide)rate * span.ns / 1000000000u);
}

static struct instant later(struct instant a, struct instant b)
{
    return a.ns > b.ns ? a : b;
}

struct instant wan_link_send_at(const struct wan_link *link)
{
    const uint64_t backlog = SPAN_MS(WAN_BACKLOG_MS).ns;
    const uint64_t free_at = link->wire_free_at.ns;
    const struct instant wire = {free_at > backlog ? free_at - backlog : 0};

    return later(wire, link->blocked_until);
}

size_t wan_link_quantum(const struct wan_link *link)
{
    const uint64_t bytes = bytes_in(link->path.rate, SPAN_MS(1));

    if (link->path.rate == 0 || bytes > WAN_CHUNK_BYTES) {
        return WAN_CHUNK_BYTES;
    }
    return bytes < WAN_QUANTUM_BYTES_MIN ? WAN_QUANTUM_BYTES_MIN : (size_t)bytes;
}

size_t wan_link_window(const struct wan_link *link)
{
    const struct wan_path *path = &link->path;
    const uint64_t rate = path->rate == 0 ? WAN_RATE_ASSUMED : path->rate;
    const struct span under_way = {path->delay.ns + path->jitter.ns + SPAN_MS(WAN_BACKLOG_MS).ns};

    return (size_t)bytes_in(rate, under_way) + WAN_RECEIVER_BYTES;
}

struct instant wan_link_send(struct wan_link *link, struct instant now, size_t size,
                             struct span jitter)
{
    const uint64_t rate = link->path.rate;
    struct instant left = now;

    if (rate > 0) {
        const struct span takes = {(uint64_t)((wide)size * 1000000000u / rate)};

        left = instant_add(later(now, link->wire_free_at), takes);
        link->wire_free_at = left;
    }
    link->bytes += size;
    return instant_add(instant_add(left, link->path.delay), jitter);
}

struct instant wan_link_arrival(const struct wan_link *link, struct instant due)
{
    return later(due, instant_add(link->blocked_until, link->path.delay));
}

bool wan_link_is_cut(const struct wan_link *link)
{
    return link->blocked_until.ns == INSTANT_NEVER.ns;
}

void wan_link_cut(struct wan_link *link, struct instant now)
{
    if (!wan_link_is_cut(link)) {
        link->blocked_since = now;
        link->blocked_until = INSTANT_NEVER;
    }
}

struct span wan_link_heal(struct wan_link *link, struct instant now)
{
    if (!wan_link_is_cut(link)) {
        return SPAN_MS(0);
    }
    link->blocked_until = now;
    return instant_since(link->blocked_since, now);
}

void wan_link_stall(struct wan_link *link, struct instant now, struct span span)
{
    link->blocked_until = later(link->blocked_until, instant_add(now, span));
}
