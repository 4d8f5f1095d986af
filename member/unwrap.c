/* One envelope at a time: ask, check, keep, go on with the next. The ticket names the attempt, so
 * an answer that comes after we gave up or began anew changes nothing.
 *
 * How it goes wrong: nobody answers: ask again after a gap that doubles, until the limit
 * (E_KEY_UNREACHABLE); the key service says no: final, with its own sentence, since only a person
 * can change that; it returns another key than the envelope was made for (E_KEY_MISMATCH): final;
 * the name that a person gives is another key's: the one on record is tried, so that this is told
 * from an envelope that is harmed. */
#include "member/unwrap.h"

#include "base/check.h"
#include "member/member.h"
#include "member/tickets.h"

#include <stdio.h>

static const struct envelope *envelope_of(const struct member *member)
{
    return &member->keyring->envelopes[member->unwrap.envelope];
}

/* What we ask by: for sentences too. */
static const char *asked_key(const struct member *member)
{
    return member->unwrap.by_name ? member->settings.key : envelope_of(member)->key_arn;
}

void unwrap_request(const struct member *member, const struct envelope *envelope, const char *key,
                    struct keys_request *request)
{
    *request = (struct keys_request){.op = KEYS_UNWRAP,
                                     .context = keyring_context(member->keyring, &envelope->dek),
                                     .blob = envelope->blob};
    memcpy(request->region, member->settings.self.region, sizeof request->region);
    snprintf(request->key, sizeof request->key, "%s", key);
}

static void ask(struct member *member, struct effects *fx)
{
    struct keys_request request;

    unwrap_request(member, envelope_of(member), asked_key(member), &request);
    member->unwrap.state = UNWRAP_ASKED;
    member->unwrap.attempt++;
    effects_ask_keys(fx, ticket_of(TICKET_UNWRAP, member->unwrap.attempt), &request);
}

static void ask_for_next(struct member *member, struct effects *fx)
{
    struct unwrap *unwrap = &member->unwrap;

    unwrap->tries = 0;
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

static void fail(struct member *member, enum status why, const char *said)
{
    struct unwrap *unwrap = &member->unwrap;
    const struct key_fault fault = {.why = why,
                                    .op = KEYS_UNWRAP,
                                    .key = asked_key(member),
                                    .region = member->settings.self.region,
                                    .member = member->settings.self.member,
                                    .said = said};

    const bool is_known = key_loss_waits(member) && unwrap->why == why; /* for days, perhaps */

    unwrap->state = UNWRAP_FAILED;
    unwrap->why = why;
    (void)key_fault_text(&fault, unwrap->text);
    if (!is_known) {
        trace_event(&member->settings.trace, "unwrap_failed why=%s key=%s region=%s",
                    status_name(why), asked_key(member), member->settings.self.region);
    }
}

/* The key on record has opened what the one that a person names did not. */
static void refuse_name(struct member *member)
{
    const struct verdict verdict = rule_open_key(member->keyring->key_arn, member->settings.key);

    CHECK(!verdict.allowed);
    member->unwrap.state = UNWRAP_FAILED;
    member->unwrap.why = E_RULE;
    snprintf(member->unwrap.text, sizeof member->unwrap.text, "%s: %s (%s)", verdict.name,
             verdict.text, verdict.rule);
}

void unwrap_begin(struct member *member, struct instant now, struct instant give_up,
                  struct effects *fx)
{
    struct unwrap *unwrap = &member->unwrap;

    CHECK(unwrap->state != UNWRAP_ASKED && unwrap->state != UNWRAP_WAITING);
    (void)now;
    unwrap->envelope = 0;
    unwrap->is_misnamed = false;
    unwrap->give_up = give_up;
    ask_for_next(member, fx);
}

static void wait_and_retry(struct member *member, const char *why, struct instant now)
{
    struct unwrap *unwrap = &member->unwrap;
    const struct span gap = member_retry_gap(&member->settings, unwrap->tries);

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
    if (keys->status == E_KEY_CIPHERTEXT && unwrap->by_name) {
        unwrap->by_name = false;
        unwrap->is_misnamed = true;
        ask(member, fx);
        return;
    }
    if (keys->status != OK) {
        fail(member, keys->status, keys->answer.why);
        return;
    }
    if (unwrap->is_misnamed) {
        refuse_name(member);
        return;
    }
    unwrap->by_name = false;
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
