/* `sealift tail`: records from any member, from an LSN on, to standard output.
 *
 * As lines, as frames (4 bytes of length, little-endian), as raw bytes one behind the other, or as
 * JSON objects with the LSN. Ends at the last visible record unless told to follow. */
#include "base/base64.h"
#include "base/check.h"
#include "cli/connect.h"
#include "cli/verbs.h"
#include "cli/waiting.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPTION_FROM = 0x200, OPTION_FRAMES, OPTION_RAW, OPTION_JSON, OPTION_LINES };

enum tail_form { TAIL_LINES, TAIL_FRAMES, TAIL_RAW, TAIL_JSON };

struct tail_order {
    struct connect connect;
    enum tail_form form;
    bool formed; /* an option has said so */
    uint64_t since;
    uint64_t count; /* 0: all */
    bool follow;
};

struct tail_run {
    const struct tail_order *order;
    uint64_t records;
    bool broken; /* standard output takes no more */
    char *base64; /* room for the largest record */
    struct waiting waiting;
};

static struct sealift *running; /* for the signal handler alone */

static void on_signal(int signal)
{
    (void)signal;
    if (running != NULL) {
        sealift_stop(running);
    }
}

static void put_json(struct tail_run *run, uint64_t lsn, struct bytes record)
{
    if (run->base64 == NULL) {
        run->base64 = malloc(base64_text_size(SEALIFT_RECORD_BYTES_MAX) + 1);
        CHECK(run->base64 != NULL);
    }
    base64_encode(record, run->base64);
    printf("{\"lsn\": %" PRIu64 ", \"bytes\": %zu, \"base64\": \"%s\"}\n", lsn, record.size,
           run->base64);
}

static void put_frame(struct bytes record)
{
    const uint8_t length[4] = {(uint8_t)record.size, (uint8_t)(record.size >> 8),
                               (uint8_t)(record.size >> 16), (uint8_t)(record.size >> 24)};

    fwrite(length, 1, sizeof length, stdout);
    fwrite(record.data, 1, record.size, stdout);
}

static bool on_record(void *context, uint64_t lsn, const void *data, size_t size)
{
    struct tail_run *run = context;
    const struct bytes record = bytes_of(data, size);

    switch (run->order->form) {
    case TAIL_LINES:
        fwrite(data, 1, size, stdout);
        putchar('\n');
        break;
    case TAIL_FRAMES:
        put_frame(record);
        break;
    case TAIL_RAW:
        fwrite(data, 1, size, stdout);
        break;
    case TAIL_JSON:
        put_json(run, lsn, record);
        break;
    }
    run->records++;
    if (run->order->follow) {
        fflush(stdout);
    }
    run->broken = ferror(stdout) != 0;
    return !run->broken && (run->order->count == 0 || run->records < run->order->count);
}

static void on_waiting(void *context, const char *why)
{
    struct tail_run *run = context;

    waiting_look(&run->waiting, why);
}

static const struct argp_option options[] = {
    {"from", OPTION_FROM, "ADDRESS", 0, "a member: HOST:PORT or unix:PATH (repeat for more)", 1},
    {"since", 's', "LSN", 0, "begin with this LSN (default: the first there is)", 1},
    {"count", 'n', "N", 0, "stop after N records", 1},
    {"follow", 'f', 0, 0, "wait for more at the end", 1},
    {"lines", OPTION_LINES, 0, 0, "each record and a newline (default)", 2},
    {"frames", OPTION_FRAMES, 0, 0, "each record behind its length: 4 bytes, little-endian", 2},
    {"raw", OPTION_RAW, 0, 0, "the records' bytes, one behind the other", 2},
    {"json", OPTION_JSON, 0, 0, "one object a record: lsn, bytes, base64", 2},
    {0}};

static uint64_t number(const char *text, struct argp_state *state)
{
    char *end;
    const unsigned long long value = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0') {
        argp_failure(state, EXIT_USAGE, 0, "'%s' is no number", text);
    }
    return value;
}

static void choose(struct tail_order *order, enum tail_form form, const struct argp_state *state)
{
    static const char *const names[] = {
        [TAIL_LINES] = "lines", [TAIL_FRAMES] = "frames", [TAIL_RAW] = "raw", [TAIL_JSON] = "json"};

    if (order->formed && order->form != form) {
        argp_failure(state, EXIT_USAGE, 0, "--%s and --%s contradict each other",
                     names[order->form], names[form]);
    }
    order->form = form;
    order->formed = true;
}

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct tail_order *order = state->input;

    switch (option) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &order->connect;
        return 0;
    case OPTION_FROM:
        connect_add(&order->connect, argument, state);
        return 0;
    case 's':
        order->since = number(argument, state);
        return 0;
    case 'n':
        order->count = number(argument, state);
        return 0;
    case 'f':
        order->follow = true;
        return 0;
    case OPTION_LINES:
        choose(order, TAIL_LINES, state);
        return 0;
    case OPTION_FRAMES:
        choose(order, TAIL_FRAMES, state);
        return 0;
    case OPTION_RAW:
        choose(order, TAIL_RAW, state);
        return 0;
    case OPTION_JSON:
        choose(order, TAIL_JSON, state);
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, EXIT_USAGE, 0, "'%s': say --from ADDRESS", argument);
    }
    return ARGP_ERR_UNKNOWN;
}

static int run_tail(const struct tail_order *order, struct sealift *sealift)
{
    struct tail_run run = {.order = order, .waiting = {.verb = "tail"}};
    const struct sealift_reading reading = {.from_lsn = order->since,
                                            .follow = order->follow,
                                            .record = on_record,
                                            .context = &run,
                                            .waiting = on_waiting};
    const enum sealift_status status = sealift_read(sealift, &reading);

    free(run.base64);
    if (fflush(stdout) != 0 || run.broken) {
        perror("sealift tail: standard output");
        return EXIT_REFUSED;
    }
    if (status != SEALIFT_OK) {
        fprintf(stderr, "sealift tail: %s\n", sealift_why(sealift));
        return EXIT_REFUSED;
    }
    return EXIT_DONE;
}

int verb_tail(int argc, char **argv)
{
    static const struct argp_child children[] = {{&connect_argp, 0, "Who we are:", 10}, {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .doc = "Prints the records that are committed and here.",
                                     .children = children};
    struct tail_order order = {.form = TAIL_LINES};
    char text[SEALIFT_TEXT_MAX];

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    connect_complete(&order.connect);

    const struct sealift_options sealift_options = connect_options(&order.connect);
    struct sealift *sealift =
        connect_lacks_any(&order.connect, text) ? NULL : sealift_open(&sealift_options, text);

    if (sealift == NULL) {
        fprintf(stderr, "sealift tail: %s\n", text);
        return EXIT_USAGE;
    }
    running = sealift;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    const int result = run_tail(&order, sealift);

    running = NULL;
    sealift_close(sealift);
    return result;
}
