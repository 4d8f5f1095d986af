/* A start that waits is in OPENING_KEYS like any other; what is asked there, and when again, is
 * opening.c's. Here is what a refusal means, and what is written down.
 *
 * How it goes wrong: the disk does not take the note in time: the node halts all the same, and the
 * next start asks for the key before anything else, as always. A crash before the count is saved:
 * up to SAVES_S of the window are counted again, so it can only be longer. */
#include "member/key_loss.h"

#include "base/check.h"
#include "member/member.h"

#include <stdio.h>

enum { SAVES_S = 60, SAVES_OF_WINDOW = 64 };

bool key_loss_is(enum status why)
{
    return why == E_KEY_DENIED || why == E_KEY_DISABLED || why == E_KEY_PENDING_DELETION
           || why == E_KEY_NOT_FOUND;
}

bool key_loss_is_ending(const struct member *member)
{
    return member->key_loss.ending;
}

bool key_loss_waits(const struct member *member)
{
    return member->known && member->control.key_standing == KEY_STANDING_LOST
           && !member->key_loss.ending;
}

const char *key_loss_state(const struct member *member)
{
    static const char *const states[KEY_STANDINGS] = {[KEY_STANDING_USABLE] = "",
                                                      [KEY_STANDING_LOST] = KEY_LOST_STATE,
                                                      [KEY_STANDING_GONE] = KEY_GONE_STATE};

    return states[member->control.key_standing];
}

static uint64_t window_ms(const struct member *member)
{
    return member->settings.key_loss_window.ns / 1000000u;
}

void key_loss_text(const struct member *member, char *text, size_t size)
{
    const uint64_t counted = member->control.key_lost_ms;
    const uint64_t left = counted < window_ms(member) ? window_ms(member) - counted : 0;
    const char *said = member->key_loss.text;

    snprintf(text, size,
             "%s%s%s is %s: let its KMS key be used again within %llu s of refusals, and it goes "
             "on by itself",
             said, said[0] == '\0' ? "" : ". ", member->settings.self.member, KEY_LOST_STATE,
             (unsigned long long)(left / 1000u));
}

/* Nothing more is done here: late answers of the disk, the links and the key service find nothing.
 */
static void begin_to_end(struct member *member, struct instant now, struct effects *fx)
{
    member->key_loss.ending = true;
    member->key_loss.end_by = instant_add(now, member->settings.key_poll);
    saves_control(member, fx);
    effects_wake_at(fx, now);
}

/* As many as can be told in one step; the others are cut when the node halts. */
static void send_away(struct member *member, struct effects *fx)
{
    char text[REFUSED_TEXT_MAX];

    key_loss_text(member, text, sizeof text);
    for (uint32_t i = 0; i < member->clients.capacity && effects_have_room(fx); i++) {
        const link_t link = member->clients.list[i].link;

        if (link != 0) {
            clients_refuse(fx, link, 0, E_KEY_LOST, "%s", text);
            effects_hang_up(fx, link, OK); /* a goodbye: the REFUSED must still arrive */
        }
    }
}

void key_loss_begin(struct member *member, const struct event *event, const char *text,
                    struct effects *fx)
{
    CHECK(!member->key_loss.ending && member->control.key_standing == KEY_STANDING_USABLE);
    member->control.key_standing = KEY_STANDING_LOST;
    member->control.key_lost_at = event->wall_ns / 1000000000u;
    member->control.key_lost_ms = 0;
    snprintf(member->key_loss.text, sizeof member->key_loss.text, "%s", text);
    trace_event(&member->settings.trace, "key_lost text=\"%s\"", text);
    send_away(member, fx);
    member_drop(member);
    begin_to_end(member, event->now, fx);
}

static void halt(struct member *member, struct effects *fx)
{
    if (member->control.key_standing == KEY_STANDING_LOST) {
        member_halt(member, fx, E_KEY_LOST,
                    "%s. This member has dropped its keys and is " KEY_LOST_STATE
                    " from now on: it starts again without them, and waits for the key",
                    member->key_loss.text);
    } else {
        member_halt(member, fx, E_KEY_GONE,
                    "%s. That is so for longer than %llu s: this member is " KEY_GONE_STATE
                    " for good. Restore the cluster from a backup whose key can be used; nothing "
                    "was deleted here",
                    member->key_loss.text, (unsigned long long)(window_ms(member) / 1000u));
    }
}

void key_loss_end(struct member *member, const struct event *event, struct effects *fx)
{
    const bool gone = member->control.key_standing == KEY_STANDING_GONE;

    if (event->kind == EVENT_WRITTEN && event->written.status != OK) {
        (void)member_on_written(member, event, fx); /* which halts */
        return;
    }
    if (event->kind == EVENT_WRITTEN) {
        const struct write_asked asked = writes_answered(&member->writes, event->written.ticket);

        if (asked.kind == WRITE_CONTROL || asked.kind == WRITE_KEYRING
            || asked.kind == WRITE_DESCRIPTOR) {
            saves_on_written(member, asked.kind, fx);
        }
    }
    saves_pump(member, fx);
    if (saves_are_durable(&member->saves)
        || (!gone && instant_reached(member->key_loss.end_by, event->now))) {
        halt(member, fx);
    } else if (!gone) {
        effects_wake_at(fx, member->key_loss.end_by);
    }
}

void key_loss_restore(struct member *member, struct instant now)
{
    member->key_loss.counted_at = member->key_loss.saved_at = now;
    trace_event(&member->settings.trace, "key_lost_since at=%llu counted_ms=%llu",
                (unsigned long long)member->control.key_lost_at,
                (unsigned long long)member->control.key_lost_ms);
}

static struct span save_gap(const struct member *member)
{
    const struct span part = {member->settings.key_loss_window.ns / SAVES_OF_WINDOW};

    return part.ns < SPAN_S(SAVES_S).ns ? part : SPAN_S(SAVES_S);
}

void key_loss_refused(struct member *member, struct instant now, const char *text,
                      struct effects *fx)
{
    struct key_loss *loss = &member->key_loss;
    const uint64_t ms = instant_since(loss->counted_at, now).ns / 1000000u;

    loss->counted_at = instant_add(loss->counted_at, SPAN_MS(ms));
    loss->ask_at = instant_add(now, member->settings.key_poll);
    member->control.key_lost_ms += ms;
    snprintf(loss->text, sizeof loss->text, "%s", text);
    if (member->control.key_lost_ms >= window_ms(member)) {
        member->control.key_standing = KEY_STANDING_GONE;
        begin_to_end(member, now, fx);
    } else if (instant_reached(instant_add(loss->saved_at, save_gap(member)), now)) {
        loss->saved_at = now;
        saves_control(member, fx);
    }
}

void key_loss_recovered(struct member *member)
{
    trace_event(&member->settings.trace, "key_recovered after_ms=%llu",
                (unsigned long long)member->control.key_lost_ms);
    member->control.key_standing = KEY_STANDING_USABLE;
    member->control.key_lost_at = member->control.key_lost_ms = 0;
    member->key_loss.text[0] = '\0';
    member->key_loss.recovered = true;
}

void key_loss_pump(struct member *member, struct effects *fx)
{
    if (member->key_loss.recovered && member->ready) {
        member->key_loss.recovered = false;
        saves_control(member, fx);
    }
}
