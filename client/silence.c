/* Quiet time is summed up tick by tick, and begins anew with each sign of life.
 *
 * How it goes wrong: a tick that comes late (we were stopped, or nobody polled) would blame the
 * member for our own absence; so a look adds two ticks at most. */
#include "client/silence.h"

#include "base/check.h"

enum {
    PROBE_SECONDS = 5, /* longer than a slow disk's sync and a round trip */
    END_SECONDS = 15, /* ... and as long again, twice, for the answer */
    TICKS_TO_PROBE = 5,
};

void silence_init(struct silence *silence, struct silence_limits limits)
{
    *silence = (struct silence){.limits = limits};
    if (limits.probe.ns == 0) {
        silence->limits.probe = SPAN_S(PROBE_SECONDS);
    }
    if (limits.end.ns == 0) {
        silence->limits.end = SPAN_S(END_SECONDS);
    }
    CHECK(silence->limits.probe.ns < silence->limits.end.ns);
}

struct span silence_tick(const struct silence *silence)
{
    return (struct span){silence->limits.probe.ns / TICKS_TO_PROBE};
}

void silence_begin(struct silence *silence, struct instant now, struct silence_signs signs)
{
    silence->last = signs;
    silence->looked_at = now;
    silence->quiet = (struct span){0};
}

static bool is_alive(const struct silence_signs *before, const struct silence_signs *after)
{
    return after->bytes_in != before->bytes_in
           || (before->waiting > 0 && after->bytes_out != before->bytes_out);
}

enum silence_verdict silence_look(struct silence *silence, struct instant now, bool owed,
                                  struct silence_signs signs)
{
    const uint64_t before = silence->quiet.ns;
    const uint64_t passed = instant_since(silence->looked_at, now).ns;
    const uint64_t most = 2 * silence_tick(silence).ns;

    if (!owed || is_alive(&silence->last, &signs)) {
        silence_begin(silence, now, signs);
        return SILENCE_NONE;
    }
    silence->last = signs;
    silence->looked_at = now;
    silence->quiet.ns += passed < most ? passed : most;
    if (silence->quiet.ns < silence->limits.probe.ns) {
        return SILENCE_NONE;
    }
    if (silence->quiet.ns >= silence->limits.end.ns) {
        return SILENCE_ENDS;
    }
    return before < silence->limits.probe.ns ? SILENCE_ASK : SILENCE_LASTS;
}
