/* One question is under way at most, off the way of everything else.
 *
 * How it goes wrong: the answer takes long, or never comes as one: the next question follows a gap
 * after that. A refusal that the next answer takes back: nothing has happened. */
#include "member/key_watch.h"

#include "member/member.h"
#include "member/tickets.h"

#include <stdio.h>

/* Of those whose data key is held: a new one may be on its way. NULL: there is none. */
static const struct envelope *newest(const struct member *member)
{
    const struct envelope *found = NULL;

    for (uint32_t i = 0; i < member->keyring->count; i++) {
        if (deks_find(&member->deks, &member->keyring->envelopes[i].dek) != NULL) {
            found = &member->keyring->envelopes[i];
        }
    }
    return found;
}

/* Keys in memory, and a control file that could take the note. */
static bool is_on_watch(const struct member *member)
{
    const enum opening_state opening = opening_state(member);
    const bool opened =
        opening >= OPENING_HEADERS && opening != OPENING_FAILED && opening != OPENING_EMPTY;

    return member->known && member->descriptor.suite != SUITE_NONE && (member->ready || opened)
           && newest(member) != NULL;
}

static void ask(struct member *member, struct effects *fx)
{
    struct key_watch *watch = &member->key_watch;
    struct keys_request request;

    unwrap_request(member, newest(member), newest(member)->key_arn, &request);
    watch->asked = true;
    watch->attempt++;
    effects_ask_keys(fx, ticket_of(TICKET_WATCH, watch->attempt), &request);
}

void key_watch_pump(struct member *member, struct instant now, struct effects *fx)
{
    struct key_watch *watch = &member->key_watch;

    if (!is_on_watch(member) || watch->asked) {
        return;
    }
    if (watch->ask_at.ns == 0) { /* it has just been opened */
        watch->ask_at = instant_add(now, member->settings.key_poll);
    }
    if (instant_reached(watch->ask_at, now)) {
        ask(member, fx);
    } else {
        effects_wake_at(fx, watch->ask_at);
    }
}

void key_watch_on_keys(struct member *member, const struct event *event, struct effects *fx)
{
    struct key_watch *watch = &member->key_watch;
    const struct event_keys *keys = &event->keys;

    if (!watch->asked || ticket_value(keys->ticket) != watch->attempt) {
        return;
    }
    const bool doubted = watch->doubts;

    key_trouble_note(member, member->settings.self.region, keys->status, keys->answer.why);
    watch->asked = false;
    watch->doubts = key_loss_is(keys->status);
    watch->ask_at = instant_add(event->now, member->settings.key_poll);
    if (!watch->doubts || !is_on_watch(member)) {
        return;
    }
    if (!doubted) {
        ask(member, fx);
        return;
    }
    const struct key_fault fault = {.why = keys->status,
                                    .op = KEYS_UNWRAP,
                                    .key = newest(member)->key_arn,
                                    .region = member->settings.self.region,
                                    .member = member->settings.self.member,
                                    .said = keys->answer.why};
    char text[KEY_FAULT_TEXT_MAX];

    key_loss_begin(member, event, key_fault_text(&fault, text), fx);
}
