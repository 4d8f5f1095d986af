/* Three words, two of them with a count. */
#include "base/level.h"

#include <stdio.h>
#include <string.h>

static const char *const words[LEVEL_KINDS] = {
    [LEVEL_LOCAL] = "local", [LEVEL_QUORUM] = "quorum:", [LEVEL_REGION] = "region:"};

bool level_is_valid(struct level level)
{
    if (level.kind == LEVEL_LOCAL) {
        return level.count == 0;
    }
    return (unsigned)level.kind < LEVEL_KINDS && level.count >= 1 && level.count <= LEVEL_COUNT_MAX;
}

static enum status count_parse(unsigned *count, const char *text)
{
    if (text[0] < '1' || text[0] > '9') {
        return E_MALFORMED;
    }
    *count = 0;
    for (; *text >= '0' && *text <= '9' && *count <= LEVEL_COUNT_MAX; text++) {
        *count = *count * 10 + (unsigned)(*text - '0');
    }
    return *text == '\0' && *count <= LEVEL_COUNT_MAX ? OK : E_MALFORMED;
}

enum status level_parse(struct level *level, const char *text)
{
    *level = (struct level){.kind = LEVEL_LOCAL};
    if (strcmp(text, words[LEVEL_LOCAL]) == 0) {
        return OK;
    }
    for (level->kind = LEVEL_QUORUM; level->kind < LEVEL_KINDS; level->kind++) {
        const size_t size = strlen(words[level->kind]);

        if (strncmp(text, words[level->kind], size) == 0) {
            return count_parse(&level->count, text + size);
        }
    }
    return E_MALFORMED;
}

char *level_format(struct level level, char *text, size_t room)
{
    if (level.kind == LEVEL_LOCAL) {
        snprintf(text, room, "%s", words[LEVEL_LOCAL]);
    } else {
        snprintf(text, room, "%s%u", words[level.kind], level.count);
    }
    return text;
}
