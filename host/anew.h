/* How does this program begin again in memory that has never held a key?
 *
 * By exec, of itself: same process id, same arguments, and nothing of what was in memory, in any
 * heap, stack or library. Two things must come along: the credentials for key services, which were
 * wiped from the environment when they were read, and what the process has become (a replica that
 * was promoted). They go through a pipe, whose number alone is in the environment (SEALIFT_ANEW).
 *
 * How it goes wrong: the executable is gone, or the pipe has no room: then a sentence says so and
 * the process ends as if it had been refused; whoever runs it starts it. */
#ifndef SEALIFT_HOST_ANEW_H
#define SEALIFT_HOST_ANEW_H

#include "host/key_profile.h"
#include "node/identity.h"

enum { ANEW_WHY_MAX = 512 };

/* Before the arguments are parsed, which changes them. */
void anew_remember(int argc, char *const *argv);

/* Does not return, but with `why` (ANEW_WHY_MAX) where it could not be done. */
void anew_begin(const struct key_credentials *credentials, enum role role, char *why);

/* What the process before has left; false, and nothing is changed, where there was none. */
bool anew_take(struct key_credentials *credentials, enum role *role);

#endif
