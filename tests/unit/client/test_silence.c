/* When a member counts as silent: by its signs of life, and by time in which we listened. */
#include "client/silence.h"

#include "tests/support/test.h"

static const struct silence_signs nothing;

static struct silence begun(void)
{
    struct silence silence;

    silence_init(&silence, (struct silence_limits){.probe = SPAN_S(5), .end = SPAN_S(15)});
    silence_begin(&silence, (struct instant){0}, nothing);
    return silence;
}

static struct instant second(unsigned n)
{
    return instant_add((struct instant){0}, SPAN_S(n));
}

/* Looks once a second, from the one after `from` to `to`; what the last look says. */
static enum silence_verdict look(struct silence *silence, unsigned from, unsigned to, bool owed,
                                 struct silence_signs signs)
{
    enum silence_verdict verdict = SILENCE_NONE;

    for (unsigned i = from + 1; i <= to; i++) {
        verdict = silence_look(silence, second(i), owed, signs);
    }
    return verdict;
}

TEST(silence_is_asked_about_once_and_ends)
{
    struct silence silence = begun();

    EXPECT(look(&silence, 0, 4, true, nothing) == SILENCE_NONE);
    EXPECT(look(&silence, 4, 5, true, nothing) == SILENCE_ASK);
    for (unsigned i = 5; i < 14; i++) {
        EXPECT(look(&silence, i, i + 1, true, nothing) == SILENCE_LASTS);
    }
    EXPECT(look(&silence, 14, 15, true, nothing) == SILENCE_ENDS);
}

TEST(who_owes_nothing_may_be_silent_for_ever)
{
    struct silence silence = begun();

    EXPECT(look(&silence, 0, 100, false, nothing) == SILENCE_NONE);
    EXPECT(look(&silence, 100, 104, true, nothing) == SILENCE_NONE);
    EXPECT(look(&silence, 104, 105, true, nothing) == SILENCE_ASK);
}

TEST(any_byte_from_the_member_is_a_sign_of_life)
{
    struct silence silence = begun();
    const struct silence_signs answered = {.bytes_in = 1};

    EXPECT(look(&silence, 0, 14, true, nothing) == SILENCE_LASTS);
    EXPECT(look(&silence, 14, 15, true, answered) == SILENCE_NONE);
    EXPECT(look(&silence, 15, 19, true, answered) == SILENCE_NONE);
    EXPECT(look(&silence, 19, 20, true, answered) == SILENCE_ASK);
}

TEST(output_that_waited_and_moves_is_a_sign_of_life)
{
    struct silence silence = begun();
    struct silence_signs signs = {.waiting = 1 << 20};

    for (unsigned i = 0; i < 100; i++) {
        signs.bytes_out++;
        EXPECT((look(&silence, i, i + 1, true, signs) == SILENCE_NONE));
    }
}

TEST(output_that_did_not_wait_is_none)
{
    struct silence silence = begun();
    struct silence_signs signs = {0};
    enum silence_verdict verdict = SILENCE_NONE;

    for (unsigned i = 0; i < 15; i++) {
        signs.bytes_out += 100; /* the kernel takes it, nobody reads it */
        verdict = look(&silence, i, i + 1, true, signs);
    }
    EXPECT(verdict == SILENCE_ENDS);
}

TEST(time_in_which_nobody_listened_is_not_the_members)
{
    struct silence silence = begun();

    EXPECT(silence_look(&silence, second(1000), true, nothing) == SILENCE_NONE);
    EXPECT(silence_look(&silence, second(2000), true, nothing) == SILENCE_NONE);
    EXPECT(silence_look(&silence, second(3000), true, nothing) == SILENCE_ASK);
}

TEST(limits_that_are_not_given_have_a_default)
{
    struct silence silence;

    silence_init(&silence, (struct silence_limits){{0}, {0}});
    EXPECT(silence.limits.probe.ns == SPAN_S(5).ns);
    EXPECT(silence.limits.end.ns == SPAN_S(15).ns);
    EXPECT(silence_tick(&silence).ns == SPAN_S(1).ns);
}
