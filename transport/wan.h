/* Simulated distance: listeners that relay to targets through the links of a map, under control.
 *
 * The words of the control are those of the map's lines, given while it runs:
 *
 *     cut FROM TO | heal FROM TO | reset FROM TO | stall FROM TO MS
 *     slow FROM TO rtt MS | jitter MS | mbit N ...      any of them, each with its value
 *     show
 *
 * FROM and TO are regions of the map or `*`. Both directions are meant, unless the last word is
 * one-way. While a link is cut, packets vanish: connections hang, new ones too (the kernel accepts
 * them; then there is silence). What was under way arrives one delay after the heal. A cut that
 * lasted longer than the map's reset-after resets its connections when it heals. A one-way cut
 * hangs the bytes of one direction only; on a real road the other would end as well, when no
 * acknowledgement comes.
 *
 * All calls from the loop's thread. The base should have EVENT_BASE_FLAG_PRECISE_TIMER, else every
 * round trip is some milliseconds too long. Memory: each direction of a connection holds at most
 * wan_link_window() bytes, what small messages cost beyond their size included, and one chunk. */
#ifndef SEALIFT_TRANSPORT_WAN_H
#define SEALIFT_TRANSPORT_WAN_H

#include "transport/wan_map.h"

struct event_base;
struct wan;

enum {
    WAN_ANSWER_MAX = 64 * 1024,
    WAN_CONNECTIONS_MAX = 4096, /* of one route */
};

/* Opens the routes of the map, which is copied. E_USAGE with `why` (TRANSPORT_WHY_MAX). */
NODISCARD enum status wan_open(struct wan **wan, struct event_base *base, const struct wan_map *map,
                               char *why);
void wan_close(struct wan *wan); /* resets what is relayed */

/* The port of the n-th route, where 0 was asked. */
unsigned wan_port(const struct wan *wan, unsigned route);

/* The most bytes that ever were in all queues, with what they cost. */
size_t wan_queued_peak(const struct wan *wan);

/* Carries out one line, which is changed. `answer` (WAN_ANSWER_MAX): what to show, one JSON object
 * for `show`; a sentence where it is E_USAGE. */
NODISCARD enum status wan_command(struct wan *wan, char *line, char *answer);

#endif
