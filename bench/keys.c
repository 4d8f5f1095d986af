/* How many uses of a key does one processor serve, each with its audit entry durable first?
 *
 * A real sealift-keyd, held to one processor, and a client on another, with kept-alive connections
 * that each ask as soon as they are answered. Twice: with a key that has the policy that it was
 * born with, and with the region's default key, as members use it. */
#include "bench/bench.h"
#include "bench/keys_client.h"
#include "bench/stay.h"
#include "bench/usage.h"
#include "cli/local.h"
#include "cli/pki.h"
#include "cli/region_keyd.h"
#include "client/session.h"

#include "base/check.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char region[] = "us-east-1";

struct bench_keyd {
    char folder[512], programs[512], ca[CHILD_PATH_MAX];
    cpu_set_t allowed;
    struct region_keyd keyd;
    struct local_credentials credentials;
    struct keys_client *client;
};

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "sealift-bench: %s: %s\n", what, why);
    return false;
}

/* ---- the service ---- */

static bool make_folder(struct bench_keyd *bench, const char *where)
{
    char pki[PKI_PATH_MAX];
    const struct pki_order order = {.dir = pki, .deployment = "bench"};

    snprintf(bench->folder, sizeof bench->folder, "%.400s/sealift-bench.XXXXXX", where);
    if (mkdtemp(bench->folder) == NULL) {
        const int error = errno;

        bench->folder[0] = '\0';
        return fail(where, strerror(error));
    }
    snprintf(pki, sizeof pki, "%s/pki", bench->folder);
    snprintf(bench->ca, sizeof bench->ca, "%s/pki/ca.crt", bench->folder);
    if (mkdir(pki, 0700) != 0) {
        return fail(pki, strerror(errno));
    }
    return pki_make_ca(&order) == OK && region_certify(bench->folder, region) == OK
               ? true
               : fail(pki, "no certificates");
}

/* What is started inherits where it may run. */
static bool start_keyd(struct bench_keyd *bench)
{
    char credentials[CHILD_PATH_MAX];

    stay_on(&bench->allowed, 1);

    if (!region_start(&bench->keyd, bench->programs, bench->folder, false)) {
        return fail(region, strerror(errno));
    }
    stay_on(&bench->allowed, 0);
    snprintf(credentials, sizeof credentials, "%s/credentials", bench->folder);
    return local_wait_for_port(&bench->keyd.process, bench->keyd.port)
           && local_read_credentials(credentials, &bench->credentials);
}

static bool open_service(struct bench_keyd *bench, const struct bench_options *options)
{
    *bench = (struct bench_keyd){.keyd = {.region = region, .port = local_free_port()}};
    stay_begin(&bench->allowed);
    if (!local_programs(bench->programs, sizeof bench->programs)
        || !make_folder(bench, options->folder) || !start_keyd(bench)) {
        return false;
    }

    const struct keys_service service = {.port = bench->keyd.port,
                                         .ca = bench->ca,
                                         .region = region,
                                         .access_key = bench->credentials.access_key_id,
                                         .secret_key = bench->credentials.secret_access_key};

    bench->client = keys_client_open(&service, options->clients);
    return bench->client != NULL;
}

static void close_service(struct bench_keyd *bench)
{
    if (bench->client != NULL) {
        keys_client_close(bench->client);
    }
    child_stop(&bench->keyd.process);
    stay_end(&bench->allowed);
    if (bench->folder[0] != '\0') {
        local_remove_folder(bench->folder);
    }
}

/* ---- what is asked ---- */

/* The text at NAME, or at OUTER.NAME, of a call's answer. */
static bool ask_text(struct bench_keyd *bench, const char *operation, const char *body,
                     const char *outer, const char *name, char *text, size_t room)
{
    char answer[KEYS_ANSWER_BYTES_MAX];

    if (!keys_client_call(bench->client, operation, body, answer)) {
        return false;
    }

    json_t *object = json_loads(answer, 0, NULL);
    const json_t *within = outer == NULL ? object : json_object_get(object, outer);
    const char *value = json_string_value(json_object_get(within, name));
    const bool there = value != NULL;

    if (there) {
        snprintf(text, room, "%s", value);
    }
    json_decref(object);
    return there ? true : fail(operation, "another answer than expected");
}

/* The body of a Decrypt of something that `key` (NULL: a new one) has sealed. */
static bool make_order(struct bench_keyd *bench, const char *key, char *order, size_t room)
{
    static const char context[] = "{\"sealift:lineage\":\"0123456789abcdef\"}";
    char body[512], id[64], blob[1024];

    if (key == NULL && !ask_text(bench, "CreateKey", "{}", "KeyMetadata", "KeyId", id, sizeof id)) {
        return false;
    }
    snprintf(body, sizeof body,
             "{\"KeyId\":\"%s\",\"KeySpec\":\"AES_256\",\"EncryptionContext\":%s}",
             key != NULL ? key : id, context);
    if (!ask_text(bench, "GenerateDataKey", body, NULL, "CiphertextBlob", blob, sizeof blob)) {
        return false;
    }
    snprintf(order, room, "{\"CiphertextBlob\":\"%s\",\"EncryptionContext\":%s}", blob, context);
    return true;
}

static json_t *milliseconds(const struct histogram *times, double share)
{
    return report_number((double)histogram_at(times, share) / 1e6);
}

static bool measure(struct bench_keyd *bench, const char *key, const struct bench_options *options,
                    struct report *report)
{
    const pid_t pid = bench->keyd.process.pid;
    struct histogram *times = calloc(1, sizeof *times), *warm_up = calloc(1, sizeof *warm_up);
    char order[2048];

    CHECK(times != NULL && warm_up != NULL);

    bool done = make_order(bench, key, order, sizeof order)
                && keys_client_run(bench->client, "Decrypt", order, 0.1, warm_up);
    const double cpu = usage_of(pid).cpu_s, own = usage_of(getpid()).cpu_s;
    const double machine = usage_of_machine();
    const struct instant began = session_now();

    done = done && keys_client_run(bench->client, "Decrypt", order, options->seconds, times);

    const double took = (double)instant_since(began, session_now()).ns / 1e9;
    const double spent = usage_of(pid).cpu_s - cpu;
    const double ours = spent + usage_of(getpid()).cpu_s - own;
    const double others = usage_of_others(usage_of_machine() - machine, ours, took);

    if (done) {
        report_line(report,
                    json_pack("{s:s, s:s, s:i, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                              "bench", "keys", "call", "Decrypt", "clients", (int)options->clients,
                              "key", key != NULL ? key : "customer", "calls",
                              (json_int_t)times->count, "calls_per_s",
                              report_number((double)times->count / took), "p50_ms",
                              milliseconds(times, 0.5), "p99_ms", milliseconds(times, 0.99),
                              "p999_ms", milliseconds(times, 0.999), "keyd_cpu_s_per_1000",
                              report_number(spent * 1e3 / (double)times->count), "keyd_cpu",
                              report_number(spent / took), "others_cpu", report_number(others)));
    }
    free(times);
    free(warm_up);
    return done;
}

bool bench_keys(const struct bench_options *options, struct report *report)
{
    struct bench_keyd bench;
    const bool done = open_service(&bench, options) && measure(&bench, NULL, options, report)
                      && measure(&bench, "alias/aws/rds", options, report);

    close_service(&bench);
    return done;
}
