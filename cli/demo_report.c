/* Every promise is shown, also after one that failed: who looks for the cause wants to see all.
 *
 * A demo that fails must fail for whoever runs it from a script: the exit code is made here, beside
 * the words, so that they cannot say two things. */
#include "cli/demo_report.h"

#include "cli/verbs.h"

#include <inttypes.h>
#include <jansson.h>

static bool show_one(const struct demo_report *report, const struct promise *promise,
                     struct demo_show *show)
{
    show->saw[0] = '\0';
    const bool holds = promise->show(show);

    if (!report->json) {
        fprintf(report->to, "%s  %s\n      %s\n", holds ? "  ok" : "FAIL", promise->text,
                show->saw);
        fflush(report->to);
    } else if (!holds) {
        fprintf(stderr, "FAIL %s: %s\n", promise->name, show->saw);
    }
    return holds;
}

static bool show_all(const struct demo_report *report, struct demo_show *show, json_t *results)
{
    bool all = true, stopped = false;

    for (unsigned i = 0; i < report->count; i++) {
        const struct promise *promise = &report->promises[i];

        if ((promise->input & report->input) == 0) {
            continue;
        }
        if (promise->at_rest && !stopped) {
            demo_world_stop_members(show->world);
            stopped = true;
        }
        const bool holds = show_one(report, promise, show);

        all &= holds;
        json_object_set_new(results, promise->name, json_boolean(holds));
    }
    return all && json_object_size(results) > 0;
}

static void add_input(const struct demo_show *show, json_t *object)
{
    const struct demo_load *load = show->load;
    const struct demo_pg *pg = show->pg;

    json_object_update_new(
        object, pg != NULL ? json_pack("{s:s, s:I, s:I, s:s}", "input", "postgres", "segment_files",
                                       (json_int_t)pg->shipped, "bytes",
                                       (json_int_t)pg->bytes_shipped, "database", pg->truth)
                           : json_pack("{s:s, s:I, s:I, s:f}", "input", "lines", "records",
                                       (json_int_t)load->acked, "bytes", (json_int_t)load->bytes,
                                       "mean_commit_ms",
                                       load->acked == 0 ? 0.0
                                                        : (double)load->latency_us_sum
                                                              / (double)load->acked / 1000));
}

static void say_all(const struct demo_report *report, const struct demo_show *show, json_t *results,
                    bool all)
{
    if (report->json) {
        json_t *object =
            json_pack("{s:O, s:b, s:s?}", "promises", results, "all", all, "dir", report->keep);

        add_input(show, object);
        json_dumpf(object, report->to, JSON_COMPACT);
        fputc('\n', report->to);
        json_decref(object);
        return;
    }
    fprintf(report->to, "\n%s\n", all ? "Every promise holds." : "A promise FAILED.");
    if (report->keep != NULL) {
        fprintf(report->to, "Everything is kept in %s\n", report->keep);
    }
}

int demo_report(const struct demo_report *report, struct demo_show *show, bool went_well)
{
    json_t *results = json_object();
    const bool hold = show_all(report, show, results);
    const bool all = went_well && hold;

    say_all(report, show, results, all);
    json_decref(results);
    return all ? EXIT_DONE : EXIT_REFUSED;
}
