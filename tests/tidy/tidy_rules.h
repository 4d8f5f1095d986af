/* What does a line of source have to be like?
 *
 * The walk (tidy_sources.c) opens each file and hands over its lines; the rules say what is wrong,
 * one line of output for each: FILE:LINE: rule: what to do. */
#ifndef SEALIFT_TESTS_TIDY_TIDY_RULES_H
#define SEALIFT_TESTS_TIDY_TIDY_RULES_H

#include <stdbool.h>

enum { TIDY_LINE_MAX = 1024 };

struct tidy_file {
    const char *path; /* from the root, "wal/batch.c" */
    bool is_header;
    unsigned line;
    unsigned function_begin; /* the line of its opening brace; 0 outside */
    bool guard_seen;
    bool in_comment;
    unsigned faults;
};

void tidy_begin(struct tidy_file *file, const char *path);

/* `text` without its newline. */
void tidy_line(struct tidy_file *file, const char *text);

/* The number of faults. */
unsigned tidy_end(struct tidy_file *file);

#endif
