/* What an operator does with a key service's store beside serving: check, copy, bring back.
 *
 * Checking and copying may be done while a service uses the store; bringing back makes a store
 * where there is none. */
#ifndef SEALIFT_HOST_KEYD_UPKEEP_H
#define SEALIFT_HOST_KEYD_UPKEEP_H

#include "host/keyd_daemon.h"

/* Does what the options ask for, says so on standard output, and returns the exit code. */
int keyd_upkeep_run(const struct keyd_options *options, const char *program);

#endif
