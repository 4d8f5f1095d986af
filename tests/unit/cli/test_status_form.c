/* What a person is told of a replica that is behind: the truth, or that nobody knows it. */
#include "cli/status_form.h"
#include "node/identity.h"
#include "tests/support/test.h"

#include <string.h>

enum { PRIMARY, FAR, MEMBERS };

static struct status_answer answers[MEMBERS + 1];

static void put_member(unsigned which, enum role role, const char *member, const char *state)
{
    struct status_answer *answer = &answers[which];

    *answer = (struct status_answer){.answered = true};
    answer->status.role = role;
    answer->status.epoch = 3;
    answer->status.lineage.bytes[0] = 0x11;
    strcpy(answer->status.member, member);
    strcpy(answer->status.region, "eu-west-1");
    strcpy(answer->status.state, state);
}

/* A primary at LSN 1000, and a replica that has 400 and was last told of 400: as when cut off. */
static void put_cut_region(void)
{
    struct member_status *primary = &answers[PRIMARY].status, *far = &answers[FAR].status;

    put_member(PRIMARY, ROLE_PRIMARY, "p1", "serving");
    put_member(FAR, ROLE_REPLICA, "r1", "streaming");
    primary->durable_lsn = 1000;
    far->durable_lsn = far->upstream_lsn = 400;
    primary->feed_count = 2;
    primary->feeds[0] = (struct feed_status){
        .member = "r0", .region = "eu-west-1", .state = "streaming", .lag_bytes = 1, .lag_us = 1};
    primary->feeds[1] = (struct feed_status){.member = "r1",
                                             .region = "eu-west-1",
                                             .state = "streaming",
                                             .lag_bytes = 77777,
                                             .lag_us = 2500000};
}

/* "LAG BYTES MS FROM" of the replica as JSON says it. */
static const char *lag_in_json(unsigned count)
{
    static const char *const names[] = {"lag_records", "lag_bytes", "lag_ms", "lag_from"};
    static char text[256];
    json_t *object = status_to_json(answers, count, FAR);

    text[0] = '\0';
    for (unsigned i = 0; i < 4; i++) {
        char value[64];
        const size_t size =
            json_dumpb(json_object_get(object, names[i]), value, sizeof value, JSON_ENCODE_ANY);

        NEED(size > 0 && size <= sizeof value);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s", i == 0 ? "" : " ",
                 (int)size, value);
    }
    json_decref(object);
    return text;
}

static const char *table(unsigned count, enum status_rows rows)
{
    static char text[8192];
    FILE *to = fmemopen(text, sizeof text, "w");

    NEED(to != NULL);
    status_print_table(to, answers, count, rows);
    fclose(to);
    return text;
}

TEST(a_region_that_is_cut_off_lags_by_what_the_primary_has)
{
    put_cut_region();
    EXPECT(strcmp(lag_in_json(MEMBERS), "600 77777 2500.0 \"primary\"") == 0);
    EXPECT(strstr(table(MEMBERS, STATUS_MEMBERS), "      600      77777   2500.0") != NULL);
    EXPECT(strstr(table(MEMBERS, STATUS_MEMBERS), "told it last") == NULL);
}

TEST(a_replica_that_the_primary_does_not_feed_has_no_bytes_or_age_unless_it_lacks_nothing)
{
    put_cut_region();
    answers[PRIMARY].status.feed_count = 1;
    EXPECT(strcmp(lag_in_json(MEMBERS), "600 null null \"primary\"") == 0);
    EXPECT(strstr(table(MEMBERS, STATUS_MEMBERS), "      600          -        -") != NULL);
    answers[FAR].status.durable_lsn = 1000;
    EXPECT(strcmp(lag_in_json(MEMBERS), "0 0 0.0 \"primary\"") == 0);
}

TEST(a_feed_that_is_being_greeted_or_goes_to_another_region_says_nothing)
{
    put_cut_region();
    strcpy(answers[PRIMARY].status.feeds[1].state, "greeting");
    EXPECT(strcmp(lag_in_json(MEMBERS), "600 null null \"primary\"") == 0);
    put_cut_region();
    strcpy(answers[PRIMARY].status.feeds[1].region, "us-east-1");
    EXPECT(strcmp(lag_in_json(MEMBERS), "600 null null \"primary\"") == 0);
}

TEST(a_replica_that_catches_up_from_disk_is_as_late_as_it_knows)
{
    put_cut_region();
    strcpy(answers[FAR].status.state, "catching up");
    answers[FAR].status.lag_us = 9000000;
    EXPECT(strcmp(lag_in_json(MEMBERS), "600 77777 9000.0 \"primary\"") == 0);
    strcpy(answers[FAR].status.state, "disconnected"); /* what it knew has grown old */
    EXPECT(strcmp(lag_in_json(MEMBERS), "600 77777 2500.0 \"primary\"") == 0);
}

TEST(a_replica_asked_later_may_be_ahead_and_then_lacks_nothing)
{
    put_cut_region();
    answers[FAR].status.durable_lsn = 1001;
    answers[PRIMARY].status.feeds[1].lag_bytes = answers[PRIMARY].status.feeds[1].lag_us = 0;
    EXPECT(strcmp(lag_in_json(MEMBERS), "0 0 0.0 \"primary\"") == 0);
}

TEST(without_a_primary_the_table_says_whose_word_it_is)
{
    put_cut_region();
    answers[PRIMARY].answered = false;
    answers[FAR].status.upstream_lsn = 450;
    answers[FAR].status.lag_us = 1500;
    EXPECT(strcmp(lag_in_json(MEMBERS), "50 null 1.5 \"upstream\"") == 0);
    EXPECT(strstr(table(MEMBERS, STATUS_MEMBERS), "       50          -      1.5") != NULL);
    EXPECT(strstr(table(MEMBERS, STATUS_MEMBERS), "told it last") != NULL);
}

TEST(without_primary_and_upstream_nobody_knows)
{
    static const char *const states[] = {"disconnected", "joining", "greeting", "disk-full"};

    for (unsigned i = 0; i < sizeof states / sizeof *states; i++) {
        put_cut_region();
        answers[PRIMARY].answered = false;
        strcpy(answers[FAR].status.state, states[i]);
        EXPECT(strcmp(lag_in_json(MEMBERS), "null null null null") == 0);
        EXPECT(strstr(table(MEMBERS, STATUS_MEMBERS), "        -          -        -") != NULL);
        EXPECT(strstr(table(MEMBERS, STATUS_MEMBERS), "told it last") == NULL);
    }
}

TEST(a_primary_of_another_lineage_or_a_fenced_one_measures_nobody)
{
    put_cut_region();
    answers[PRIMARY].status.lineage.bytes[0] = 0x22;
    EXPECT(strcmp(lag_in_json(MEMBERS), "0 null 0.0 \"upstream\"") == 0);
    put_cut_region();
    answers[FAR].status.epoch = 4;
    EXPECT(strcmp(lag_in_json(MEMBERS), "0 null 0.0 \"upstream\"") == 0);
}

TEST(of_two_primaries_the_one_with_the_higher_epoch_measures)
{
    put_cut_region();
    put_member(MEMBERS, ROLE_PRIMARY, "p2", "serving");
    answers[MEMBERS].status.epoch = 4;
    answers[MEMBERS].status.durable_lsn = 5000;
    EXPECT(strcmp(lag_in_json(MEMBERS + 1), "4600 null null \"primary\"") == 0);
    answers[FAR].status.durable_lsn = 6000; /* a suffix of the old epoch: to be cut */
    EXPECT(strcmp(lag_in_json(MEMBERS + 1), "null null null null") == 0);
}

TEST(a_primary_has_no_lag_and_its_feeds_are_shown_when_asked_for)
{
    put_cut_region();
    json_t *object = status_to_json(answers, MEMBERS, PRIMARY);

    EXPECT(json_is_null(json_object_get(object, "lag_records")));
    EXPECT(json_is_null(json_object_get(object, "lag_from")));
    json_decref(object);
    EXPECT(strstr(table(MEMBERS, STATUS_MEMBERS_AND_FEEDS), "behind 77777 bytes") != NULL);
    EXPECT(strstr(table(MEMBERS, STATUS_MEMBERS), "behind 77777 bytes") == NULL);
}

TEST(who_does_not_answer_is_said_and_measured_by_nobody)
{
    put_cut_region();
    answers[FAR].answered = false;
    strcpy(answers[FAR].why, "connection refused");
    EXPECT(strstr(table(MEMBERS, STATUS_MEMBERS), "connection refused") != NULL);
    json_t *object = status_to_json(answers, MEMBERS, FAR);

    EXPECT(json_is_false(json_object_get(object, "answered")));
    EXPECT(json_object_get(object, "lag_records") == NULL);
    json_decref(object);
}
