/* Envelopes come, one a KEYS message; each is for this region and for a DEK that is wanted. When
 * all are there, the own key service opens them, each key is held against its check value, and then
 * what a cluster is goes to the disk: keyring, control, and the descriptor last, since it is what
 * makes the folder a member. Only then KEYS_STORED, and the proofs.
 *
 * How it goes wrong: the key service is away (the link ends, the next attempt asks again), or it
 * refuses, or the key is another one: that halts a replica that is joining, for only a person can
 * change it, and ends the link of one that is not. */
#include "replica/receiver.h"

#include "base/check.h"
#include "member/greeting.h"
#include "proto/message.h"
#include "replica/receiver_new_key.h"

#include <stdio.h>

static void begin_proving(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;

    if (replica->member.descriptor.suite == SUITE_NONE) {
        receiver_compare(replica, now, fx); /* certificate and descriptor have decided */
        return;
    }
    const struct dek *dek = deks_find(&replica->member.deks, &receiver->proof_dek);

    CHECK(dek != NULL);
    const struct proof proof = {
        .mac = greeting_proof(dek, TLS_CLIENT, receiver->exporter, &receiver->greets)};

    receiver_move(receiver, RECEIVER_PROVING, now);
    effects_send(fx, receiver->link, MESSAGE_PROOF,
                 proof_encode(&proof, effects_scratch(fx, proof_bytes(&proof))));
}

static void begin_storing(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    struct member *member = &replica->member;

    receiver_move(receiver, RECEIVER_STORING, now);
    saves_keyring(member, fx);
    if (receiver->joined) {
        return;
    }
    member->control = (struct control){.lineage = member->descriptor.lineage};
    member->control.folder = receiver->folder;
    saves_control(member, fx);
    saves_descriptor(member, fx);
    receiver->joined = true;
    member->ready = true;
}

void receiver_begin_keys(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;

    if (receiver->wanted_count > 0) {
        receiver_move(receiver, RECEIVER_KEYS, now);
    } else if (!receiver->joined) {
        begin_storing(replica, now, fx);
    } else {
        begin_proving(replica, now, fx);
    }
}

static bool is_wanted(const struct receiver *receiver, const struct id *dek)
{
    for (uint32_t i = 0; i < receiver->wanted_count; i++) {
        if (id_equal(&receiver->wanted[i], dek)) {
            return true;
        }
    }
    return false;
}

/* A key that the person named by its own ARN must be the one, and a cluster has one key for
 * life. */
static bool is_the_key(const struct member *member, const struct envelope *envelope)
{
    const char *named = member->settings.key;
    const char *known = member->keyring->key_arn;
    const bool exact = strncmp(named, "arn:", 4) == 0 && strstr(named, ":key/") != NULL;

    return envelope->key_arn[0] != '\0'
           && (known[0] == '\0' || strcmp(known, envelope->key_arn) == 0)
           && (!exact || strcmp(named, envelope->key_arn) == 0);
}

enum status receiver_take_envelope(struct replica *replica, const struct envelope *envelope)
{
    struct member *member = &replica->member;
    struct keyring *keyring = member->keyring;

    if (!is_wanted(&replica->receiver, &envelope->dek)
        || strcmp(envelope->region, keyring->region) != 0) {
        return E_PROTOCOL;
    }
    if (!is_the_key(member, envelope)) {
        return E_KEY_MISMATCH;
    }
    TRY(keyring_add(keyring, envelope));
    snprintf(keyring->key_arn, sizeof keyring->key_arn, "%s", envelope->key_arn);
    return OK;
}

static enum status take_envelopes(struct replica *replica, const struct keys_message *message)
{
    for (uint32_t i = 0; i < message->count; i++) {
        TRY(receiver_take_envelope(replica, &message->envelopes[i]));
    }
    return OK;
}

static bool has_all(const struct replica *replica)
{
    const struct receiver *receiver = &replica->receiver;

    for (uint32_t i = 0; i < receiver->wanted_count; i++) {
        if (keyring_find(replica->member.keyring, &receiver->wanted[i]) == NULL) {
            return false;
        }
    }
    return true;
}

void receiver_on_keys(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct member *member = &replica->member;
    struct keys_message message;
    enum status status =
        keys_message_decode(&message, event->message.message.head, &member->scratch);

    if (status == OK) {
        status = take_envelopes(replica, &message);
    }
    if (status != OK) {
        receiver_refuse(replica, event->now, fx, status, "The envelope is refused: %s.",
                        status_text(status));
    } else if (has_all(replica)) {
        receiver_move(&replica->receiver, RECEIVER_UNWRAPPING, event->now);
        unwrap_begin(member, event->now, instant_add(event->now, member->settings.keys_max), fx);
    }
}

static void on_unwrap_failed(struct replica *replica, struct instant now, struct effects *fx)
{
    struct member *member = &replica->member;
    const enum status why = member->unwrap.why;
    const bool is_final = !replica->receiver.joined && why != E_KEY_UNREACHABLE;
    char text[sizeof member->unwrap.text], advice[KEY_ADVICE_MAX];

    snprintf(text, sizeof text, "%s", member->unwrap.text);
    receiver_refuse(replica, now, fx, why, "%s.", text);
    if (is_final) {
        member_halt(member, fx, why, "%s. Nothing was kept; %s%s.", text,
                    key_trouble_advice(why, member->settings.self.region, advice),
                    key_trouble_is_own(why) ? "" : ", or with another --kms-key-id");
    }
}

void receiver_send_stored(struct replica *replica, struct effects *fx)
{
    const struct receiver *receiver = &replica->receiver;
    struct keys_stored stored = {.dek_count = receiver->wanted_count};

    memcpy(stored.deks, receiver->wanted, receiver->wanted_count * sizeof *receiver->wanted);
    effects_send(fx, receiver->link, MESSAGE_KEYS_STORED,
                 keys_stored_encode(&stored, effects_scratch(fx, keys_stored_bytes(&stored))));
}

void receiver_keys_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    struct member *member = &replica->member;

    if (receiver->state == RECEIVER_UNWRAPPING && member->unwrap.state == UNWRAP_FAILED) {
        on_unwrap_failed(replica, now, fx);
    } else if (receiver->state == RECEIVER_UNWRAPPING && member->unwrap.state == UNWRAP_DONE) {
        unwrap_forget(member);
        begin_storing(replica, now, fx);
    }
    if (receiver->state == RECEIVER_STORING && saves_are_durable(&member->saves)) {
        if (receiver->wanted_count > 0) {
            receiver_send_stored(replica, fx);
        }
        begin_proving(replica, now, fx);
    }
}

void receiver_on_proof(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    const struct dek *dek = deks_find(&replica->member.deks, &receiver->proof_dek);
    struct proof proof;
    const enum status status =
        proof_decode(&proof, event->message.message.head, &replica->member.scratch);

    CHECK(dek != NULL);
    const struct digest expected =
        greeting_proof(dek, TLS_SERVER, receiver->exporter, &receiver->greets);

    if (status != OK || !greeting_proof_is_right(&expected, &proof.mac)) {
        receiver_refuse(replica, event->now, fx, status != OK ? status : E_PROOF, "%s.",
                        status_text(E_PROOF));
        return;
    }
    if (receiver->is_stale) {
        receiver_refuse(replica, event->now, fx, E_STALE_EPOCH, "%s.", status_text(E_STALE_EPOCH));
        return;
    }
    receiver_compare(replica, event->now, fx);
}
