/* `sealift demo`: three regions on this machine, a real workload, and every promise shown.
 *
 * Starts everything, lets a workload run under a live table, then does to it what production will
 * do: cuts a region off, kills a replica, asks for what must be refused; stops, and looks at the
 * disks. Ends by itself, leaves nothing running, and fails if any promise failed. */
#include "base/check.h"
#include "cli/demo_promises.h"
#include "cli/verbs.h"
#include "client/session.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPTION_SECONDS = 0x200, OPTION_KEEP, OPTION_JSON, TABLE_MS = 500 };

struct demo_order {
    unsigned seconds;
    const char *keep;
    bool json;
};

struct promise {
    const char *name;
    const char *text;
    bool (*show)(struct demo_show *show);
    bool at_rest; /* on the folders, with all members stopped */
};

static const struct promise promises[] = {
    {"region_cut_and_healed", "a region that is cut off falls behind, heals and catches up",
     promise_region_cut_and_healed, false},
    {"replica_killed_and_recovered", "a replica that is killed with -9 recovers",
     promise_replica_killed_and_recovered, false},
    {"other_setting_refused", "a replica with the other at-rest setting is refused",
     promise_other_setting_refused, false},
    {"acknowledged_records_are_read", "every acknowledged record is read back everywhere",
     promise_acknowledged_records_are_read, false},
    {"own_key_alone_opens", "each region's key alone opens its envelope",
     promise_own_key_alone_opens, false},
    {"same_bytes_everywhere", "the valid bytes of every segment are identical in all regions",
     promise_same_bytes_everywhere, true},
    {"verified_without_key", "every copy verifies without a key", promise_verified_without_key,
     true},
    {"verified_with_key", "every copy verifies with its region's key", promise_verified_with_key,
     true},
    {"no_plaintext_on_disk", "no plaintext is on any disk", promise_no_plaintext_on_disk, true},
};

static void show_table(struct demo_world *world, const struct demo_load *load, bool terminal)
{
    struct status_answer answers[DEMO_MEMBERS];

    demo_ask(world);
    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        answers[i] = world->members[i].answer;
        if (!terminal) {
            answers[i].status.feed_count = 0;
        }
    }
    if (terminal) {
        printf("\033[H\033[2J");
    }
    status_print_table(answers, DEMO_MEMBERS);
    printf("%" PRIu64 " records acknowledged on two regions' disks, mean commit %.1f ms\n\n",
           load->acked,
           load->acked == 0 ? 0 : (double)load->latency_us_sum / (double)load->acked / 1000);
    fflush(stdout);
}

static bool run_load(const struct demo_order *order, struct demo_show *show)
{
    const bool terminal = isatty(STDOUT_FILENO) && !order->json;
    const unsigned gap_ms = terminal ? TABLE_MS : 5000;
    const struct instant end = instant_add(session_now(), SPAN_S(order->seconds));

    while (!instant_reached(end, session_now())) {
        const uint64_t left_ms = instant_since(session_now(), end).ns / 1000000 + 1;

        if (!demo_load_run(show->load, left_ms < gap_ms ? (unsigned)left_ms : gap_ms)) {
            fprintf(stderr, "sealift demo: %s\n", show->load->why);
            return false;
        }
        if (!order->json) {
            show_table(show->world, show->load, terminal);
        }
    }
    return demo_load_drain(show->load, 30000) && demo_wait_in_step(show->world, 30000);
}

static bool show_promises(const struct demo_order *order, struct demo_show *show, json_t *results)
{
    bool all = true, stopped = false;

    for (unsigned i = 0; i < COUNT_OF(promises); i++) {
        if (promises[i].at_rest && !stopped) {
            demo_world_stop_members(show->world);
            stopped = true;
        }
        show->saw[0] = '\0';
        const bool holds = promises[i].show(show);

        all &= holds;
        json_object_set_new(results, promises[i].name, json_boolean(holds));
        if (!order->json) {
            printf("%s  %s\n      %s\n", holds ? "  ok" : "FAIL", promises[i].text, show->saw);
            fflush(stdout);
        } else if (!holds) {
            fprintf(stderr, "FAIL %s: %s\n", promises[i].name, show->saw);
        }
    }
    return all;
}

static void report(const struct demo_order *order, const struct demo_show *show, json_t *results,
                   bool all)
{
    if (order->json) {
        json_t *object = json_pack("{s:O, s:b, s:I, s:I, s:f, s:s?}", "promises", results, "all",
                                   all, "records", (json_int_t)show->load->acked, "bytes",
                                   (json_int_t)show->load->bytes, "mean_commit_ms",
                                   show->load->acked == 0 ? 0.0
                                                          : (double)show->load->latency_us_sum
                                                                / (double)show->load->acked / 1000,
                                   "dir", order->keep);

        json_dumpf(object, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(object);
    } else {
        printf("\n%s\n", all ? "Every promise holds." : "A promise FAILED.");
        if (order->keep != NULL) {
            printf("Everything is kept in %s\n", order->keep);
        }
    }
}

static const struct argp_option options[] = {
    {"seconds", OPTION_SECONDS, "N", 0, "how long the workload runs first (default 15)", 1},
    {"keep", OPTION_KEEP, "DIR", 0, "keep folders, certificates and logs in a new DIR", 1},
    {"json", OPTION_JSON, 0, 0, "the last line is one object: {\"promises\": {...}, ...}", 1},
    {0}};

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct demo_order *order = state->input;

    switch (option) {
    case OPTION_SECONDS:
        order->seconds = (unsigned)strtoul(argument, NULL, 10);
        if (order->seconds < 1 || order->seconds > 86400) {
            argp_failure(state, EXIT_USAGE, 0, "--seconds takes 1 to 86400");
        }
        return 0;
    case OPTION_KEEP:
        order->keep = argument;
        return 0;
    case OPTION_JSON:
        order->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "demo takes no '%s'", argument);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static struct demo_world world; /* large; and the signal handler's */

static void on_signal(int signal)
{
    (void)signal;
    _exit(EXIT_REFUSED); /* the children die with us; an unkept folder stays for a look */
}

static bool run(const struct demo_order *order, json_t *results)
{
    struct demo_load load = {0};
    struct demo_show show = {.world = &world, .load = &load};
    struct sealift_options sealift_options;

    if (!demo_world_open(&world, order->keep)) {
        return false;
    }
    sealift_options = connect_options(&world.connect);
    sealift_options.addresses[0] = world.members[0].answer.address;
    if (!demo_load_open(&load, &sealift_options)) {
        fprintf(stderr, "sealift demo: %s\n", load.why);
        return false;
    }
    bool all = run_load(order, &show);

    if (!all) {
        fprintf(stderr, "sealift demo: the workload did not end well: %s\n", load.why);
    }
    all &= show_promises(order, &show, results);
    report(order, &show, results, all);
    demo_load_close(&load);
    return all;
}

int verb_demo(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Three regions on this machine, a real workload, every promise shown.\vThe exit "
               "code is 0 when every promise held."};
    struct demo_order order = {.seconds = 15};
    json_t *results = json_object();

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (!order.json) {
        printf("Starting three regions: key services, a relay as slow as the oceans, a primary, "
               "three replicas.\n");
        fflush(stdout);
    }
    const bool all = run(&order, results);

    demo_world_close(&world);
    json_decref(results);
    return all ? EXIT_DONE : EXIT_REFUSED;
}
