/* /metrics: each value under its name, and nothing a peer says can break a line. */
#include "host/metrics.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[METRICS_TEXT_MAX];

static const char *format(const struct member_status *status)
{
    const struct metrics_host host = {.memory_locked = true,
                                      .link_count = 3,
                                      .links_revoked = 2,
                                      .services = {{"eu-west-1", E_KEY_CREDENTIALS}},
                                      .service_count = 1,
                                      .certificate = {.at = 1800000000, .told = EXPIRY_7_DAYS}};
    const struct bytes body = metrics_format(status, &host, text);

    text[body.size] = '\0';
    return text;
}

TEST(values_stand_under_their_names)
{
    static struct member_status status = {.committed_lsn = 42, .lag_us = 1500000, .suite = 1};

    status.feed_count = 1;
    snprintf(status.feeds[0].member, sizeof status.feeds[0].member, "db-2");
    snprintf(status.feeds[0].state, sizeof status.feeds[0].state, "strange\"\nstate");
    status.feeds[0].acked_lsn = 41;

    const char *said = format(&status);

    EXPECT(strstr(said, "\nsealift_committed_lsn 42\n") != NULL);
    EXPECT(strstr(said, "\nsealift_lag_seconds 1.5\n") != NULL);
    EXPECT(strstr(said, "\nsealift_memory_locked 1\n") != NULL);
    EXPECT(strstr(said, "\nsealift_links_revoked_total 2\n") != NULL);
    EXPECT(strstr(said, "\nsealift_certificate_expires_seconds 1800000000\n") != NULL);
    EXPECT(strstr(said, "\nsealift_certificate_warning 2\n") != NULL);
    EXPECT(strstr(said, "\nsealift_key_service_ok{region=\"eu-west-1\","
                        "last=\"E_KEY_CREDENTIALS\"} 0\n")
           != NULL);
    EXPECT(strstr(said, "\nsealift_crl_expires_seconds 0\n") != NULL);
    EXPECT(strstr(said, "encrypted=\"yes\"} 1\n") != NULL);
    EXPECT(strstr(said,
                  "sealift_feed_acked_lsn{member=\"db-2\",region=\"\",state=\"strangestate\"} "
                  "41\n")
           != NULL);
}

TEST(the_longest_status_fits)
{
    static struct member_status status;

    memset(&status, 'x', sizeof status);
    status.level = (struct level){LEVEL_LOCAL, 0};
    status.role = 1;
    status.feed_count = STATUS_FEEDS_MAX;
    status.is_full = true;
    status.member[sizeof status.member - 1] = status.region[sizeof status.region - 1] = '\0';
    status.state[sizeof status.state - 1] = status.cluster[sizeof status.cluster - 1] = '\0';
    status.key_arn[sizeof status.key_arn - 1] = '\0';
    for (unsigned i = 0; i < STATUS_FEEDS_MAX; i++) {
        struct feed_status *feed = &status.feeds[i];

        feed->member[sizeof feed->member - 1] = feed->region[sizeof feed->region - 1] = '\0';
        feed->state[sizeof feed->state - 1] = '\0';
        feed->votes = true;
    }
    status.pin_count = STATUS_PINS_MAX;
    for (unsigned i = 0; i < STATUS_PINS_MAX; i++) {
        struct pin_status *pin = &status.pins[i];

        pin->member[sizeof pin->member - 1] = pin->region[sizeof pin->region - 1] = '\0';
        pin->state[sizeof pin->state - 1] = '\0';
        pin->connected = true;
    }
    EXPECT(strlen(format(&status)) > 30000);
}
