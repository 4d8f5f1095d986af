/* `sealift append`: standard input or files, cut into records, appended in order.
 *
 * Ends when everything was answered. A refused record ends it with its number and the reason; what
 * was acknowledged before stays. While input is slow, records are sent as they come. */
#include "base/check.h"
#include "base/level.h"
#include "cli/connect.h"
#include "cli/progress.h"
#include "cli/slice.h"
#include "cli/verbs.h"
#include "cli/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPTION_FRAMES = 0x200, OPTION_LINES, OPTION_RAW, OPTION_TO, OPTION_JSON, FILES_MAX = 4096 };

struct append_order {
    struct connect connect;
    enum slice_kind kind;
    const char *form; /* the option that chose it */
    size_t raw_bytes;
    const char *durability;
    bool json, quiet;
    const char *files[FILES_MAX];
    unsigned file_count;
};

struct append_run {
    struct sealift *sealift;
    const struct append_order *order;
    uint64_t records, bytes, acked;
    uint64_t empty_lines;
    uint64_t first_lsn, last_lsn;
    bool failed; /* nothing is waited for any more */
    bool bad_input; /* what was good before it is still appended */
    char why[SEALIFT_TEXT_MAX];
    struct waiting waiting;
    struct progress progress;
};

/* For the signal handler alone; after it, waiting for anything would be waiting for ever. */
static struct sealift *running;
static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
    if (running != NULL) {
        sealift_stop(running);
    }
}

static void on_appended(void *context, const struct sealift_appended *appended)
{
    struct append_run *run = context;

    if (appended->status == SEALIFT_OK) {
        run->acked++;
        if (appended->lsn != 0) {
            run->first_lsn = run->first_lsn == 0 ? appended->lsn : run->first_lsn;
            run->last_lsn = appended->lsn;
        }
    } else if (!run->failed) {
        run->failed = true;
        snprintf(run->why, sizeof run->why, "record %" PRIu64 ": %.400s (%s)", run->acked + 1,
                 appended->text, appended->name);
    }
}

static void say_progress(struct append_run *run)
{
    if (!run->order->quiet) {
        progress_say(&run->progress,
                     "%" PRIu64 " records appended, %" PRIu64 " in flight, %.1f MB/s", run->acked,
                     sealift_in_flight(run->sealift),
                     (double)run->bytes / progress_seconds(&run->progress) / 1e6);
    }
}

static bool give_up(struct append_run *run, const char *why)
{
    if (!run->failed) {
        run->failed = true;
        snprintf(run->why, sizeof run->why, "%s", why);
    }
    return false;
}

static bool append_one(struct append_run *run, struct bytes record)
{
    const struct sealift_record order = {.data = record.data,
                                         .size = record.size,
                                         .durability = run->order->durability,
                                         .done = on_appended,
                                         .context = run};

    for (;;) {
        const enum sealift_status status = sealift_append(run->sealift, &order);

        if (status == SEALIFT_OK) {
            run->records++;
            run->bytes += record.size;
            return !run->failed;
        }
        if (status != SEALIFT_FULL) {
            return give_up(run, sealift_why(run->sealift));
        }
        if (interrupted || sealift_poll(run->sealift, 1000) == SEALIFT_UNREACHABLE) {
            return give_up(run, interrupted ? "interrupted" : sealift_why(run->sealift));
        }
        waiting_look(&run->waiting, sealift_why(run->sealift));
        say_progress(run);
    }
}

/* While the input has nothing for us, what we have is sent and answers are heard. */
static bool wait_for_input(struct append_run *run, const struct slice *slice)
{
    while (!slice_is_ready(slice)) {
        struct pollfd input = {.fd = slice->fd, .events = POLLIN};

        if (poll(&input, 1, 0) != 0) {
            return true;
        }
        sealift_flush(run->sealift);
        if (interrupted || sealift_poll(run->sealift, 10) == SEALIFT_UNREACHABLE) {
            return give_up(run, interrupted ? "interrupted" : sealift_why(run->sealift));
        }
        waiting_look(&run->waiting, sealift_why(run->sealift));
        say_progress(run);
    }
    return true;
}

static bool append_input(struct append_run *run, int fd, const char *name)
{
    struct slice slice;
    struct bytes record;
    enum status status = OK;

    slice_open(&slice, run->order->kind, run->order->raw_bytes, fd);
    while (!run->failed && wait_for_input(run, &slice)) {
        status = slice_next(&slice, &record);
        if (status != OK || !append_one(run, record)) {
            break;
        }
        if (run->records % 256 == 0) {
            sealift_poll(run->sealift, 0);
            say_progress(run);
        }
    }
    if (status != OK && status != E_CLOSED && !run->failed) {
        run->bad_input = true;
        snprintf(run->why, sizeof run->why, "%.200s: record %" PRIu64 ": %s (%s)", name,
                 run->records + 1, status_text(status), status_name(status));
    }
    run->empty_lines += slice.empty_lines;
    slice_close(&slice);
    return !run->failed && !run->bad_input;
}

static bool is_folder(int fd)
{
    struct stat about;

    return fstat(fd, &about) == 0 && S_ISDIR(about.st_mode);
}

static void append_files(struct append_run *run)
{
    const struct append_order *order = run->order;

    if (order->file_count == 0) {
        append_input(run, STDIN_FILENO, "standard input");
    }
    for (unsigned i = 0; i < order->file_count && !run->failed && !run->bad_input; i++) {
        int fd = open(order->files[i], O_RDONLY | O_CLOEXEC);

        if (fd >= 0 && is_folder(fd)) {
            close(fd);
            fd = -1;
            errno = EISDIR;
        }
        if (fd < 0) {
            snprintf(run->why, sizeof run->why, "%.300s: %s", order->files[i], strerror(errno));
            run->bad_input = true;
            return;
        }
        append_input(run, fd, order->files[i]);
        close(fd);
    }
}

static void drain(struct append_run *run)
{
    while (sealift_in_flight(run->sealift) > 0) {
        const enum sealift_status status = sealift_drain(run->sealift, 200);

        if (status == SEALIFT_UNREACHABLE) {
            give_up(run, sealift_why(run->sealift));
            return;
        }
        waiting_look(&run->waiting, sealift_why(run->sealift));
        say_progress(run);
        if (interrupted) {
            give_up(run, "interrupted: what was in flight may have been appended");
            return;
        }
    }
}

static void say_done(const struct append_run *run, double seconds)
{
    if (run->acked > 0) {
        printf("%" PRIu64 " records, LSN %" PRIu64 " to %" PRIu64 ", %.3f s\n", run->acked,
               run->first_lsn, run->last_lsn, seconds);
    }
    if (run->empty_lines > 0) {
        printf("%" PRIu64 " empty lines left out\n", run->empty_lines);
    }
}

static int report(struct append_run *run)
{
    const double seconds = progress_seconds(&run->progress);

    progress_end(&run->progress);
    if (run->failed || run->bad_input) {
        fprintf(stderr, "sealift append: %s; %" PRIu64 " records were appended before\n", run->why,
                run->acked);
    }
    if (run->order->json) {
        printf("{\"records\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"first_lsn\": %" PRIu64
               ", \"last_lsn\": %" PRIu64 ", \"empty_lines\": %" PRIu64 ", \"seconds\": %.6f}\n",
               run->acked, run->bytes, run->first_lsn, run->last_lsn, run->empty_lines, seconds);
    } else if (!run->order->quiet) {
        say_done(run, seconds);
    }
    return run->failed || run->bad_input ? EXIT_REFUSED : EXIT_DONE;
}

static void choose(struct append_order *order, enum slice_kind kind, const char *form,
                   const struct argp_state *state)
{
    if (order->form != NULL && order->kind != kind) {
        argp_failure(state, EXIT_USAGE, 0, "%s and %s contradict each other", order->form, form);
    }
    order->kind = kind;
    order->form = form;
}

static const struct argp_option options[] = {
    {"to", OPTION_TO, "ADDRESS", 0, "a member: HOST:PORT or unix:PATH (repeat for more)", 1},
    {"durability", 'd', "LEVEL", 0, "local, quorum:K or region:N (default: the cluster's)", 1},
    {"lines", OPTION_LINES, 0, 0, "a record is a line (default); empty lines are left out", 2},
    {"frames", OPTION_FRAMES, 0, 0, "a record follows its length: 4 bytes, little-endian", 2},
    {"raw", OPTION_RAW, "N", 0, "a record is the next N bytes", 2},
    {"json", OPTION_JSON, 0, 0, "report as one JSON object", 3},
    {"quiet", 'q', 0, 0, "no progress, no report", 3},
    {0}};

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct append_order *order = state->input;
    struct level level;
    char *end;

    switch (option) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &order->connect;
        return 0;
    case OPTION_TO:
        connect_add(&order->connect, argument, state);
        return 0;
    case 'd':
        if (level_parse(&level, argument) != OK) {
            argp_failure(state, EXIT_USAGE, 0, "no durability level '%s'", argument);
        }
        order->durability = argument;
        return 0;
    case OPTION_LINES:
        choose(order, SLICE_LINES, "--lines", state);
        return 0;
    case OPTION_FRAMES:
        choose(order, SLICE_FRAMES, "--frames", state);
        return 0;
    case OPTION_RAW:
        choose(order, SLICE_RAW, "--raw", state);
        order->raw_bytes = strtoul(argument, &end, 10);
        if (*end != '\0' || order->raw_bytes == 0 || order->raw_bytes > SEALIFT_RECORD_BYTES_MAX) {
            argp_failure(state, EXIT_USAGE, 0, "--raw takes 1 to %d", SEALIFT_RECORD_BYTES_MAX);
        }
        return 0;
    case OPTION_JSON:
        order->json = true;
        return 0;
    case 'q':
        order->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        if (order->file_count == FILES_MAX) {
            argp_failure(state, EXIT_USAGE, 0, "at most %d files", FILES_MAX);
        }
        order->files[order->file_count++] = argument;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

int verb_append(int argc, char **argv)
{
    static const struct argp_child children[] = {{&connect_argp, 0, "Who we are:", 10}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[FILE...]",
        .doc = "Appends records from files or standard input.\vThe exit code is 0 when every "
               "record was acknowledged at its durability level.",
        .children = children};
    static struct append_order order;
    struct append_run run = {.order = &order};
    char text[SEALIFT_TEXT_MAX];

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    connect_complete(&order.connect);

    const struct sealift_options sealift_options = connect_options(&order.connect);

    progress_begin(&run.progress);
    run.waiting = (struct waiting){.verb = "append", .quiet = order.quiet};
    run.sealift =
        connect_lacks_any(&order.connect, text) ? NULL : sealift_open(&sealift_options, text);
    if (run.sealift == NULL) {
        fprintf(stderr, "sealift append: %s\n", text);
        return EXIT_USAGE;
    }
    running = run.sealift;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    append_files(&run);
    if (!run.failed) {
        drain(&run);
    }
    const int result = report(&run);

    running = NULL;
    sealift_close(run.sealift);
    return result;
}
