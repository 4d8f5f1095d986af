/* The defaults are consistent and small; each contradiction is refused with a sentence. */
#include "base/check.h"
#include "member/settings.h"
#include "tests/support/test.h"

static void no_entropy(void *context, void *into, size_t size)
{
    (void)context;
    memset(into, 0, size);
}

static struct member_settings good_settings(void)
{
    struct member_settings settings = {
        .self = {.deployment = "d",
                 .lineage = {{1}},
                 .region = "r",
                 .role = ROLE_PRIMARY,
                 .member = "m"},
        .entropy = {.fill = no_entropy},
    };

    member_settings_default(&settings);
    return settings;
}

static bool refused(const struct member_settings *settings, const char *says)
{
    char why[VERDICT_TEXT_MAX] = "";

    return member_settings_check(settings, why) == E_USAGE && strstr(why, says) != NULL
           && why[strlen(why) - 1] == '.';
}

TEST(the_defaults_pass_and_leave_the_rest_alone)
{
    struct member_settings settings = good_settings();
    char why[VERDICT_TEXT_MAX];

    EXPECT_STATUS(member_settings_check(&settings, why), OK);
    EXPECT(settings.self.role == ROLE_PRIMARY && settings.entropy.fill == no_entropy);
    settings.self.role = ROLE_REPLICA;
    EXPECT_STATUS(member_settings_check(&settings, why), OK);
}

#define EXPECT_REFUSED(change, says) \
    do { \
        struct member_settings settings = good_settings(); \
        settings.change; \
        EXPECT(refused(&settings, says)); \
    } while (0)

TEST(who_it_is_must_be_said)
{
    EXPECT_REFUSED(self.role = ROLE_CLIENT, "client");
    EXPECT_REFUSED(self.any_lineage = true, "one lineage");
    EXPECT_REFUSED(self.lineage = (struct id){{0}}, "one lineage");
    EXPECT_REFUSED(self.region[0] = '\0', "region");
    EXPECT_REFUSED(self.member[0] = '\0', "member");
    EXPECT_REFUSED(entropy.fill = NULL, "entropy");
}

TEST(each_limit_has_its_range)
{
    EXPECT_REFUSED(batch_bytes = 0, "batch_bytes");
    EXPECT_REFUSED(batch_bytes = 9 << 20, "batch_bytes");
    EXPECT_REFUSED(record_bytes_max = 0, "record_bytes_max");
    EXPECT_REFUSED(record_bytes_max = (8 << 20) + 1, "record_bytes_max");
    EXPECT_REFUSED(segment_bytes = 4096, "segment_bytes");
    EXPECT_REFUSED(segment_bytes = 2u << 30, "segment_bytes");
    EXPECT_REFUSED(segments_max = 1, "segments_max");
    EXPECT_REFUSED(producers_max = 0, "producers_max");
    EXPECT_REFUSED(producers_max = 65537, "producers_max");
    EXPECT_REFUSED(window_batches = 1, "window_batches");
    EXPECT_REFUSED(feeds_max = 0, "feeds_max");
    EXPECT_REFUSED(clients_max = 100000, "clients_max");
    EXPECT_REFUSED(reads_max = 1, "reads_max");
    EXPECT_REFUSED(read_bytes = 0, "read_bytes");
    EXPECT_REFUSED(read_bytes = 5000, "multiple of 4096");
    EXPECT_REFUSED(window_bytes = (64 << 20) + 1, "multiple of 4096");
}

TEST(what_could_never_fit_is_refused)
{
    EXPECT_REFUSED(window_bytes = 16 << 20, "two of the largest batch");
    EXPECT_REFUSED(feed_window_bytes = 8 << 20, "could never be sent");

    struct member_settings small = good_settings();
    char why[VERDICT_TEXT_MAX];

    small.record_bytes_max = 1000;
    small.producers_max = 10;
    small.batch_bytes = 4096;
    small.window_bytes = 2 * ((1 << 20) + 4096); /* one APPEND may still have 1 MiB */
    EXPECT_STATUS(member_settings_check(&small, why), OK);
    small.window_bytes -= 4096;
    EXPECT(refused(&small, "two of the largest batch"));
}

TEST(patience_is_never_nothing_and_silence_is_longer_than_a_heartbeat)
{
    EXPECT_REFUSED(greet_max = SPAN_MS(0), "greet_max");
    EXPECT_REFUSED(keys_max = SPAN_MS(0), "keys_max");
    EXPECT_REFUSED(keys_wait_max = SPAN_MS(0), "keys_wait_max");
    EXPECT_REFUSED(silence_max = SPAN_MS(0), "silence_max");
    EXPECT_REFUSED(heartbeat_gap = SPAN_MS(0), "heartbeat_gap");
    EXPECT_REFUSED(announce_gap = SPAN_MS(0), "announce_gap");
    EXPECT_REFUSED(retry_gap = SPAN_MS(0), "retry_gap");
    EXPECT_REFUSED(heartbeat_gap = SPAN_S(8), "twice heartbeat_gap");
}
