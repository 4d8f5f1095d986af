/* One envelope at a time. What is under way is named by its data key, not by its place: a rotation
 * may add an envelope meanwhile, and that one has its turn, too.
 *
 * How it goes wrong: the key service refuses, does not answer, or gives something else than was
 * wrapped. The operator is told which; envelopes that were replaced by then are good, and are
 * saved; the others stay what they were, which still opens. A crash leaves the old keyring or the
 * new one. */
#include "member/rewrap.h"

#include "base/check.h"
#include "member/key_fault.h"
#include "member/member.h"
#include "member/tickets.h"
#include "proto/keys_order.h"
#include "proto/message.h"

#include <stdio.h>

static void ask(struct member *member, enum keys_op op, struct bytes blob, struct effects *fx)
{
    struct rewrap *rewrap = &member->rewrap;
    const struct envelope *envelope = keyring_find(member->keyring, &rewrap->dek);
    struct keys_request request = {
        .op = op, .context = keyring_context(member->keyring, &rewrap->dek), .blob = blob};

    CHECK(envelope != NULL);
    memcpy(request.region, member->settings.self.region, sizeof request.region);
    memcpy(request.key, envelope->key_arn, sizeof request.key);
    rewrap->state = op == KEYS_REWRAP ? REWRAP_ASKED : REWRAP_CHECKING;
    rewrap->attempt++;
    effects_ask_keys(fx, ticket_of(TICKET_REWRAP, rewrap->attempt), &request);
}

static void save(struct member *member, struct effects *fx)
{
    member->rewrap.state = REWRAP_SAVING;
    saves_keyring(member, fx);
    member->rewrap.token = member->saves.keyring.wanted;
}

static void ask_for_next(struct member *member, struct effects *fx)
{
    struct rewrap *rewrap = &member->rewrap;

    if (rewrap->next == member->keyring->count) {
        save(member, fx);
        return;
    }
    const struct envelope *envelope = &member->keyring->envelopes[rewrap->next++];

    rewrap->dek = envelope->dek;
    ask(member, KEYS_REWRAP, envelope->blob, fx);
}

void rewrap_begin(struct member *member, const struct client *client, struct effects *fx)
{
    const char *self = member->settings.self.member;

    if (!client_may_operate(client)) {
        clients_refuse(fx, client->link, 0, E_IDENTITY, "Only an operator may re-wrap.");
    } else if (!member->ready || member->stopping) {
        clients_refuse(fx, client->link, 0, E_NOT_READY, "%s is %s.", self, member->state);
    } else if (member->descriptor.suite == SUITE_NONE) {
        clients_refuse(fx, client->link, 0, E_RULE,
                       "InvalidParameterCombination: the cluster is not encrypted: it has no "
                       "envelopes to re-wrap, and cannot become encrypted in place.");
    } else if (member->rewrap.state != REWRAP_IDLE) {
        clients_refuse(fx, client->link, 0, E_BUSY, "A re-wrap of %s is under way.", self);
    } else {
        member->rewrap.asker = client->link;
        member->rewrap.done = member->rewrap.next = 0;
        ask_for_next(member, fx);
    }
}

static void fail(struct member *member, enum keys_op op, enum status why, const char *said,
                 struct effects *fx)
{
    struct rewrap *rewrap = &member->rewrap;
    const struct key_fault fault = {.why = why,
                                    .op = op,
                                    .key = member->keyring->key_arn,
                                    .region = member->settings.self.region,
                                    .member = member->settings.self.member,
                                    .said = said};
    char text[KEY_FAULT_TEXT_MAX];

    trace_event(&member->settings.trace, "rewrap_failed why=%s envelopes=%u", status_name(why),
                rewrap->done);
    if (clients_find(&member->clients, rewrap->asker) != NULL) {
        clients_refuse(fx, rewrap->asker, 0, why, "%s. %u of %u envelopes are re-wrapped.",
                       key_fault_text(&fault, text), rewrap->done, member->keyring->count);
    }
    rewrap->asker = 0;
    rewrap->state = REWRAP_IDLE;
    if (rewrap->done > 0) {
        save(member, fx);
    }
}

static void on_blob(struct member *member, const struct keys_answer *answer, struct effects *fx)
{
    struct rewrap *rewrap = &member->rewrap;
    const struct envelope *envelope = keyring_find(member->keyring, &rewrap->dek);

    if (envelope == NULL || strcmp(answer->key_arn, envelope->key_arn) != 0
        || answer->blob.size == 0 || answer->blob.size > sizeof rewrap->blob) {
        fail(member, KEYS_REWRAP, E_KEY_MISMATCH, "", fx);
        return;
    }
    memcpy(rewrap->blob, answer->blob.data, answer->blob.size);
    rewrap->blob_bytes = answer->blob.size;
    ask(member, KEYS_UNWRAP, bytes_of(rewrap->blob, rewrap->blob_bytes), fx);
}

/* Whether what came out derives the check value of the envelope that is to be replaced. */
static bool is_same_key(const struct envelope *envelope, struct bytes plain)
{
    struct secret secret;

    if (secret_from(&secret, plain) != OK) {
        return false;
    }
    const struct digest check = dek_check(&secret, &envelope->lineage, &envelope->dek);

    secret_wipe(&secret);
    return secret_bytes_equal(bytes_of(check.bytes, sizeof check.bytes),
                              bytes_of(envelope->check.bytes, sizeof envelope->check.bytes));
}

static void on_opened(struct member *member, struct bytes plain, struct effects *fx)
{
    struct rewrap *rewrap = &member->rewrap;
    const struct envelope *old = keyring_find(member->keyring, &rewrap->dek);

    if (old == NULL || !is_same_key(old, plain)) {
        fail(member, KEYS_UNWRAP, E_KEY_MISMATCH, "", fx);
        return;
    }
    struct envelope envelope = *old;

    envelope.blob = bytes_of(rewrap->blob, rewrap->blob_bytes);
    const enum status status = keyring_add(member->keyring, &envelope);

    CHECK(status == OK); /* in the old one's place */
    rewrap->done++;
    ask_for_next(member, fx);
}

void rewrap_on_keys(struct member *member, const struct event *event, struct effects *fx)
{
    const struct event_keys *keys = &event->keys;
    struct rewrap *rewrap = &member->rewrap;
    const bool opens = rewrap->state == REWRAP_CHECKING;

    if ((rewrap->state != REWRAP_ASKED && !opens)
        || ticket_value(keys->ticket) != rewrap->attempt) {
        return;
    }
    key_trouble_note(member, member->settings.self.region, keys->status, keys->answer.why);
    if (keys->status != OK) {
        fail(member, opens ? KEYS_UNWRAP : KEYS_REWRAP, keys->status, keys->answer.why, fx);
    } else if (opens) {
        on_opened(member, keys->answer.plain, fx);
    } else {
        on_blob(member, &keys->answer, fx);
    }
}

void rewrap_pump(struct member *member, struct effects *fx)
{
    struct rewrap *rewrap = &member->rewrap;
    const struct rewrapped rewrapped = {.envelopes = rewrap->done};

    if (rewrap->state != REWRAP_SAVING || member->saves.keyring.durable < rewrap->token) {
        return;
    }
    rewrap->state = REWRAP_IDLE;
    trace_event(&member->settings.trace, "rewrapped envelopes=%u key=%s", rewrap->done,
                member->keyring->key_arn);
    if (clients_find(&member->clients, rewrap->asker) != NULL) {
        effects_send(
            fx, rewrap->asker, MESSAGE_REWRAPPED,
            rewrapped_encode(&rewrapped, effects_scratch(fx, rewrapped_bytes(&rewrapped))));
    }
}
