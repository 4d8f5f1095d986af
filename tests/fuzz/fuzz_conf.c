/* A daemon's settings file, as somebody has written it.
 *
 * A file is a text: one with a NUL is refused. What a file has become, written down again with
 * every value in quotes, becomes the same arguments. */
#include "base/check.h"
#include "host/conf.h"
#include "tests/fuzz/file.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static const struct argp_option first_table[] = {
    {"listen", 1, "ADDRESS", 0, "", 0},    {NULL, 0, NULL, 0, "a heading", 0},
    {"window-bytes", 2, "SIZE", 0, "", 0}, {"conf", 3, "FILE", 0, "", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};
static const struct argp_option second_table[] = {
    {"create", 4, NULL, 0, "", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};
static const struct argp_option *const known[] = {first_table, second_table, NULL};

static enum status gather(struct conf *conf, struct bytes text)
{
    static char program[] = "p", flag[] = "--conf", last[] = "--listen=last"; /* outlive the call */
    static char path[FUZZ_PATH_MAX];
    char why[CONF_WHY_MAX] = "";
    char *argv[] = {program, flag, path, last, NULL};
    const int fd = fuzz_file_open(text, path);
    const enum status status = conf_gather(conf, 4, argv, known, why);

    fuzz_file_close(fd);
    CHECK((status == OK) == (why[0] == '\0'));
    CHECK(status == OK || strncmp(why, path, strlen(path)) == 0
          || strncmp(why, "too many", 8) == 0);
    return status;
}

/* An argument of the file is a known option, with a value where it takes one. */
static void check_argument(const char *argument)
{
    const char *value = strchr(argument, '=');

    CHECK(strncmp(argument, "--", 2) == 0 && strpbrk(argument, "\n") == NULL);
    CHECK(value == NULL ? strcmp(argument, "--create") == 0 : value[1] != '\0');
    CHECK(value == NULL || strncmp(argument, "--listen=", 9) == 0
          || strncmp(argument, "--window-bytes=", 15) == 0);
}

static bool write_again(const struct conf *conf, FILE *file)
{
    bool fits = true;

    for (int i = conf->owned_begin; i < conf->owned_end; i++) {
        const char *argument = conf->arguments[i] + 2;
        const int name_size = (int)strcspn(argument, "=");
        const char *value = argument[name_size] == '=' ? argument + name_size + 1 : "yes";

        check_argument(conf->arguments[i]);
        fits = fits && strlen(argument) + 16 < CONF_LINE_MAX;
        fprintf(file, "  %.*s\t=\t\"%s\" \n", name_size, argument, value);
    }
    return fits;
}

static void try_again(const struct conf *conf)
{
    char *text;
    size_t size;
    struct conf again;
    FILE *file = open_memstream(&text, &size);

    CHECK(file != NULL);

    const bool fits = write_again(conf, file);

    fclose(file);
    if (fits) {
        CHECK(gather(&again, bytes_of(text, size)) == OK && again.count == conf->count);
        for (int i = 0; i < again.count; i++) {
            CHECK(strcmp(again.arguments[i], conf->arguments[i]) == 0);
        }
        conf_free(&again);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf conf;

    if (gather(&conf, bytes_of(data, size)) != OK) {
        return 0;
    }
    CHECK(size == 0 || memchr(data, '\0', size) == NULL);
    CHECK(conf.arguments[conf.count] == NULL && conf.owned_end + 3 == conf.count);
    try_again(&conf);
    conf_free(&conf);
    return 0;
}
