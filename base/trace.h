/* What happened, in one line: "event key=value key=value".
 *
 * Traces are for people and for transcripts; nothing reads them back. Traced once, at the origin,
 * with the numbers. Never a key, a record's bytes or a credential. The world injects where lines
 * go; a trace without a sink costs one comparison. */
#ifndef SEALIFT_BASE_TRACE_H
#define SEALIFT_BASE_TRACE_H

#include "base/instant.h"

enum { TRACE_LINE_MAX = 2048 }; /* longer lines are cut: they are sentences, not data */

struct trace {
    void (*sink)(void *context, const char *line);
    void *context;
};

__attribute__((format(printf, 2, 3))) void trace_event(const struct trace *trace,
                                                       const char *format, ...);

#endif
