/* `sealift`: the command people type. One table of verbs; each has its own file and help. */
#include "cli/verbs.h"

#include "base/check.h"
#include "base/version.h"
#include "host/key_json.h"
#include "seal/aes_provider.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct verb verbs[] = {
    {"append", verb_append, "append lines, frames or raw bytes to a WAL"},
    {"tail", verb_tail, "read records from any member, and follow"},
    {"status", verb_status, "members: regions, roles, positions, lag, keys"},
    {"promote", verb_promote, "make a replica the primary, without losing what was committed"},
    {"verify", verb_verify, "is a data folder whole, and which key opens it"},
    {"inspect", verb_inspect, "what a segment, keyring, descriptor or control file says"},
    {"keys", verb_keys, "which KMS key wraps what, since when; survivors, rotate-dek, rewrap"},
    {"pki", verb_pki, "a private CA and certificates for a deployment"},
    {"up", verb_up, "start the key services of simulated regions on this machine"},
    {"down", verb_down, "end what 'up' has started"},
    {"wan", verb_wan, "simulated links between regions: delay, bandwidth, cuts"},
    {"demo", verb_demo, "three regions on this machine, every promise shown"},
    {"failpoints", verb_failpoints, NULL}, /* for tests: not in the help */
};

static void usage(FILE *to)
{
    fprintf(to, "usage: sealift VERB [OPTIONS]\n\n");
    for (unsigned i = 0; i < COUNT_OF(verbs); i++) {
        if (verbs[i].summary != NULL) {
            fprintf(to, "  %-8s  %s\n", verbs[i].name, verbs[i].summary);
        }
    }
    fprintf(to, "\n'sealift VERB --help' tells the rest.\n");
}

static void last_words(const char *text)
{
    fprintf(stderr, "sealift: a bug stopped this command: %s\n", text);
}

/* Usage and mistakes are said in the name of the whole command, as it was typed. */
static int run(const struct verb *verb, int argc, char **argv)
{
    static char name[32];

    snprintf(name, sizeof name, "sealift %s", verb->name);
    argv[0] = program_invocation_short_name = name;
    return verb->run(argc, argv);
}

int main(int argc, char **argv)
{
    check_listen(last_words);
    (void)aes_provider_choose(AES_AUTO);
    key_json_init(); /* before the first JSON value: it chooses how all of them are freed */
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write, not a death */
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("sealift " SEALIFT_VERSION);
        return EXIT_DONE;
    }
    for (unsigned i = 0; i < COUNT_OF(verbs); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            return run(&verbs[i], argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "sealift: no verb '%s'\n", argv[1]);
    usage(stderr);
    return EXIT_USAGE;
}
