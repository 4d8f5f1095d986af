/* The reference by itself. */
#include "bench/bench.h"
#include "bench/raw_tls.h"

bool bench_tls(const struct bench_options *options, struct report *report)
{
    double speeds[BENCH_ROUNDS_MAX], senders[BENCH_ROUNDS_MAX], receivers[BENCH_ROUNDS_MAX];

    for (unsigned i = 0; i < options->rounds; i++) {
        struct raw_tls raw;

        if (!raw_tls_measure(&raw, options->seconds)) {
            return false;
        }
        speeds[i] = raw.mb_per_s;
        senders[i] = raw.sender_cpu_s_per_gb;
        receivers[i] = raw.receiver_cpu_s_per_gb;
    }

    const double median = report_median(speeds, options->rounds);

    report_line(report,
                json_pack("{s:s, s:i, s:o, s:o, s:o, s:{s:o, s:o}}", "bench", "tls", "record_bytes",
                          256 << 10, "mb_per_s", report_number(median), "mb_per_s_min",
                          report_number(speeds[0]), "mb_per_s_max",
                          report_number(speeds[options->rounds - 1]), "cpu_s_per_gb", "sender",
                          report_number(report_median(senders, options->rounds)), "receiver",
                          report_number(report_median(receivers, options->rounds))));
    return true;
}
