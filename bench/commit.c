/* How long does one append take until it is durable at its level?
 *
 * First every client appends as soon as its last append is answered: that gives the rate. Then
 * each appends on a schedule at half of that rate, and a time counts from when its append was
 * *due*, so that a stall is felt by all that waited behind it (no coordinated omission). A client
 * is a thread with a link of its own.
 *
 * With --pause-keys: the same appends, flat out, in turns with the key service running and stopped
 * (SIGSTOP), which is silence and no refusal. No commit asks for a key, so the ratio is about 1. */
#include "base/check.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/histogram.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLIENTS_MAX = 64, ANSWER_MS_MAX = 30000 };

static const char *const levels[] = {"local", "quorum:1"};
static const unsigned client_counts[] = {1, CLIENTS_MAX};

struct plan {
    const char *level;
    const char *client; /* how it reaches the primary */
    const uint8_t *record;
    uint64_t record_bytes;
    struct instant begin, end;
    struct span gap; /* between two appends of one client; 0: none */
};

struct client {
    pthread_t thread;
    struct sealift *sealift;
    const struct plan *plan;
    struct span phase; /* so that clients do not all append at once */
    struct histogram times;
    bool answered, failed;
    char why[SEALIFT_TEXT_MAX];
};

static void on_appended(void *context, const struct sealift_appended *appended)
{
    struct client *client = context;

    client->answered = true;
    if (appended->status != SEALIFT_OK) {
        client->failed = true;
        snprintf(client->why, sizeof client->why, "%s", appended->text);
    }
}

static void sleep_until(struct instant when)
{
    const struct timespec time = {.tv_sec = (time_t)(when.ns / 1000000000u),
                                  .tv_nsec = (long)(when.ns % 1000000000u)};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static void append_one(struct client *client)
{
    const struct sealift_record record = {.data = client->plan->record,
                                          .size = client->plan->record_bytes,
                                          .durability = client->plan->level,
                                          .done = on_appended,
                                          .context = client};

    client->answered = false;
    CHECK(sealift_append(client->sealift, &record) == SEALIFT_OK);
    while (!client->answered) {
        const enum sealift_status status = sealift_poll(client->sealift, ANSWER_MS_MAX);

        if (status != SEALIFT_OK && !client->answered) {
            client->failed = true;
            snprintf(client->why, sizeof client->why, "%s", sealift_why(client->sealift));
            return;
        }
    }
}

static void *client_main(void *argument)
{
    struct client *client = argument;
    const struct plan *plan = client->plan;
    struct instant due = instant_add(plan->begin, client->phase);

    sleep_until(due);
    while (!client->failed && !instant_reached(plan->end, due)) {
        append_one(client);

        const struct instant now = session_now();

        histogram_add(&client->times, instant_since(due, now).ns);
        due = plan->gap.ns == 0 ? now : instant_add(due, plan->gap);
        if (!instant_reached(due, now)) {
            sleep_until(due);
        }
    }
    return NULL;
}

/* Runs all clients through the plan, and gathers their times. */
static bool run(struct client *clients, unsigned count, struct plan *plan, struct histogram *times)
{
    bool done = true;

    plan->begin = instant_add(session_now(), SPAN_MS(20));
    plan->end = instant_add(plan->begin, (struct span){plan->end.ns});
    memset(times, 0, sizeof *times);
    for (unsigned i = 0; i < count; i++) {
        memset(&clients[i].times, 0, sizeof clients[i].times);
        clients[i].plan = plan;
        clients[i].phase = (struct span){plan->gap.ns * i / count};
        CHECK(pthread_create(&clients[i].thread, NULL, client_main, &clients[i]) == 0);
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(clients[i].thread, NULL);
        histogram_merge(times, &clients[i].times);
        if (clients[i].failed) {
            done = false;
            fprintf(stderr, "sealift-bench: append at %s: %s\n", plan->level, clients[i].why);
        }
    }
    return done;
}

static json_t *microseconds(const struct histogram *times, double share)
{
    return report_number((double)histogram_at(times, share) / 1e3);
}

/* One level, so many clients. */
static bool measure(struct client *clients, unsigned count, struct plan *plan, double seconds,
                    struct report *report)
{
    struct histogram *flat_out = calloc(2, sizeof *flat_out);
    struct histogram *paced = flat_out + 1;
    const uint64_t ns = (uint64_t)(seconds * 1e9);

    CHECK(flat_out != NULL);
    plan->gap = (struct span){0};
    plan->end = (struct instant){ns};

    bool done = run(clients, count, plan, flat_out);
    const double rate = (double)flat_out->count / seconds;

    if (done) {
        plan->gap = (struct span){(uint64_t)(2e9 * count / rate)};
        plan->end = (struct instant){ns};
        done = run(clients, count, plan, paced);
    }
    if (done) {
        report_line(report,
                    json_pack("{s:s, s:I, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                              "bench", "commit", "record_bytes", (json_int_t)plan->record_bytes,
                              "client", plan->client, "level", plan->level, "clients", (int)count,
                              "records_per_s", report_number(rate), "flat_out_p50_us",
                              microseconds(flat_out, 0.5), "flat_out_p99_us",
                              microseconds(flat_out, 0.99), "paced_per_s",
                              report_number((double)paced->count / seconds), "p50_us",
                              microseconds(paced, 0.5), "p99_us", microseconds(paced, 0.99),
                              "p999_us", microseconds(paced, 0.999)));
    }
    free(flat_out);
    return done;
}

/* What the rounds saw, with the key service running (0) and stopped (1). */
struct paused {
    double p50_us[2][BENCH_ROUNDS_MAX], p99_us[2][BENCH_ROUNDS_MAX];
    double max_us;
    uint64_t commits;
};

static bool run_paused(const struct cluster *cluster, struct client *clients, unsigned count,
                       struct plan *plan, double seconds, unsigned round, struct paused *paused)
{
    struct histogram *times = calloc(1, sizeof *times);
    bool done = true;

    CHECK(times != NULL);
    for (unsigned stopped = 0; done && stopped < 2; stopped++) {
        kill(cluster->keyd.child.pid, stopped ? SIGSTOP : SIGCONT);
        plan->gap = (struct span){0};
        plan->end = (struct instant){(uint64_t)(seconds * 1e9)};
        done = run(clients, count, plan, times);
        paused->p50_us[stopped][round] = (double)histogram_at(times, 0.5) / 1e3;
        paused->p99_us[stopped][round] = (double)histogram_at(times, 0.99) / 1e3;
    }
    kill(cluster->keyd.child.pid, SIGCONT);

    const double max_us = (double)histogram_at(times, 1) / 1e3;

    paused->max_us = max_us > paused->max_us ? max_us : paused->max_us;
    paused->commits += times->count;
    free(times);
    return done;
}

static bool measure_paused(const struct cluster *cluster, struct client *clients, unsigned count,
                           struct plan *plan, const struct bench_options *options,
                           struct report *report)
{
    struct paused paused = {0};
    double p50_us[2], p99_us[2];

    for (unsigned i = 0; i < options->rounds; i++) {
        if (!run_paused(cluster, clients, count, plan, options->seconds, i, &paused)) {
            return false;
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        p50_us[i] = report_median(paused.p50_us[i], options->rounds);
        p99_us[i] = report_median(paused.p99_us[i], options->rounds);
    }
    report_line(
        report,
        json_pack("{s:s, s:I, s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "bench",
                  "commit-keys-paused", "record_bytes", (json_int_t)plan->record_bytes, "client",
                  plan->client, "level", plan->level, "clients", (int)count, "rounds",
                  (int)options->rounds, "p50_us", report_number(p50_us[0]), "p99_us",
                  report_number(p99_us[0]), "paused_p50_us", report_number(p50_us[1]),
                  "paused_p99_us", report_number(p99_us[1]), "ratio_p50",
                  report_number(p50_us[1] / p50_us[0]), "ratio_p99",
                  report_number(p99_us[1] / p99_us[0]), "paused_max_us",
                  report_number(paused.max_us), "paused_commits", (json_int_t)paused.commits));
    return true;
}

static bool connect_all(const struct cluster *cluster, struct client *clients)
{
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        clients[i].sealift = cluster_connect(cluster);
        if (clients[i].sealift == NULL) {
            return false;
        }
    }
    return true;
}

static bool measure_all(const struct cluster *cluster, const struct bench_options *options,
                        struct report *report)
{
    struct client *clients = calloc(CLIENTS_MAX, sizeof *clients);
    const uint64_t bytes = options->record_bytes == 0 ? 100 : options->record_bytes;
    uint8_t *record = calloc(1, bytes);
    struct plan plan = {.client = cluster_client(cluster), .record = record, .record_bytes = bytes};

    CHECK(clients != NULL && record != NULL);

    bool done = connect_all(cluster, clients);

    for (unsigned c = 0; c < COUNT_OF(client_counts); c++) {
        for (unsigned i = 0; done && i < COUNT_OF(levels); i++) {
            struct histogram warm_up;

            plan.level = levels[i];
            plan.gap = (struct span){0};
            plan.end = (struct instant){100000000}; /* links are dialed at their first append */
            done =
                run(clients, client_counts[c], &plan, &warm_up)
                && (options->pause_keys
                        ? measure_paused(cluster, clients, client_counts[c], &plan, options, report)
                        : measure(clients, client_counts[c], &plan, options->seconds, report));
        }
    }
    for (unsigned i = 0; i < CLIENTS_MAX && clients[i].sealift != NULL; i++) {
        sealift_close(clients[i].sealift);
    }
    free(record);
    free(clients);
    return done;
}

bool bench_commit(const struct bench_options *options, struct report *report)
{
    struct cluster cluster;
    const bool done = cluster_open(&cluster, options) && measure_all(&cluster, options, report);

    cluster_close(&cluster);
    return done;
}
