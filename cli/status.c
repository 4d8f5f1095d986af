/* `sealift status`: asks every address for STATUS, and shows the answers side by side. */
#include "base/check.h"
#include "cli/ask_status.h"
#include "cli/verbs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPTION_JSON = 0x200, MEMBERS_MAX = 64 };

struct status_order {
    struct connect connect;
    const char *addresses[MEMBERS_MAX];
    unsigned count;
    bool json, watch;
};

static volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
    (void)signal;
    stopped = 1;
}

static void print_json(const struct status_answer *answers, unsigned count)
{
    json_t *members = json_array();

    for (unsigned i = 0; i < count; i++) {
        json_array_append_new(members, status_to_json(answers, count, i));
    }
    json_t *object = json_pack("{s:o}", "members", members);

    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

static bool ask_all(const struct status_order *order, struct status_answer *answers)
{
    bool all = true;

    for (unsigned i = 0; i < order->count; i++) {
        struct status_answer *answer = &answers[i];

        answer->previous_us = answer->status.up_us;
        answer->previous_bytes = status_moved_bytes(&answer->status);
        status_ask(&order->connect, answer);
        all &= answer->answered;
    }
    return all;
}

static const struct argp_option options[] = {
    {"watch", 'w', 0, 0, "again every second", 1},
    {"json", OPTION_JSON, 0, 0, "one object: {\"members\": [...]}", 1},
    {0}};

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct status_order *order = state->input;

    switch (option) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &order->connect;
        return 0;
    case 'w':
        order->watch = true;
        return 0;
    case OPTION_JSON:
        order->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (order->count == MEMBERS_MAX) {
            argp_failure(state, EXIT_USAGE, 0, "at most %d members", MEMBERS_MAX);
        }
        order->addresses[order->count++] = argument;
        return 0;
    case ARGP_KEY_END:
        if (order->count == 0) {
            argp_failure(state, EXIT_USAGE, 0, "give the ADDRESS of a member");
        }
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

int verb_status(int argc, char **argv)
{
    static const struct argp_child children[] = {{&connect_argp, 0, "Who we are:", 10}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "ADDRESS...",
        .doc = "Shows what members say of themselves.\vLAG is how far a replica is behind the "
               "primary, where that is asked too; else behind what its upstream told it last; - "
               "where nobody can say. The exit code is 0 when all answered.",
        .children = children};
    struct status_order order = {0};
    bool all;

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    connect_complete(&order.connect);
    struct status_answer *answers = calloc(order.count, sizeof *answers);

    CHECK(answers != NULL);
    for (unsigned i = 0; i < order.count; i++) {
        snprintf(answers[i].address, sizeof answers[i].address, "%s", order.addresses[i]);
    }
    signal(SIGINT, on_signal);
    do {
        all = ask_all(&order, answers);
        if (order.watch && isatty(STDOUT_FILENO) && !order.json) {
            printf("\033[H\033[2J");
        }
        if (order.json) {
            print_json(answers, order.count);
        } else {
            status_print_table(stdout, answers, order.count, STATUS_MEMBERS_AND_FEEDS);
        }
        fflush(stdout);
    } while (order.watch && !stopped && sleep(1) == 0);
    free(answers);
    return all ? EXIT_DONE : EXIT_REFUSED;
}
