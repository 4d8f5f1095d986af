/* What happened, line by line, for people and for golden files.
 *
 * A line is "[  120 ms] eu-1 > persisted epoch=1 batch=7". Kept in memory while wanted; the newest
 * lines are always kept, so that a failure can be told with what led to it. */
#ifndef SEALIFT_SIM_TRANSCRIPT_H
#define SEALIFT_SIM_TRANSCRIPT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    TRANSCRIPT_LINE_MAX = 640,
    TRANSCRIPT_TAIL = 64,
};

struct transcript {
    bool keep; /* all of it, not only the newest lines */
    FILE *print; /* and print it as it comes; may be NULL */
    char *text;
    size_t size, room;
    char tail[TRANSCRIPT_TAIL][TRANSCRIPT_LINE_MAX];
    uint64_t lines;
};

void transcript_drop(struct transcript *transcript);
void transcript_line(struct transcript *transcript, uint64_t now_ns, const char *who,
                     const char *text);

/* The newest lines, oldest first. */
void transcript_print_tail(const struct transcript *transcript, FILE *to);

#endif
