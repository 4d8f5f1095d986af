/* The main job: append, durable here, shipped, durable there; beside one raw TLS stream.
 *
 * One client process (ours) appends through libsealift for some seconds; time stops when the
 * replica has made the last record durable. Each round measures the raw stream first. A record that
 * is refused, or a replica that does not get there, makes the benchmark fail. */
#include "base/check.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/raw_tls.h"
#include "bench/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TURN_BYTES = 256 << 10, /* appended between two polls */
    WAIT_MS_MAX = 60000,
    RAW_SECONDS_PART = 2, /* the reference needs less time to be steady */
    CATCH_UP_MS_MAX = 60000,
};

enum who { CLIENT, PRIMARY, REPLICA, WHO_COUNT };

struct shipping {
    struct cluster *cluster;
    struct sealift *sealift;
    uint8_t *record;
    uint64_t record_bytes;
    uint64_t appended, acked, refused;
    uint64_t last_lsn;
    char why[SEALIFT_TEXT_MAX];
};

struct shipped {
    double records_per_s[BENCH_ROUNDS_MAX];
    double raw_mb_per_s[BENCH_ROUNDS_MAX];
    double raw_cpu_s_per_gb[BENCH_ROUNDS_MAX]; /* both ends */
    double ratio[BENCH_ROUNDS_MAX]; /* of one round's two figures: they shared the same minute */
    double others_cpu[BENCH_ROUNDS_MAX]; /* of the machine, used by none of the three: 0 to 1 */
    double cpu_s_per_gb[WHO_COUNT][BENCH_ROUNDS_MAX];
};

static void on_appended(void *context, const struct sealift_appended *appended)
{
    struct shipping *shipping = context;

    if (appended->status == SEALIFT_OK) {
        shipping->acked++;
        shipping->last_lsn = appended->lsn;
    } else {
        shipping->refused++;
        snprintf(shipping->why, sizeof shipping->why, "%s", appended->text);
    }
}

/* False where there is no room now. */
static bool append_some(struct shipping *shipping)
{
    const struct sealift_record record = {.data = shipping->record,
                                          .size = shipping->record_bytes,
                                          .done = on_appended,
                                          .context = shipping};

    for (uint64_t bytes = 0; bytes < TURN_BYTES; bytes += record.size) {
        if (sealift_append(shipping->sealift, &record) != SEALIFT_OK) {
            return false;
        }
        shipping->appended++;
    }
    return true;
}

static bool append_for(struct shipping *shipping, double seconds)
{
    const struct instant began = session_now();

    while ((double)instant_since(began, session_now()).ns < seconds * 1e9) {
        const bool more = append_some(shipping);

        if (sealift_poll(shipping->sealift, more ? 0 : WAIT_MS_MAX) == SEALIFT_UNREACHABLE) {
            break;
        }
    }
    if (sealift_drain(shipping->sealift, WAIT_MS_MAX) != SEALIFT_OK || shipping->refused > 0) {
        fprintf(stderr, "sealift-bench: append: %s\n",
                shipping->refused > 0 ? shipping->why : sealift_why(shipping->sealift));
        return false;
    }
    CHECK(shipping->acked == shipping->appended);
    return cluster_wait_for_replica(shipping->cluster, shipping->last_lsn, CATCH_UP_MS_MAX);
}

static void usages(const struct cluster *cluster, struct usage usage[WHO_COUNT])
{
    usage[CLIENT] = usage_of(getpid());
    usage[PRIMARY] = usage_of(cluster->primary.child.pid);
    usage[REPLICA] = usage_of(cluster->replica.child.pid);
}

static double cpu_between(const struct usage before[WHO_COUNT], const struct usage after[WHO_COUNT])
{
    double cpu_s = 0;

    for (unsigned i = 0; i < WHO_COUNT; i++) {
        cpu_s += after[i].cpu_s - before[i].cpu_s;
    }
    return cpu_s;
}

static bool measure_round(struct shipping *shipping, const struct bench_options *options,
                          struct shipped *shipped, unsigned round)
{
    struct usage before[WHO_COUNT], after[WHO_COUNT];
    struct raw_tls raw;

    if (!raw_tls_measure(&raw, options->seconds / RAW_SECONDS_PART)) {
        return false;
    }
    shipping->appended = shipping->acked = 0;
    usages(shipping->cluster, before);

    const struct instant began = session_now();
    const double machine_s = usage_of_machine();

    if (!append_for(shipping, options->seconds)) {
        return false;
    }

    const double took = (double)instant_since(began, session_now()).ns / 1e9;
    const double gb = (double)(shipping->acked * shipping->record_bytes) / 1e9;

    usages(shipping->cluster, after);
    shipped->raw_mb_per_s[round] = raw.mb_per_s;
    shipped->raw_cpu_s_per_gb[round] = raw.sender_cpu_s_per_gb + raw.receiver_cpu_s_per_gb;
    shipped->ratio[round] = gb * 1e3 / took / raw.mb_per_s;
    shipped->others_cpu[round] =
        usage_of_others(usage_of_machine() - machine_s, cpu_between(before, after), took);
    shipped->records_per_s[round] = (double)shipping->acked / took;
    for (unsigned i = 0; i < WHO_COUNT; i++) {
        shipped->cpu_s_per_gb[i][round] = (after[i].cpu_s - before[i].cpu_s) / gb;
    }
    return true;
}

static void report_size(const struct shipping *shipping, struct shipped *shipped, unsigned rounds,
                        struct report *report)
{
    const double records = report_median(shipped->records_per_s, rounds);
    const double size = (double)shipping->record_bytes / 1e6; /* in MB */
    const double mb = records * size;
    const double raw = report_median(shipped->raw_mb_per_s, rounds);
    struct usage usage[WHO_COUNT];
    json_t *cpu[WHO_COUNT];

    usages(shipping->cluster, usage);
    for (unsigned i = 0; i < WHO_COUNT; i++) {
        cpu[i] = report_number(report_median(shipped->cpu_s_per_gb[i], rounds));
    }
    json_t *line = json_pack(
        "{s:s, s:I, s:s, s:b, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "bench", "ship", "record_bytes",
        (json_int_t)shipping->record_bytes, "client", cluster_client(shipping->cluster),
        "encrypted", (int)shipping->cluster->encrypted, "rounds", (int)rounds, "records_per_s",
        report_number(records), "mb_per_s", report_number(mb), "mb_per_s_min",
        report_number(shipped->records_per_s[0] * size), "mb_per_s_max",
        report_number(shipped->records_per_s[rounds - 1] * size), "raw_tls_mb_per_s",
        report_number(raw), "ratio_raw_tls", report_number(report_median(shipped->ratio, rounds)));

    CHECK(line != NULL);
    json_object_set_new(line, "ratio_min", report_number(shipped->ratio[0]));
    json_object_set_new(line, "ratio_max", report_number(shipped->ratio[rounds - 1]));
    json_object_set_new(line, "others_cpu",
                        report_number(report_median(shipped->others_cpu, rounds)));
    json_object_set_new(line, "cpu_s_per_gb",
                        json_pack("{s:o, s:o, s:o, s:o}", "client", cpu[CLIENT], "primary",
                                  cpu[PRIMARY], "replica", cpu[REPLICA], "raw_tls",
                                  report_number(report_median(shipped->raw_cpu_s_per_gb, rounds))));
    json_object_set_new(line, "peak_mib",
                        json_pack("{s:o, s:o, s:o}", "client",
                                  report_number(usage[CLIENT].peak_mib), "primary",
                                  report_number(usage[PRIMARY].peak_mib), "replica",
                                  report_number(usage[REPLICA].peak_mib)));
    report_line(report, line);
}

static bool measure_rounds(struct shipping *shipping, const struct bench_options *options,
                           struct report *report)
{
    struct shipped shipped;

    shipping->sealift = cluster_connect(shipping->cluster);
    if (shipping->sealift == NULL) {
        return false;
    }

    bool done = true;

    for (unsigned round = 0; done && round < options->rounds; round++) {
        done = measure_round(shipping, options, &shipped, round);
    }
    if (done) {
        report_size(shipping, &shipped, options->rounds, report);
    }
    sealift_close(shipping->sealift);
    return done;
}

static bool measure_size(const struct bench_options *options, uint64_t bytes, struct report *report)
{
    struct cluster cluster;
    struct shipping shipping = {
        .cluster = &cluster, .record_bytes = bytes, .record = malloc(bytes)};

    CHECK(shipping.record != NULL);
    memset(shipping.record, 'r', bytes);

    const bool done = cluster_open(&cluster, options) && measure_rounds(&shipping, options, report);

    cluster_close(&cluster);
    free(shipping.record);
    return done;
}

bool bench_ship(const struct bench_options *options, struct report *report)
{
    static const uint64_t standard[BENCH_SIZES_MAX] = {100, 1 << 10, 16 << 10, 1 << 20};
    uint64_t sizes[BENCH_SIZES_MAX];
    const unsigned count = bench_sizes(options, standard, sizes);
    bool done = true;

    for (unsigned i = 0; done && i < count; i++) {
        done = measure_size(options, sizes[i], report);
    }
    return done;
}
