/* File lines to arguments: "listen = 127.0.0.1:7100" becomes "--listen=127.0.0.1:7100".
 *
 * argp would accept a unique beginning of an option's name; a file may not: what a later version
 * makes ambiguous must not have been a setting before. */
#include "host/conf.h"

#include "base/check.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place {
    const char *path;
    unsigned line;
    char *why;
};

static enum status complain(const struct place *place, const char *what, const char *about)
{
    snprintf(place->why, CONF_WHY_MAX, "%s:%u: %s: %.100s (E_USAGE)", place->path, place->line,
             what, about);
    return E_USAGE;
}

static const char *find_conf(int argc, char **argv)
{
    const char *path = NULL;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--conf=", 7) == 0) {
            path = argv[i] + 7;
        } else if (strcmp(argv[i], "--conf") == 0 && i + 1 < argc) {
            path = argv[i + 1];
        }
    }
    return path;
}

static const struct argp_option *find_option(const struct argp_option *const *known,
                                             const char *name)
{
    for (; *known != NULL; known++) {
        for (const struct argp_option *option = *known;
             option->name != NULL || option->key != 0 || option->doc != NULL; option++) {
            if (option->name != NULL && strcmp(option->name, name) == 0) {
                return option;
            }
        }
    }
    return NULL;
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }

    size_t size = strlen(text);

    while (size > 0 && isspace((unsigned char)text[size - 1])) {
        text[--size] = '\0';
    }
    return text;
}

static char *unquote(char *value)
{
    const size_t size = strlen(value);

    if (size >= 2 && value[0] == '"' && value[size - 1] == '"') {
        value[size - 1] = '\0';
        return value + 1;
    }
    return value;
}

static enum status add_argument(struct conf *conf, const struct place *place, char *argument)
{
    CHECK(argument != NULL);

    if (conf->count == CONF_ARGUMENTS_MAX) {
        free(argument);
        return complain(place, "too many settings", "");
    }
    conf->arguments[conf->count++] = argument;
    return OK;
}

static enum status add_flag(struct conf *conf, const struct place *place, const char *name,
                            const char *value)
{
    char *argument;

    if (strcmp(value, "no") == 0 || strcmp(value, "false") == 0) {
        return OK;
    }
    if (strcmp(value, "yes") != 0 && strcmp(value, "true") != 0) {
        return complain(place, "takes yes or no", name);
    }
    CHECK(asprintf(&argument, "--%s", name) > 0);
    return add_argument(conf, place, argument);
}

static enum status add_line(struct conf *conf, const struct place *place, char *line,
                            const struct argp_option *const *known)
{
    char *equals = strchr(line, '=');
    char *argument;

    if (equals == NULL) {
        return complain(place, "a line must be key = value", line);
    }
    *equals = '\0';

    const char *name = trim(line);
    const char *value = unquote(trim(equals + 1));
    const struct argp_option *option = find_option(known, name);

    if (option == NULL || strcmp(name, "conf") == 0) {
        return complain(place, "unknown setting", name);
    }
    if (option->arg == NULL) {
        return add_flag(conf, place, name, value);
    }
    if (value[0] == '\0') {
        return complain(place, "the value is missing", name);
    }
    CHECK(asprintf(&argument, "--%s=%s", name, value) > 0);
    return add_argument(conf, place, argument);
}

/* One line without its end. */
static enum status read_line(FILE *file, const struct place *place, char *room, bool *there)
{
    size_t size = 0;
    int next;

    while ((next = getc(file)) != EOF && next != '\n') {
        if (next == '\0') {
            return complain(place, "not a text", ""); /* the rest of the line would be lost */
        }
        if (size + 1 == CONF_LINE_MAX) {
            return complain(place, "the line is too long", "");
        }
        room[size++] = (char)next;
    }
    room[size] = '\0';
    *there = size > 0 || next != EOF;
    return OK;
}

static enum status read_lines(struct conf *conf, FILE *file, struct place *place,
                              const struct argp_option *const *known)
{
    char room[CONF_LINE_MAX];
    bool there = true;

    while (there) {
        place->line++;
        TRY(read_line(file, place, room, &there));

        char *line = trim(room);

        if (line[0] != '\0' && line[0] != '#' && line[0] != ';') {
            TRY(add_line(conf, place, line, known));
        }
    }
    if (ferror(file)) {
        snprintf(place->why, CONF_WHY_MAX, "%s: %s (E_IO)", place->path, strerror(errno));
        return E_IO;
    }
    return OK;
}

static enum status read_file(struct conf *conf, const char *path,
                             const struct argp_option *const *known, char *why)
{
    struct place place = {path, 0, why};
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        snprintf(why, CONF_WHY_MAX, "%s: %s (E_MISSING)", path, strerror(errno));
        return E_MISSING;
    }

    const enum status status = read_lines(conf, file, &place, known);

    fclose(file);
    return status;
}

enum status conf_gather(struct conf *conf, int argc, char **argv,
                        const struct argp_option *const *known, char *why)
{
    const char *path = find_conf(argc, argv);
    enum status status = OK;

    memset(conf, 0, sizeof *conf);
    if (argc < 1 || argc >= CONF_ARGUMENTS_MAX / 2) {
        snprintf(why, CONF_WHY_MAX, "too many arguments (E_USAGE)");
        return E_USAGE;
    }
    conf->arguments[conf->count++] = argv[0];
    conf->owned_begin = conf->count;
    if (path != NULL) {
        status = read_file(conf, path, known, why);
    }
    conf->owned_end = conf->count;
    if (status == OK && conf->count + argc - 1 > CONF_ARGUMENTS_MAX) {
        snprintf(why, CONF_WHY_MAX, "too many arguments (E_USAGE)");
        status = E_USAGE;
    }
    if (status != OK) {
        conf_free(conf);
        return status;
    }
    for (int i = 1; i < argc; i++) {
        conf->arguments[conf->count++] = argv[i];
    }
    return OK;
}

void conf_free(struct conf *conf)
{
    for (int i = conf->owned_begin; i < conf->owned_end; i++) {
        free(conf->arguments[i]);
    }
    conf->owned_end = conf->owned_begin;
}
