/* `sealift-bench`: parse, run what was asked, print the summary. */
#include "base/check.h"
#include "bench/bench.h"
#include "bench/keys_client.h"
#include "seal/aes_provider.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, SECONDS_MAX = 60 };
enum {
    OPTION_SECONDS = 0x100,
    OPTION_ROUNDS,
    OPTION_RECORD,
    OPTION_JSON,
    OPTION_FOLDER,
    OPTION_CLEAR,
    OPTION_CLIENT_TLS,
    OPTION_AES,
    OPTION_CLIENTS,
    OPTION_PAUSE
};

struct subcommand {
    const char *name;
    bool (*run)(const struct bench_options *options, struct report *report);
};

static const struct subcommand subcommands[] = {{"seal", bench_seal},
                                                {"tls", bench_tls},
                                                {"ship", bench_ship},
                                                {"commit", bench_commit},
                                                {"keys", bench_keys}};

struct asked {
    struct bench_options options;
    const char *what;
    bool json;
};

static const struct argp_option choices[] = {
    {"seconds", OPTION_SECONDS, "N", 0, "of each measurement (default 2)", 0},
    {"rounds", OPTION_ROUNDS, "N", 0, "medians of so many (default 3)", 0},
    {"record-bytes", OPTION_RECORD, "N", 0, "this size only", 0},
    {"clients", OPTION_CLIENTS, "N", 0, "of keys: connections at once (default 64)", 0},
    {"pause-keys", OPTION_PAUSE, NULL, 0,
     "of commit: with the key service running and, in turns, stopped", 0},
    {"json", OPTION_JSON, NULL, 0, "JSON lines; the last is the summary", 0},
    {"folder", OPTION_FOLDER, "DIR", 0, "where clusters live meanwhile (default: /var/tmp)", 0},
    {"client-tls", OPTION_CLIENT_TLS, NULL, 0,
     "the client reaches the primary over TLS, not over a UNIX socket", 0},
    {"aes", OPTION_AES, "WHICH", 0,
     "whose AES-256-GCM members and client use: auto (default) or openssl; the raw TLS stream and "
     "the plain cipher of `seal` always use OpenSSL's",
     0},
    {"no-storage-encrypted", OPTION_CLEAR, NULL, 0, "clusters that are not encrypted at rest", 0},
    {0}};

static double number(struct argp_state *state, const char *text, double least, double most)
{
    char *end;
    const double value = strtod(text, &end);

    if (*text == '\0' || *end != '\0' || !(value >= least && value <= most)) {
        argp_failure(state, EXIT_USAGE, 0, "'%s' is not from %g to %g", text, least, most);
    }
    return value;
}

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct asked *asked = state->input;

    switch (option) {
    case OPTION_SECONDS:
        asked->options.seconds = number(state, argument, 0.05, SECONDS_MAX);
        return 0;
    case OPTION_ROUNDS:
        asked->options.rounds = (unsigned)number(state, argument, 1, BENCH_ROUNDS_MAX);
        return 0;
    case OPTION_RECORD:
        asked->options.record_bytes = (uint64_t)number(state, argument, 1, 8 << 20);
        return 0;
    case OPTION_CLIENTS:
        asked->options.clients = (unsigned)number(state, argument, 1, KEYS_CLIENTS_MAX);
        return 0;
    case OPTION_PAUSE:
        asked->options.pause_keys = true;
        return 0;
    case OPTION_JSON:
        asked->json = true;
        return 0;
    case OPTION_FOLDER:
        asked->options.folder = argument;
        return 0;
    case OPTION_CLIENT_TLS:
        asked->options.client_tls = true;
        return 0;
    case OPTION_AES:
        if (strcmp(argument, "auto") != 0 && strcmp(argument, "openssl") != 0) {
            argp_error(state, "--aes %s: must be auto or openssl", argument);
        }
        asked->options.aes = argument;
        return 0;
    case OPTION_CLEAR:
        asked->options.unencrypted = true;
        return 0;
    case ARGP_KEY_END:
        if (asked->options.pause_keys && asked->options.unencrypted) {
            argp_error(state, "--pause-keys and --no-storage-encrypted contradict each other: "
                              "such a cluster has no key service");
        }
        return 0;
    case ARGP_KEY_ARG:
        if (asked->what != NULL) {
            argp_usage(state);
        }
        asked->what = argument;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

unsigned bench_sizes(const struct bench_options *options, const uint64_t *standard,
                     uint64_t sizes[BENCH_SIZES_MAX])
{
    if (options->record_bytes != 0) {
        sizes[0] = options->record_bytes;
        return 1;
    }
    memcpy(sizes, standard, BENCH_SIZES_MAX * sizeof *sizes);
    return BENCH_SIZES_MAX;
}

static void last_words(const char *text)
{
    fprintf(stderr, "sealift-bench: stopped: %s\n", text);
}

static bool is_asked(const char *what, unsigned subcommand)
{
    return strcmp(what, "all") == 0 || strcmp(what, subcommands[subcommand].name) == 0;
}

static bool is_known(const char *what)
{
    for (unsigned i = 0; i < COUNT_OF(subcommands); i++) {
        if (is_asked(what, i)) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        choices,
        parse,
        "[seal|tls|ship|commit|keys|all]",
        "Measures Sealift on this machine, each figure beside its reference of the same run.\n\n"
        "seal: sealing in memory. tls: one raw TLS 1.3 stream. ship: records until they are "
        "durable "
        "on a replica. commit: time of one append at each level. keys: uses of a "
        "key on one processor.",
        NULL,
        NULL,
        NULL};
    struct asked asked = {
        .options = {.seconds = 2, .rounds = 3, .clients = 64, .folder = "/var/tmp", .aes = "auto"}};
    struct report report;
    bool complete = true;

    check_listen(last_words);
    signal(SIGPIPE, SIG_IGN);
    argp_parse(&argp, argc, argv, 0, NULL, &asked);
    if (asked.what == NULL) {
        asked.what = "all";
    }
    if (!is_known(asked.what)) {
        fprintf(stderr, "sealift-bench: no subcommand '%s': see --help\n", asked.what);
        return EXIT_USAGE;
    }
    CHECK(aes_provider_choose(strcmp(asked.options.aes, "auto") == 0 ? AES_AUTO : AES_OPENSSL));
    report_begin(&report, asked.json);
    for (unsigned i = 0; i < COUNT_OF(subcommands); i++) {
        if (is_asked(asked.what, i)) {
            complete &= subcommands[i].run(&asked.options, &report);
        }
    }
    report_end(&report, complete);
    return complete ? EXIT_DONE : EXIT_FAILED;
}
