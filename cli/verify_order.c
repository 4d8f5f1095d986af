/* Options of `sealift verify`, and which of them go together. */
#include "cli/verify_order.h"

#include "cli/verbs.h"
#include "keys/arn.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_NO_KEY = 0x200,
    OPTION_JSON,
    OPTION_SERVICE,
    OPTION_CA,
    OPTION_AGAINST,
    OPTION_RATE,
    OPTION_REPLICA,
    OPTION_KEYS,
    OPTION_OTHER,
    OPTION_OUT,
    OPTION_PROOF,
};

static const struct argp_option options[] = {
    {"no-key", OPTION_NO_KEY, 0, 0, "checksums, chain and places only: no seal is opened", 1},
    {"key-service", OPTION_SERVICE, "REGION=URL", 0, "the folder's region's key service", 1},
    {"key-service-ca", OPTION_CA, "FILE", 0, "CA of the key service (default: the system's)", 1},
    {"against", OPTION_AGAINST, "COPY", 0, "compare with this folder or running member", 2},
    {"rate", OPTION_RATE, "MB", 0, "a member may read so many MB a second for this", 2},
    {"replica", OPTION_REPLICA, 0, 0,
     "DIR is a replica's: what its batches say had been durable was so on another disk", 2},
    {"keys", OPTION_KEYS, 0, 0,
     "prove which key opens DIR: it is verified, its key and the others are asked, and what they "
     "said is signed with --key, the key of the member's certificate",
     3},
    {"other-key", OPTION_OTHER, "ARN", 0,
     "a KMS key that must not open it, asked at its own region's --key-service (repeat)", 3},
    {"out", OPTION_OUT, "FILE", 0, "where the proof goes; it must not be there yet", 3},
    {"proof", OPTION_PROOF, "FILE", 0, "check such a proof: needs --ca, and no key", 3},
    {"json", OPTION_JSON, 0, 0, "one object; with --keys the proof itself", 4},
    {0}};

static void add_service(struct verify_order *order, char *argument, struct argp_state *state)
{
    if (!folder_keys_add_service(&order->keys, argument)) {
        argp_error(state, "--key-service %s: must be REGION=https://HOST:PORT", argument);
    }
}

static void set_rate(struct verify_order *order, const char *argument, struct argp_state *state)
{
    char *end;
    const unsigned long mb = strtoul(argument, &end, 10);

    if (*argument < '0' || *argument > '9' || *end != '\0' || mb == 0 || mb > 1000000) {
        argp_error(state, "--rate %s: give a number of MB a second, 1 or more", argument);
    }
    order->rate = (uint64_t)mb * 1000000;
}

/* By its ARN only: an alias may lead to another key tomorrow. */
static void add_other(struct verify_order *order, const char *argument, struct argp_state *state)
{
    struct arn arn;

    if (arn_parse(&arn, argument) != OK || strncmp(arn.resource, "key/", 4) != 0
        || strlen(argument) >= KEY_ARN_TEXT_MAX) {
        argp_error(state, "--other-key %s: give the ARN of a key (arn:aws:kms:REGION:...:key/...)",
                   argument);
    } else if (order->other_count == OTHER_KEYS_MAX) {
        argp_error(state, "--other-key: at most %d", OTHER_KEYS_MAX);
    } else {
        order->others[order->other_count++] = argument;
    }
}

/* What goes together, and what does not. */
static void check_order(struct verify_order *order, struct argp_state *state)
{
    if ((order->path == NULL) == (order->proof == NULL)) {
        argp_error(state, order->path == NULL ? "which data folder or member?"
                                              : "--proof FILE needs no folder");
    } else if (order->proof != NULL && order->prove) {
        argp_error(state, "--keys makes a proof, --proof checks one: say one of them");
    } else if (!order->prove && (order->other_count > 0 || order->out != NULL)) {
        argp_error(state, "--other-key and --out belong to --keys");
    } else if (order->prove && (order->no_key || order->against != NULL)) {
        argp_error(state, "--keys goes without --no-key and --against");
    } else if (order->prove && order->out == NULL && !order->json) {
        argp_error(state, "--keys: where does the proof go? Say --out FILE, or --json");
    }
}

static error_t parse_more(int option, char *argument, struct argp_state *state)
{
    struct verify_order *order = state->input;

    switch (option) {
    case OPTION_KEYS:
        order->prove = true;
        return 0;
    case OPTION_OTHER:
        add_other(order, argument, state);
        return 0;
    case OPTION_OUT:
        order->out = argument;
        return 0;
    case OPTION_PROOF:
        order->proof = argument;
        return 0;
    default: /* foreign: argp's keys */
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct verify_order *order = state->input;

    switch (option) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &order->connect;
        return 0;
    case OPTION_RATE:
        set_rate(order, argument, state);
        return 0;
    case OPTION_NO_KEY:
        order->no_key = true;
        return 0;
    case OPTION_REPLICA:
        order->replica = true;
        return 0;
    case OPTION_JSON:
        order->json = true;
        return 0;
    case OPTION_SERVICE:
        add_service(order, argument, state);
        return 0;
    case OPTION_CA:
        order->keys.ca = argument;
        return 0;
    case OPTION_AGAINST:
        order->against = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (order->path != NULL) {
            argp_error(state, "one copy at a time");
        }
        order->path = argument;
        return 0;
    case ARGP_KEY_END:
        check_order(order, state);
        return 0;
    default: /* foreign: argp's keys */
        return parse_more(option, argument, state);
    }
}

/* What needs the files of a deployment, and lacks them. */
static bool lacks_files(const struct verify_order *order)
{
    const struct connect *connect = &order->connect;
    const bool signs = connect->certificate != NULL && connect->key != NULL;

    return (order->proof != NULL || order->prove)
           && (connect->ca == NULL || (order->prove && !signs));
}

void verify_order_parse(struct verify_order *order, int argc, char **argv)
{
    static const struct argp_child children[] = {{&connect_argp, 0, "Members:", 10}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "DIR|HOST:PORT\n--keys DIR\n--proof FILE",
        .doc = "Verifies one copy of a WAL: every header, checksum, chain, and with its region's "
               "key every seal.\vA data folder is read here, and may be in use; credentials of "
               "its key service are taken from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
               "AWS_SESSION_TOKEN, or from the profile AWS_PROFILE of the shared credentials "
               "file. A running member reads its own copy, past the page cache and "
               "with the keys it holds, and goes on serving: only digests cross the link. Putting "
               "back an older copy of all files of a folder cannot be seen in it: compare it with "
               "another member's (--against). "
               "The exit code is 0 where the copy is whole, or the proof genuine.",
        .children = children};

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, order);
    connect_complete(&order->connect);
    if (lacks_files(order)) {
        fprintf(stderr, "sealift verify: %s\n",
                order->prove ? "--keys needs --ca, and --cert and --key of the member whose copy "
                               "it is, or --pki DIR --as NAME"
                             : "--proof needs --ca FILE: the CA of the deployment");
        exit(EXIT_USAGE);
    }
}
