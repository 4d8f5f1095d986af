/* `sealift demo`: three regions on this machine, a real workload, and every promise shown. With
 * --input postgres the workload is a real database server, whose WAL is what is shipped.
 *
 * Starts everything, lets a workload run under a live table, then does to it what production will
 * do: cuts a region off, kills a replica, asks for what must be refused; stops, and looks at the
 * disks. Ends by itself, leaves nothing running, and fails if any promise failed. */
#include "base/check.h"
#include "cli/demo_report.h"
#include "cli/verbs.h"
#include "client/session.h"

#include <argp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_SECONDS = 0x200, OPTION_KEEP, OPTION_JSON, OPTION_INPUT, TABLE_MS = 500 };

struct demo_order {
    unsigned seconds;
    const char *keep;
    bool json;
    enum demo_input input;
};

static const struct promise promises[] = {
    {"region_cut_and_healed", "a region that is cut off falls behind, heals and catches up",
     promise_region_cut_and_healed, DEMO_BOTH, false},
    {"replica_killed_and_recovered", "a replica that is killed with -9 recovers",
     promise_replica_killed_and_recovered, DEMO_BOTH, false},
    {"other_setting_refused", "a replica with the other at-rest setting is refused",
     promise_other_setting_refused, DEMO_BOTH, false},
    {"acknowledged_records_are_read", "every acknowledged record is read back everywhere",
     promise_acknowledged_records_are_read, DEMO_LINES, false},
    {"segment_files_read_back", "the server's WAL comes back from other regions byte for byte",
     promise_segment_files_read_back, DEMO_POSTGRES, false},
    {"waldump_reads_copies", "pg_waldump reads the copies to their end",
     promise_waldump_reads_copies, DEMO_POSTGRES, false},
    {"server_restored_from_copies", "a server that is restored from the copies has everything",
     promise_server_restored_from_copies, DEMO_POSTGRES, false},
    {"own_key_alone_opens", "each region's key alone opens its envelope",
     promise_own_key_alone_opens, DEMO_BOTH, false},
    {"verified_while_serving", "every member verifies its own copy while it serves",
     promise_verified_while_serving, DEMO_BOTH, false},
    {"same_bytes_everywhere", "the valid bytes of every segment are identical in all regions",
     promise_same_bytes_everywhere, DEMO_BOTH, true},
    {"verified_without_key", "every copy verifies without a key", promise_verified_without_key,
     DEMO_BOTH, true},
    {"verified_with_key", "every copy verifies with its region's key", promise_verified_with_key,
     DEMO_BOTH, true},
    {"no_plaintext_on_disk", "no plaintext is on any disk", promise_no_plaintext_on_disk, DEMO_BOTH,
     true},
};

static void print_progress(const struct demo_show *show)
{
    const struct demo_load *load = show->load;
    const struct demo_pg *pg = show->pg;

    if (pg != NULL) {
        printf("PostgreSQL has archived %u WAL segment files, %" PRIu64 " MB; %u of them are on "
               "two regions' disks\n\n",
               pg->file_count, pg->bytes_archived / 1000000, pg->shipped);
        return;
    }
    printf("%" PRIu64 " records acknowledged on two regions' disks, mean commit %.1f ms\n\n",
           load->acked,
           load->acked == 0 ? 0 : (double)load->latency_us_sum / (double)load->acked / 1000);
}

static void show_table(const struct demo_show *show, bool terminal)
{
    struct demo_world *world = show->world;
    struct status_answer answers[DEMO_MEMBERS];

    demo_ask(world);
    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        answers[i] = world->members[i].answer;
    }
    if (terminal) {
        printf("\033[H\033[2J");
    }
    status_print_table(stdout, answers, DEMO_MEMBERS,
                       terminal ? STATUS_MEMBERS_AND_FEEDS : STATUS_MEMBERS);
    print_progress(show);
    fflush(stdout);
}

static bool run_load(const struct demo_order *order, struct demo_show *show)
{
    const bool terminal = isatty(STDOUT_FILENO) && !order->json;
    const unsigned gap_ms = terminal ? TABLE_MS : 5000;
    const struct instant end = instant_add(session_now(), SPAN_S(order->seconds));

    while (!instant_reached(end, session_now())) {
        const uint64_t left_ms = instant_since(session_now(), end).ns / 1000000 + 1;

        if (!demo_show_run(show, left_ms < gap_ms ? (unsigned)left_ms : gap_ms)) {
            return false;
        }
        if (!order->json) {
            show_table(show, terminal);
        }
    }
    return demo_show_drain(show, 30000) && demo_wait_in_step(show->world, 30000);
}

static const struct argp_option options[] = {
    {"input", OPTION_INPUT, "WHAT", 0,
     "lines (default): of the package database; postgres: a real server's WAL", 1},
    {"seconds", OPTION_SECONDS, "N", 0, "how long the workload runs first (default 15)", 1},
    {"keep", OPTION_KEEP, "DIR", 0, "keep folders, certificates and logs in a new DIR", 1},
    {"json", OPTION_JSON, 0, 0, "the last line is one object: {\"promises\": {...}, ...}", 1},
    {0}};

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct demo_order *order = state->input;
    char *end;

    switch (option) {
    case OPTION_INPUT:
        if (strcmp(argument, "lines") != 0 && strcmp(argument, "postgres") != 0) {
            argp_failure(state, EXIT_USAGE, 0, "--input takes lines or postgres");
        }
        order->input = argument[0] == 'l' ? DEMO_LINES : DEMO_POSTGRES;
        return 0;
    case OPTION_SECONDS:
        order->seconds = (unsigned)strtoul(argument, &end, 10);
        if (*end != '\0' || order->seconds < 1 || order->seconds > 86400) {
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

static void say_from_handler(const char *text)
{
    const ssize_t written = write(STDERR_FILENO, text, strlen(text));

    (void)written; /* nobody reads it: nothing to be done */
}

static void on_signal(int signal)
{
    (void)signal;
    if (world.dir[0] != '\0') {
        say_from_handler("\nsealift demo: interrupted; what it wrote is left in ");
        say_from_handler(world.dir);
        say_from_handler("\n");
    }
    _exit(EXIT_REFUSED); /* the children die with us */
}

static bool open_lines(struct demo_load *load)
{
    struct sealift_options to = connect_options(&world.connect);

    to.addresses[0] = world.members[0].answer.address;
    if (!demo_load_open(load, &to)) {
        fprintf(stderr, "sealift demo: %s\n", load->why);
        return false;
    }
    return true;
}

static int run_and_show(const struct demo_order *order, struct demo_show *show)
{
    const struct demo_report report = {.promises = promises,
                                       .count = COUNT_OF(promises),
                                       .input = order->input,
                                       .json = order->json,
                                       .keep = order->keep,
                                       .to = stdout};
    const bool went_well = run_load(order, show);

    if (!went_well) {
        fprintf(stderr, "sealift demo: the workload did not end well: %s\n", demo_show_why(show));
    }
    return demo_report(&report, show, went_well);
}

static int run(const struct demo_order *order)
{
    static struct demo_load load;
    static struct demo_pg pg;
    const bool lines = order->input == DEMO_LINES;
    struct demo_show show = {
        .world = &world, .load = lines ? &load : NULL, .pg = lines ? NULL : &pg};
    int result = EXIT_REFUSED;

    if (!lines && !demo_pg_is_possible()) {
        return EXIT_REFUSED;
    }
    if (demo_world_open(&world, order->keep)
        && (lines ? open_lines(&load) : demo_pg_open(&pg, &world))) {
        result = run_and_show(order, &show);
    }
    if (lines) {
        demo_load_close(&load);
    } else {
        demo_pg_close(&pg);
    }
    return result;
}

int verb_demo(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Three regions on this machine, a real workload, every promise shown.\vThe exit "
               "code is 0 when every promise held."};
    struct demo_order order = {.seconds = 15, .input = DEMO_LINES};

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (!order.json) {
        printf("Starting three regions: key services, a relay as slow as the oceans, a primary, "
               "three replicas%s.\n",
               order.input == DEMO_POSTGRES ? "; a PostgreSQL server under pgbench" : "");
        fflush(stdout);
    }
    const int result = run(&order);

    demo_world_close(&world);
    return result;
}
