/* `sealift inspect`: what a file of a data folder says, without any key.
 *
 * Which kind of file it is stands in its first eight bytes. Everything becomes one object, which is
 * printed as it is (--json) or line by line. Of a segment every batch header is shown, up to the
 * first that does not fit; whether it fits behind the segment before it is for `verify`. */
#include "cli/inspect.h"

#include "base/check.h"
#include "cli/verbs.h"
#include "host/file.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPTION_JSON = 0x200, FILES_MAX = 256, SMALL_FILE_MAX = 16 << 20 };

struct inspect_order {
    const char *files[FILES_MAX];
    unsigned count;
    bool json;
};

static const struct argp_option options[] = {
    {"json", OPTION_JSON, 0, 0, "one object a file, each on a line", 1}, {0}};

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct inspect_order *order = state->input;

    switch (option) {
    case OPTION_JSON:
        order->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (order->count == FILES_MAX) {
            argp_error(state, "at most %d files", FILES_MAX);
        }
        order->files[order->count++] = argument;
        return 0;
    case ARGP_KEY_END:
        if (order->count == 0) {
            argp_error(state, "which file?");
        }
        return 0;
    default: /* foreign: argp's keys */
        return ARGP_ERR_UNKNOWN;
    }
}

static enum status inspect_small(json_t *object, int fd, struct bytes magic)
{
    uint8_t *data = malloc(SMALL_FILE_MAX);
    uint64_t size;

    CHECK(data != NULL);
    enum status status = file_read(fd, data, SMALL_FILE_MAX, 0, &size);
    const struct bytes file = bytes_of(data, size);

    if (status == OK) {
        status = bytes_equal(magic, bytes_text("SEALDESC"))   ? inspect_descriptor(object, file)
                 : bytes_equal(magic, bytes_text("SEALKEYS")) ? inspect_keyring(object, file)
                 : bytes_equal(magic, bytes_text("SEALCTRL")) ? inspect_control(object, file)
                                                              : E_MALFORMED;
    }
    free(data);
    return status;
}

static enum status inspect_open(json_t *object, int fd)
{
    uint8_t magic[8];
    uint64_t got;

    TRY(file_read(fd, magic, sizeof magic, 0, &got));
    if (got < sizeof magic) {
        return E_TRUNCATED;
    }
    if (bytes_equal(bytes_of(magic, sizeof magic), bytes_of("SEALIFT", 8))) {
        return inspect_segment(object, fd);
    }
    return inspect_small(object, fd, bytes_of(magic, sizeof magic));
}

static enum status inspect(json_t *object, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return file_status_of_errno(errno);
    }
    const enum status status = inspect_open(object, fd);

    close(fd);
    return status;
}

static const char *sentence(const char *path, enum status status)
{
    struct stat about;

    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
        return "a folder: name files in it, or ask 'sealift verify' about all of it";
    }
    return status == E_MALFORMED ? "no segment, descriptor, keyring or control file, or one that "
                                   "is not as it should be"
                                 : status_text(status);
}

static int show(const char *path, bool json)
{
    json_t *object = json_object();

    json_object_set_new(object, "file", json_string(path));
    const enum status status = inspect(object, path);

    json_object_set_new(object, "status", json_string(status_name(status)));
    if (json) {
        json_dumpf(object, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (status == OK) {
        inspect_print(object);
    }
    json_decref(object);
    if (status != OK) {
        fprintf(stderr, "sealift inspect: %s: %s: %s\n", path, status_name(status),
                sentence(path, status));
    }
    return status == OK ? EXIT_DONE : EXIT_REFUSED;
}

int verb_inspect(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "FILE...",
        .doc = "Shows the headers of segments and their batches, a keyring, a descriptor or a "
               "control file. Needs no key."};
    struct inspect_order order = {0};
    int code = EXIT_DONE;

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    for (unsigned i = 0; i < order.count; i++) {
        if (show(order.files[i], order.json) != EXIT_DONE) {
            code = EXIT_REFUSED;
        }
    }
    return code;
}
