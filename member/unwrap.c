/* One envelope at a time: ask, check, keep, go on with the next. The ticket names the attempt, so
 * an answer that comes after we gave up or began anew changes nothing.
 *
 * How it goes wrong: nobody answers: ask again after a gap that doubles, until the limit
 * (E_KEY_UNREACHABLE); the key service says no: final, with its own sentence, since only a person
 * can change that; it returns another key than the envelope was made for (E_KEY_MISMATCH): final.
 */
#include "member/unwrap.h"

#include "base/check.h"
#include "member/member.h"
#include "member/tickets.h"

#include <stdio.h>

enum { DOUBLINGS_MAX = 4 }; /* the longest gap is 16 times the first */

static const struct envelope *envelope_of(const struct member *member)
{
    return &member->keyring->envelopes[member->unwrap.envelope];
}

static void ask_name(struct member *member, struct effects *fx)
{
    struct keys_request request = {.op = KEYS_DESCRIBE};

    memcpy(request.region, member->settings.self.region, sizeof request.region);
    memcpy(request.key, member->settings.key, sizeof request.key);
    member->unwrap.state = UNWRAP_ASKED;
    member->unwrap.attempt++;
    effects_ask_keys(fx, ticket_of(TICKET_UNWRAP, member->unwrap.attempt), &request);
}

static void ask_unwrap(struct member *member, struct effects *fx)
{
    const struct envelope *envelope = envelope_of(member);
    struct keys_request request = {.op = KEYS_UNWRAP,
                                   .context = keyring_context(member->keyring, &envelope->dek),
                                   .blob = envelope->blob};

    memcpy(request.region, member->settings.self.region, sizeof request.region);
    memcpy(request.key, envelope->key_arn, sizeof request.key);
    member->unwrap.state = UNWRAP_ASKED;
    member->unwrap.attempt++;
    effects_ask_keys(fx, ticket_of(TICKET_UNWRAP, member->unwrap.attempt), &request);
}

static void ask(struct member *member, struct effects *fx)
{
    if (member->unwrap.naming) {
        ask_name(member, fx);
    } else {
        ask_unwrap(member, fx);
    }
}

static void ask_for_next(struct member *member, struct effects *fx)
{
    struct unwrap *unwrap = &member->unwrap;

    unwrap->tries = 0;
    if (unwrap->naming) {
        ask(member, fx);
        return;
    }
    while (unwrap->envelope < member->keyring->count
           && deks_find(&member->deks, &envelope_of(member)->dek) != NULL) {
        unwrap->envelope++;
    }
    if (unwrap->envelope == member->keyring->count) {
        unwrap->state = UNWRAP_DONE;
        return;
    }
    ask(member, fx);
}

/* What we asked about: for sentences. */
static const char *asked_key(const struct member *member)
{
    return member->unwrap.naming ? member->settings.key : envelope_of(member)->key_arn;
}

static void fail(struct member *member, enum status why, const char *text)
{
    struct unwrap *unwrap = &member->unwrap;
    size_t size;

    unwrap->state = UNWRAP_FAILED;
    unwrap->why = why;
    snprintf(unwrap->text, sizeof unwrap->text, "key %.120s in %s: %.220s", asked_key(member),
             member->settings.self.region, text[0] != '\0' ? text : status_text(why));
    size = strlen(unwrap->text);
    if (unwrap->text[size - 1] == '.') { /* the service's own; it goes into a longer sentence */
        unwrap->text[size - 1] = '\0';
    }
    trace_event(&member->settings.trace, "unwrap_failed why=%s key=%s region=%s", status_name(why),
                asked_key(member), member->settings.self.region);
}

void unwrap_begin(struct member *member, struct instant now, struct instant give_up,
                  struct effects *fx)
{
    struct unwrap *unwrap = &member->unwrap;

    CHECK(unwrap->state != UNWRAP_ASKED && unwrap->state != UNWRAP_WAITING);
    (void)now;
    unwrap->envelope = 0;
    unwrap->give_up = give_up;
    ask_for_next(member, fx);
}

static void wait_and_retry(struct member *member, const char *why, struct instant now)
{
    struct unwrap *unwrap = &member->unwrap;
    const unsigned doublings = unwrap->tries < DOUBLINGS_MAX ? unwrap->tries : DOUBLINGS_MAX;
    const struct span gap = {member->settings.retry_gap.ns << doublings};

    if (instant_reached(unwrap->give_up, now)) {
        fail(member, E_KEY_UNREACHABLE, why);
        return;
    }
    unwrap->tries++;
    unwrap->state = UNWRAP_WAITING;
    unwrap->retry_at = instant_min(instant_add(now, gap), unwrap->give_up);
    trace_event(&member->settings.trace, "unwrap_retry tries=%u key=%s region=%s", unwrap->tries,
                asked_key(member), member->settings.self.region);
}

static void on_named(struct member *member, const char *arn, struct effects *fx)
{
    struct unwrap *unwrap = &member->unwrap;
    const struct verdict verdict = rule_open_key(member->keyring->key_arn, arn);

    if (!verdict.allowed) {
        fail(member, E_RULE, "");
        snprintf(unwrap->text, sizeof unwrap->text, "%s: %s", verdict.name, verdict.text);
        return;
    }
    unwrap->naming = false;
    ask_for_next(member, fx);
}

void unwrap_on_keys(struct member *member, const struct event *event, struct effects *fx)
{
    const struct event_keys *keys = &event->keys;
    struct unwrap *unwrap = &member->unwrap;

    if (unwrap->state != UNWRAP_ASKED || ticket_value(keys->ticket) != unwrap->attempt) {
        return;
    }
    key_trouble_note(member, member->settings.self.region, keys->status, keys->answer.why);
    if (keys->status == E_KEY_UNREACHABLE) {
        wait_and_retry(member, keys->answer.why, event->now);
        return;
    }
    if (keys->status != OK) {
        fail(member, keys->status, keys->answer.why);
        return;
    }
    if (unwrap->naming) {
        on_named(member, keys->answer.key_arn, fx);
        return;
    }
    const enum status status = deks_put(&member->deks, envelope_of(member), keys->answer.plain);

    if (status != OK) {
        fail(member, status == E_MALFORMED ? E_KEY_MISMATCH : status, "");
        return;
    }
    ask_for_next(member, fx);
}

void unwrap_pump(struct member *member, struct instant now, struct effects *fx)
{
    if (member->unwrap.state == UNWRAP_WAITING && instant_reached(member->unwrap.retry_at, now)) {
        ask(member, fx);
    }
}

void unwrap_forget(struct member *member)
{
    member->unwrap.state = UNWRAP_IDLE;
}

struct instant unwrap_deadline(const struct member *member)
{
    return member->unwrap.state == UNWRAP_WAITING ? member->unwrap.retry_at : INSTANT_NEVER;
}
