/* Paced by bytes, so that a slow disk or a slow ocean shows as lag and not as a full window. */
#include "cli/demo_load.h"

#include "base/check.h"
#include "client/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_BYTES_MAX = 16 << 20,
    RECORD_MAX = 4096,
    BYTES_A_SECOND = 4 << 20,
    TURN_MS = 5,
};

static bool read_text(struct demo_load *load)
{
    static const char *const sources[] = {"/var/lib/dpkg/status", "/proc/self/smaps"};

    load->text = malloc(TEXT_BYTES_MAX);
    CHECK(load->text != NULL);
    for (unsigned i = 0; i < COUNT_OF(sources) && load->size == 0; i++) {
        FILE *file = fopen(sources[i], "r");

        if (file != NULL) {
            load->size = fread(load->text, 1, TEXT_BYTES_MAX, file);
            fclose(file);
        }
    }
    return load->size > 0;
}

void demo_draw_marker(char marker[DEMO_MARKER_BYTES + 1])
{
    unsigned char bytes[8] = {0};
    FILE *random = fopen("/dev/urandom", "r");

    CHECK(random != NULL && fread(bytes, 1, sizeof bytes, random) == sizeof bytes);
    fclose(random);
    memcpy(marker, "MARKER-", 7);
    for (unsigned i = 0; i < 8; i++) {
        snprintf(marker + 7 + 2 * i, 3, "%02x", bytes[i]);
    }
    strcat(marker, "-");
}

bool demo_load_open(struct demo_load *load, const struct sealift_options *options)
{
    *load = (struct demo_load){.bytes_a_second = BYTES_A_SECOND};
    demo_draw_marker(load->marker);
    if (!read_text(load)) {
        snprintf(load->why, sizeof load->why, "no text to append: /var/lib/dpkg/status is empty");
        return false;
    }
    load->sealift = sealift_open(options, load->why);
    return load->sealift != NULL;
}

void demo_load_close(struct demo_load *load)
{
    if (load->sealift != NULL) {
        sealift_close(load->sealift);
    }
    free(load->text);
}

struct sent {
    struct demo_load *load;
    struct instant at;
};

static void on_appended(void *context, const struct sealift_appended *appended)
{
    struct sent *sent = context;
    struct demo_load *load = sent->load;
    const uint64_t us = instant_since(sent->at, session_now()).ns / 1000;

    if (appended->status == SEALIFT_OK) {
        load->acked++;
        load->latency_us_sum += us;
        load->latency_us_max = us > load->latency_us_max ? us : load->latency_us_max;
    } else {
        load->refused++;
        snprintf(load->why, sizeof load->why, "%.400s (%s)", appended->text, appended->name);
    }
    free(sent);
}

static size_t make_record(const struct demo_load *load, size_t *place, char *record)
{
    const char *from = load->text + *place;
    size_t left = load->size - *place;
    const char *end = memchr(from, '\n', left);
    size_t line = end == NULL ? left : (size_t)(end - from);

    *place = *place + line + 1 >= load->size ? 0 : *place + line + 1;
    line = line < RECORD_MAX ? line : RECORD_MAX;
    memcpy(record, load->marker, DEMO_MARKER_BYTES);
    memcpy(record + DEMO_MARKER_BYTES, from, line);
    return DEMO_MARKER_BYTES + line;
}

bool demo_load_made(const struct demo_load *load, size_t *place, struct bytes record)
{
    char expected[DEMO_MARKER_BYTES + RECORD_MAX];
    const size_t size = make_record(load, place, expected);

    return bytes_equal(record, bytes_of(expected, size));
}

static bool append_one(struct demo_load *load)
{
    char record[DEMO_MARKER_BYTES + RECORD_MAX];
    struct sent *sent = malloc(sizeof *sent);
    const size_t size = make_record(load, &load->place, record);
    const struct sealift_record order = {
        .data = record, .size = size, .done = on_appended, .context = sent};

    CHECK(sent != NULL);
    *sent = (struct sent){load, session_now()};
    if (sealift_append(load->sealift, &order) != SEALIFT_OK) {
        free(sent);
        return false;
    }
    load->appended++;
    load->bytes += size;
    return true;
}

bool demo_load_run(struct demo_load *load, unsigned ms)
{
    const struct instant begun = session_now();
    const struct instant end = instant_add(begun, SPAN_MS(ms));
    uint64_t sent = 0;

    while (!instant_reached(end, session_now())) {
        const uint64_t due =
            instant_since(begun, session_now()).ns * load->bytes_a_second / 1000000000u;
        const uint64_t before = load->bytes;

        while (sent + (load->bytes - before) < due && append_one(load)) {
        }
        sent += load->bytes - before;
        if (sealift_poll(load->sealift, TURN_MS) == SEALIFT_UNREACHABLE) {
            snprintf(load->why, sizeof load->why, "%s", sealift_why(load->sealift));
            return false;
        }
    }
    return true;
}

bool demo_load_drain(struct demo_load *load, int timeout_ms)
{
    return sealift_drain(load->sealift, timeout_ms) == SEALIFT_OK;
}
