/* How are a daemon's settings read from a file?
 *
 * One `key = value` a line, where the keys are the long options of the command line; a key may be
 * repeated where the option may. Comments begin with # or ; at the start of a line; values may
 * stand in double quotes. An option without a value takes yes or no. The lines become arguments in
 * front of those that were typed, so that the command line has the last word. */
#ifndef SEALIFT_HOST_CONF_H
#define SEALIFT_HOST_CONF_H

#include "base/status.h"

#include <argp.h>
#include <limits.h>

enum {
    CONF_LINE_MAX = 8192,
    CONF_ARGUMENTS_MAX = 1024,
    CONF_WHY_MAX = PATH_MAX + 256,
};

struct conf {
    int count; /* argv of the two together, ended by NULL */
    char *arguments[CONF_ARGUMENTS_MAX + 1];
    int owned_begin, owned_end; /* those that came from the file */
};

/* Looks for --conf FILE or --conf=FILE among the arguments; without one, they are all there is.
 * `known` lists tables of options, ended by NULL. E_USAGE: a line without form, an unknown key, a
 * value that does not fit; E_MISSING, E_IO: the file; `why` (CONF_WHY_MAX) has file and line. */
NODISCARD enum status conf_gather(struct conf *conf, int argc, char **argv,
                                  const struct argp_option *const *known, char *why);

/* The options' values point into it: it lives as long as they are used. */
void conf_free(struct conf *conf);

#endif
