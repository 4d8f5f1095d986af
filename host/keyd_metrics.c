/* The key service's state as Prometheus text (exposition format 0.0.4), on loopback. */
#include "host/keyd_parts.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 16 * 1024 };

static const char *const refusal_labels[KEYD_REFUSALS] = {
#define KEYD_REFUSAL_LABEL(name, label, http, error, message) label,
    KEYD_REFUSAL_LIST(KEYD_REFUSAL_LABEL)
#undef KEYD_REFUSAL_LABEL
};

__attribute__((format(printf, 3, 4))) static void add(struct keyd *keyd, size_t *used,
                                                      const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    const int size = vsnprintf(keyd->metrics_text + *used, TEXT_MAX - *used, format, arguments);

    va_end(arguments);
    CHECK(size >= 0 && (size_t)size < TEXT_MAX - *used);
    *used += (size_t)size;
}

static void add_counts(struct keyd *keyd, size_t *used)
{
    struct kms_status status;

    kms_status(keyd->settings.node, &status);

    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } rows[] = {
        {"keys", "gauge", "KMS keys held.", status.keys},
        {"aliases", "gauge", "Aliases held.", status.aliases},
        {"allowed_total", "counter", "Uses that were allowed.", status.answered},
        {"denied_total", "counter", "Uses that were refused, and audited.", status.refused},
        {"failed_total", "counter", "Answers withheld: no durable audit row.", status.failed},
        {"audit_rows", "gauge", "Number of the last durable audit row.", status.audit_rows},
        {"requests_total", "counter", "HTTP requests.", keyd->requests_total},
        {"requests_under_way", "gauge", "Requests that wait.", keyd->requests_under_way},
        {"grants", "gauge", "Grants held.", status.grants},
        {"lookups_total", "counter", "Reads of the audit (LookupEvents).", keyd->lookups_total},
        {"commits_total", "counter", "Transactions of the catalog.", keyd->commits},
        {"memory_locked", "gauge", "1: keys cannot reach swap.", keyd->settings.memory_locked},
        {"certificate_expires_at_seconds", "gauge", "UNIX time.",
         (uint64_t)tls_identity_expires_at(keyd->identity)},
        {"certificate_warning", "gauge",
         "0: far from its end; 1, 2, 3: at most 30, 7, 1 days; 4: past.",
         keyd->expiry.certificate.told},
    };

    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        add(keyd, used,
            "# HELP sealift_keyd_%s %s\n# TYPE sealift_keyd_%s %s\nsealift_keyd_%s %" PRIu64 "\n",
            rows[i].name, rows[i].help, rows[i].name, rows[i].type, rows[i].name, rows[i].value);
    }
}

static struct bytes format_metrics(struct keyd *keyd)
{
    size_t used = 0;

    add(keyd, &used,
        "# HELP sealift_keyd_info Whose keys these are.\n# TYPE sealift_keyd_info gauge\n"
        "sealift_keyd_info{region=\"%s\"} 1\n",
        keyd->settings.region);
    add_counts(keyd, &used);
    add(keyd, &used,
        "# HELP sealift_keyd_commit_seconds_total Time that transactions took.\n"
        "# TYPE sealift_keyd_commit_seconds_total counter\n"
        "sealift_keyd_commit_seconds_total %.9f\n"
        "# HELP sealift_keyd_turned_away_total Requests refused before the node saw them.\n"
        "# TYPE sealift_keyd_turned_away_total counter\n",
        (double)keyd->commit_ns / 1e9);
    for (unsigned i = 0; i < KEYD_REFUSALS; i++) {
        add(keyd, &used, "sealift_keyd_turned_away_total{reason=\"%s\"} %" PRIu64 "\n",
            refusal_labels[i], keyd->refusals[i]);
    }
    return bytes_of(keyd->metrics_text, used);
}

static void on_request(void *context, uint64_t token, const struct http_request *request)
{
    struct keyd *keyd = context;
    const struct http_header type = {"Content-Type", "text/plain; version=0.0.4; charset=utf-8"};
    struct http_reply answer = {.status = 200, .headers = &type, .header_count = 1};

    if (strcmp(request->target, "/metrics") != 0) {
        answer.status = 404;
        answer.body = bytes_text("only /metrics is here\n");
    } else if (strcmp(request->method, "GET") != 0) {
        answer.status = 405;
        answer.body = bytes_text("only GET\n");
    } else {
        answer.body = format_metrics(keyd);
    }
    http_server_reply(keyd->metrics, token, &answer);
}

enum status keyd_metrics_open(struct keyd *keyd, char *why)
{
    const struct http_server_settings settings = {.base = keyd->base,
                                                  .address = keyd->settings.metrics,
                                                  .on_request = on_request,
                                                  .context = keyd};

    if (settings.address == NULL) {
        return OK;
    }
    keyd->metrics_text = malloc(TEXT_MAX);
    CHECK(keyd->metrics_text != NULL);
    TRY(http_server_open(&keyd->metrics, &settings, why));
    trace_event(&keyd->settings.trace, "metrics address=%s port=%u", settings.address,
                http_server_port(keyd->metrics));
    return OK;
}
