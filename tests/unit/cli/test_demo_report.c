/* A demo in which one promise fails has failed: in its exit code, in its JSON and in its words. */
#include "base/check.h"
#include "cli/demo_report.h"
#include "cli/verbs.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static unsigned shown;

static bool holds(struct demo_show *show)
{
    shown++;
    snprintf(show->saw, sizeof show->saw, "saw it");
    return true;
}

static bool fails(struct demo_show *show)
{
    shown++;
    snprintf(show->saw, sizeof show->saw, "a broken promise, as this test wants it");
    return false;
}

static const struct promise all_hold[] = {{"first", "the first", holds, DEMO_LINES, false},
                                          {"second", "the second", holds, DEMO_BOTH, false}};
static const struct promise one_fails[] = {{"first", "the first", holds, DEMO_LINES, false},
                                           {"broken", "the broken", fails, DEMO_BOTH, false},
                                           {"last", "the last", holds, DEMO_BOTH, false}};
static const struct promise for_others[] = {{"other", "the other", holds, DEMO_POSTGRES, false}};

struct told {
    int code;
    char text[4096];
};

static struct told tell(const struct promise *promises, unsigned count, bool json, bool went_well)
{
    static struct demo_load load;
    struct demo_show show = {.load = &load};
    struct told told = {0};
    FILE *to = fmemopen(told.text, sizeof told.text, "w");
    const struct demo_report report = {
        .promises = promises, .count = count, .input = DEMO_LINES, .json = json, .to = to};

    NEED(to != NULL);
    shown = 0;
    told.code = demo_report(&report, &show, went_well);
    fclose(to);
    return told;
}

/* "all" and each of the promises, as in {"all": false, "first": true}. */
static bool json_says(const char *text, const char *expected)
{
    json_t *said = json_loads(text, 0, NULL), *wanted = json_loads(expected, 0, NULL);
    json_t *promises = json_object_get(said, "promises");

    json_object_set(promises, "all", json_object_get(said, "all"));
    const bool same = wanted != NULL && json_equal(promises, wanted);

    json_decref(said);
    json_decref(wanted);
    return same;
}

TEST(a_promise_that_fails_fails_the_demo_and_the_others_are_shown_all_the_same)
{
    const struct told told = tell(one_fails, COUNT_OF(one_fails), true, true);

    EXPECT(told.code == 1);
    EXPECT(shown == 3);
    EXPECT(json_says(told.text,
                     "{\"all\": false, \"first\": true, \"broken\": false, \"last\": true}"));
}

TEST(a_promise_that_fails_is_said_in_words)
{
    const struct told told = tell(one_fails, COUNT_OF(one_fails), false, true);

    EXPECT(told.code == 1);
    EXPECT(strstr(told.text, "  ok  the first\n      saw it\n") != NULL);
    EXPECT(strstr(told.text, "FAIL  the broken\n      a broken promise") != NULL);
    EXPECT(strstr(told.text, "A promise FAILED.") != NULL);
    EXPECT(strstr(told.text, "Every promise holds") == NULL);
}

TEST(where_every_promise_holds_the_demo_is_done)
{
    const struct told json = tell(all_hold, COUNT_OF(all_hold), true, true);
    const struct told words = tell(all_hold, COUNT_OF(all_hold), false, true);

    EXPECT(json.code == EXIT_DONE);
    EXPECT(json_says(json.text, "{\"all\": true, \"first\": true, \"second\": true}"));
    EXPECT(words.code == EXIT_DONE);
    EXPECT(strstr(words.text, "Every promise holds.") != NULL);
}

TEST(a_workload_that_went_wrong_fails_the_demo_whatever_holds)
{
    const struct told told = tell(all_hold, COUNT_OF(all_hold), true, false);

    EXPECT(told.code == EXIT_REFUSED);
    EXPECT(json_says(told.text, "{\"all\": false, \"first\": true, \"second\": true}"));
}

TEST(a_demo_that_shows_nothing_has_shown_nothing)
{
    const struct told told = tell(for_others, COUNT_OF(for_others), true, true);

    EXPECT(shown == 0);
    EXPECT(told.code == EXIT_REFUSED);
    EXPECT(json_says(told.text, "{\"all\": false}"));
}
