/* Formats into a bounded line and hands it to the sink. */
#include "base/trace.h"

#include <stdarg.h>
#include <stdio.h>

void trace_event(const struct trace *trace, const char *format, ...)
{
    char line[TRACE_LINE_MAX];
    va_list arguments;

    if (trace->sink == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    trace->sink(trace->context, line);
}
