/* The public calls, each a few lines over a session, its appends and its one reading. */
#include "client/sealift.h"

#include "base/check.h"
#include "client/appends.h"
#include "client/reading.h"
#include "client/session.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BATCH_BYTES_DEFAULT = 64 * 1024,
    BATCH_BYTES_MIN = 64,
    IN_FLIGHT_DEFAULT = 16 << 20,
    GIVE_UP_MS_DEFAULT = 30000,
    WAITING_MS = 1000, /* how often at least a reader hears whom it waits for */
};

struct sealift {
    struct session *session;
    struct appends appends;
    struct reading_state reading;
    char why[SEALIFT_TEXT_MAX];
};

static void on_welcomed(void *context)
{
    struct sealift *sealift = context;

    appends_on_welcomed(&sealift->appends);
    reading_on_welcomed(&sealift->reading);
}

static void on_message(void *context, const struct message *message)
{
    struct sealift *sealift = context;

    if (!reading_on_message(&sealift->reading, message)
        && !appends_on_message(&sealift->appends, message)) {
        session_move_on(sealift->session, E_PROTOCOL, message_type_name(message->type));
    }
}

static bool is_owed(void *context)
{
    const struct sealift *sealift = context;

    return sealift->reading.active || appends_are_owed(&sealift->appends);
}

static uint32_t or_default(uint32_t value, uint32_t standard)
{
    return value == 0 ? standard : value;
}

struct sealift *sealift_open(const struct sealift_options *options, char *text)
{
    static const struct session_events events = {
        .welcomed = on_welcomed, .message = on_message, .is_owed = is_owed};
    struct session_settings settings = {
        .files = {.ca = options->ca,
                  .certificate = options->certificate,
                  .key = options->key,
                  .crl = options->crl},
        .give_up = SPAN_MS(or_default(options->give_up_ms, GIVE_UP_MS_DEFAULT))};
    const size_t batch = or_default(options->batch_bytes, BATCH_BYTES_DEFAULT);
    const uint64_t flight =
        options->in_flight_bytes == 0 ? IN_FLIGHT_DEFAULT : options->in_flight_bytes;

    if (batch < BATCH_BYTES_MIN || batch > APPEND_BYTES_MAX) {
        snprintf(text, SEALIFT_TEXT_MAX, "batch_bytes must be from %d to %d", BATCH_BYTES_MIN,
                 APPEND_BYTES_MAX);
        return NULL;
    }
    struct sealift *sealift = calloc(1, sizeof *sealift);

    CHECK(sealift != NULL);
    memcpy(settings.addresses, options->addresses, sizeof settings.addresses);
    if (session_open(&sealift->session, &settings, &events, sealift, text) != OK) {
        free(sealift);
        return NULL;
    }
    appends_init(&sealift->appends, sealift->session, batch, flight);
    reading_init(&sealift->reading, sealift->session);
    return sealift;
}

void sealift_close(struct sealift *sealift)
{
    appends_drop(&sealift->appends, SEALIFT_UNKNOWN);
    session_close(sealift->session);
    free(sealift);
}

static enum sealift_status misuse(struct sealift *sealift, const char *why)
{
    snprintf(sealift->why, sizeof sealift->why, "%s", why);
    return SEALIFT_USAGE;
}

enum sealift_status sealift_append(struct sealift *sealift, const struct sealift_record *record)
{
    struct level level = {.kind = LEVEL_LOCAL};

    if (record->size == 0) {
        return misuse(sealift, status_text(E_EMPTY));
    }
    if (record->size > SEALIFT_RECORD_BYTES_MAX) {
        return misuse(sealift, status_text(E_RECORD_TOO_LARGE));
    }
    if (record->durability != NULL && level_parse(&level, record->durability) != OK) {
        return misuse(sealift, "no such durability level: say local, quorum:1 to quorum:16, or "
                               "region:1 to region:16");
    }
    return appends_add(&sealift->appends, record, record->durability != NULL, level);
}

uint64_t sealift_in_flight(const struct sealift *sealift)
{
    return sealift->appends.in_flight_records;
}

void sealift_flush(struct sealift *sealift)
{
    appends_pump(&sealift->appends, true);
}

static enum sealift_status failure(struct sealift *sealift, enum sealift_status otherwise)
{
    const struct session *session = sealift->session;

    snprintf(sealift->why, sizeof sealift->why, "%s", session->text);
    return session->failed ? SEALIFT_UNREACHABLE : otherwise;
}

enum sealift_status sealift_poll(struct sealift *sealift, int timeout_ms)
{
    appends_pump(&sealift->appends, false);
    if (!session_wait(sealift->session, timeout_ms)) {
        return failure(sealift, SEALIFT_TIMEOUT);
    }
    appends_pump(&sealift->appends, false);
    return failure(sealift, SEALIFT_OK);
}

static int left_ms(struct instant end)
{
    const struct span left = instant_since(session_now(), end);

    return (int)((left.ns + 999999) / 1000000);
}

enum sealift_status sealift_drain(struct sealift *sealift, int timeout_ms)
{
    const struct instant end = instant_add(session_now(), SPAN_MS(timeout_ms < 0 ? 0 : timeout_ms));

    while (sealift_in_flight(sealift) > 0) {
        const int left = timeout_ms < 0 ? -1 : left_ms(end);

        appends_pump(&sealift->appends, true);
        if (left == 0 || !session_wait(sealift->session, left)) {
            return failure(sealift, SEALIFT_TIMEOUT);
        }
    }
    return failure(sealift, SEALIFT_OK);
}

enum sealift_status sealift_read(struct sealift *sealift, const struct sealift_reading *reading)
{
    reading_begin(&sealift->reading, reading);
    while (sealift->reading.active && !sealift->session->stop) {
        if (!session_wait(sealift->session, reading->waiting == NULL ? -1 : WAITING_MS)
            && sealift->session->failed) {
            break;
        }
        if (reading->waiting != NULL) {
            reading->waiting(reading->context, sealift->session->text);
        }
    }
    reading_end(&sealift->reading);
    if (sealift->reading.refused) {
        snprintf(sealift->why, sizeof sealift->why, "%s", sealift->reading.why);
        return SEALIFT_REFUSED;
    }
    return sealift->session->failed ? failure(sealift, SEALIFT_UNREACHABLE) : SEALIFT_OK;
}

void sealift_stop(struct sealift *sealift)
{
    sealift->session->stop = 1;
}

const char *sealift_why(const struct sealift *sealift)
{
    return sealift->why;
}
