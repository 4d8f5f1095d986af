/* Print each line when it is known, keep it for the summary.
 *
 * A number that is not finite (a measurement of nothing) becomes null instead of breaking the
 * JSON. */
#include "bench/report.h"

#include "base/check.h"
#include "seal/aes_provider.h"

#include <math.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void report_begin(struct report *report, bool json)
{
    report->json = json;
    report->lines = json_array();
    CHECK(report->lines != NULL);
}

json_t *report_number(double value)
{
    char text[32];

    if (!isfinite(value)) {
        return json_null();
    }
    snprintf(text, sizeof text, "%.4g", value);
    return json_real(strtod(text, NULL));
}

static void print_value(const char *key, const json_t *value)
{
    if (json_is_string(value)) {
        printf(" %s=%s", key, json_string_value(value));
    } else if (json_is_integer(value)) {
        printf(" %s=%lld", key, (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        printf(" %s=%.*f", key, json_real_value(value) < 100 ? 3 : 0, json_real_value(value));
    } else if (json_is_boolean(value)) {
        printf(" %s=%s", key, json_is_true(value) ? "yes" : "no");
    }
}

static void print_words(const json_t *line)
{
    const char *key, *inner_key;
    json_t *value, *inner;

    printf("%-7s", json_string_value(json_object_get(line, "bench")));
    json_object_foreach((json_t *)line, key, value)
    {
        if (json_is_object(value)) {
            printf("\n       %s:", key);
            json_object_foreach(value, inner_key, inner)
            {
                print_value(inner_key, inner);
            }
        } else if (strcmp(key, "bench") != 0) {
            print_value(key, value);
        }
    }
    printf("\n");
}

static void print_json(const json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6));

    CHECK(text != NULL);
    puts(text);
    free(text);
}

void report_line(struct report *report, json_t *line)
{
    CHECK(line != NULL && json_is_string(json_object_get(line, "bench")));

    if (report->json) {
        print_json(line);
    } else {
        print_words(line);
    }
    fflush(stdout);
    json_array_append_new(report->lines, line);
}

void report_end(struct report *report, bool complete)
{
    if (report->json) {
        json_t *summary = json_pack(
            "{s:s, s:b, s:s, s:s, s:i, s:o}", "bench", "summary", "complete", (int)complete,
            "openssl", OpenSSL_version(OPENSSL_VERSION), "aes", aes_provider_name(), "processors",
            (int)sysconf(_SC_NPROCESSORS_ONLN), "results", report->lines);

        CHECK(summary != NULL);
        print_json(summary);
        json_decref(summary);
    } else {
        json_decref(report->lines);
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

double report_median(double *values, unsigned count)
{
    CHECK(count > 0);

    qsort(values, count, sizeof *values, compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
