/* How does a world become old?
 *
 * What goes by the clock (marks at rest, scrubs, retention by age, pins, heartbeats for minutes,
 * producers that come back after a long silence) is never met in seconds. So a long world has
 * seasons: trouble for as long as a short world lasts, then a lull of minutes, in which nothing new
 * strikes and clients say little, then trouble again. A lull costs few events; that is what makes
 * minutes cheap. Dice of its own: a short world stays what it was. */
#ifndef SEALIFT_SIM_SEASONS_H
#define SEALIFT_SIM_SEASONS_H

#include <stdint.h>

struct world;

/* Before the members start: what goes by the clock gets a world's age to go by. */
void seasons_slow_down(struct world *world);

/* Trouble begins, and the seasons follow each other until the world is calm. */
void seasons_begin(struct world *world);

#endif
