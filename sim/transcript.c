/* Lines go into a ring of the newest, and, where wanted, to the end of a text that grows. */
#include "sim/transcript.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

void transcript_drop(struct transcript *transcript)
{
    free(transcript->text);
    transcript->text = NULL;
    transcript->size = transcript->room = 0;
}

static void keep(struct transcript *transcript, const char *line)
{
    const size_t length = strlen(line);

    if (transcript->room - transcript->size < length + 2) {
        transcript->room = transcript->room * 2 + TRANSCRIPT_LINE_MAX + 2;
        transcript->text = realloc(transcript->text, transcript->room);
        CHECK(transcript->text != NULL);
    }
    memcpy(transcript->text + transcript->size, line, length);
    transcript->size += length;
    transcript->text[transcript->size++] = '\n';
    transcript->text[transcript->size] = '\0';
}

void transcript_line(struct transcript *transcript, uint64_t now_ns, const char *who,
                     const char *text)
{
    char *line = transcript->tail[transcript->lines++ % TRANSCRIPT_TAIL];

    snprintf(line, TRANSCRIPT_LINE_MAX, "[%6llu ms] %s%s%s", (unsigned long long)(now_ns / 1000000),
             who == NULL ? "--" : who, who == NULL ? " " : " > ", text);
    if (transcript->keep) {
        keep(transcript, line);
    }
    if (transcript->print != NULL) {
        fprintf(transcript->print, "%s\n", line);
    }
}

void transcript_print_tail(const struct transcript *transcript, FILE *to)
{
    const uint64_t first =
        transcript->lines > TRANSCRIPT_TAIL ? transcript->lines - TRANSCRIPT_TAIL : 0;

    for (uint64_t line = first; line < transcript->lines; line++) {
        fprintf(to, "%s\n", transcript->tail[line % TRANSCRIPT_TAIL]);
    }
}
