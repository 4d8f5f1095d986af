/* Where do a daemon's traces go? One line each to standard error, behind the date in UTC:
 * 2026-01-31T12:00:00.123456Z event key=value key="two words"
 * Any thread may trace; lines are never mixed. */
#ifndef SEALIFT_HOST_TRACE_LINES_H
#define SEALIFT_HOST_TRACE_LINES_H

#include "base/trace.h"

struct trace host_trace(void);

/* For check_listen: the last words, and then the process aborts. */
void host_last_words(const char *text);

#endif
