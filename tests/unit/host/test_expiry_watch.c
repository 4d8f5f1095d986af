/* 30, 7 and 1 day before the end, and at the end, once each. */
#include "host/expiry_watch.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

enum { DAY = 86400 };

static unsigned told;
static char last[256];

static void take(void *context, const char *line)
{
    (void)context;
    told++;
    snprintf(last, sizeof last, "%s", line);
}

TEST(stages_begin_to_the_second)
{
    EXPECT(expiry_stage_of(400 * DAY) == EXPIRY_FAR);
    EXPECT(expiry_stage_of(30 * DAY + 1) == EXPIRY_FAR);
    EXPECT(expiry_stage_of(30 * DAY) == EXPIRY_30_DAYS);
    EXPECT(expiry_stage_of(7 * DAY + 1) == EXPIRY_30_DAYS);
    EXPECT(expiry_stage_of(7 * DAY) == EXPIRY_7_DAYS);
    EXPECT(expiry_stage_of(DAY) == EXPIRY_1_DAY);
    EXPECT(expiry_stage_of(1) == EXPIRY_1_DAY);
    EXPECT(expiry_stage_of(0) == EXPIRY_PAST);
    EXPECT(expiry_stage_of(-5 * DAY) == EXPIRY_PAST);
}

/* Lives 40 days, sleeping as long as it is told to. */
static unsigned live(struct expiry *expiry)
{
    const struct trace trace = {take, NULL};

    told = 0;
    for (int64_t now = 1000; now < 1000 + 40 * DAY;) {
        const int64_t sleep = expiry_look(expiry, &trace, now);

        EXPECT(sleep > 0 && sleep <= 3600);
        now += sleep > 0 ? sleep : 1;
    }
    return told;
}

TEST(each_stage_is_told_once)
{
    struct expiry certificate = {"certificate", 1000 + 39 * DAY, EXPIRY_30_DAYS, EXPIRY_FAR};
    struct expiry crl = {"crl", 1000 + 30 * DAY, EXPIRY_7_DAYS, EXPIRY_FAR};
    struct expiry none = {"crl", 0, EXPIRY_7_DAYS, EXPIRY_FAR};

    EXPECT(live(&certificate) == 4);
    EXPECT(strstr(last, "certificate.ended") != NULL && certificate.told == EXPIRY_PAST);
    EXPECT(live(&crl) == 3);
    EXPECT(live(&none) == 0);
}

TEST(one_that_starts_near_its_end_is_told_of_at_once_and_once)
{
    const struct trace trace = {take, NULL};
    struct expiry certificate = {"certificate", 1000 + 2 * DAY, EXPIRY_30_DAYS, EXPIRY_FAR};

    told = 0;
    (void)expiry_look(&certificate, &trace, 1000);
    (void)expiry_look(&certificate, &trace, 1001);
    EXPECT(told == 1 && strstr(last, "at most 7 days left") != NULL);
}
