/* A replica that lacks a DEK gets it as an envelope that only its own region's key service opens.
 *
 * In our own region and cluster that is our own envelope, unchanged (R13). Elsewhere the DEK is
 * wrapped anew by the key service of the replica's region, under the key that the replica named
 * (R14); it never crosses the link in plain, not even inside TLS. One KEYS message a DEK, so
 * nothing is gathered here. KEYS_STORED ends it, and then both sides prove that they hold the last
 * DEK.
 *
 * How it goes wrong: the key service of that region refuses or is away. That ends this link alone,
 * with AWS's name for it; the replica decides whether to try again. */
#include "member/feed_parts.h"
#include "member/greeting.h"
#include "member/key_fault.h"
#include "member/tickets.h"
#include "proto/message.h"

#include "base/check.h"

#include <stdio.h>

static void send_envelope(struct feed *feed, const struct envelope *envelope, struct effects *fx)
{
    struct keys_message message = {.count = 1};

    message.envelopes[0] = *envelope;
    effects_send(fx, feed->link, MESSAGE_KEYS,
                 keys_message_encode(&message, effects_scratch(fx, keys_message_bytes(&message))));
    feed->handed_count++;
}

static bool is_of_own_cluster(const struct member *member, const struct feed *feed)
{
    return strcmp(feed->peer.region, member->settings.self.region) == 0
           && (feed->cluster[0] == '\0' || strcmp(feed->cluster, member->keyring->cluster) == 0);
}

/* In our own region a cluster of its own is under our key, too (R13). */
static const char *asked_key(const struct member *member, const struct feed *feed)
{
    return strcmp(feed->peer.region, member->settings.self.region) == 0 ? member->keyring->key_arn
                                                                        : feed->key_arn;
}

static void ask_to_wrap(const struct member *member, struct feed *feed, const struct dek *dek,
                        struct effects *fx)
{
    struct keys_request request = {.op = KEYS_WRAP,
                                   .plain = bytes_of(dek->secret.bytes, DEK_BYTES)};
    struct keys_context *context = &request.context;

    snprintf(request.region, sizeof request.region, "%s", feed->peer.region);
    snprintf(request.key, sizeof request.key, "%s", asked_key(member, feed));
    snprintf(context->cluster, sizeof context->cluster, "%s", feed->cluster);
    snprintf(context->region, sizeof context->region, "%s", feed->peer.region);
    context->lineage = member->descriptor.lineage;
    context->dek = dek->id;
    feed->wrap_asked = true;
    effects_ask_keys(fx, ticket_of(TICKET_FEED, feed->link), &request);
}

void feed_keys_pump(struct member *member, struct feed *feed, struct effects *fx)
{
    while (feed->handed_count < feed->missing_count && !feed->wrap_asked && effects_have_room(fx)) {
        const struct dek *dek = deks_find(&member->deks, &feed->missing[feed->handed_count]);

        CHECK(dek != NULL);
        if (is_of_own_cluster(member, feed)) {
            const struct envelope *own = keyring_find(member->keyring, &dek->id);

            CHECK(own != NULL);
            send_envelope(feed, own, fx);
        } else {
            ask_to_wrap(member, feed, dek, fx);
        }
    }
}

static void refuse_key(struct member *member, struct feed *feed, const struct event_keys *answer,
                       struct effects *fx)
{
    const char *why = answer->answer.why == NULL ? "" : answer->answer.why;
    char advice[KEY_ADVICE_MAX], text[KEY_FAULT_TEXT_MAX];

    if (key_trouble_is_own(answer->status)) {
        feed_refuse(member, feed, fx, answer->status,
                    "KMSKeyNotAccessibleFault: %s cannot wrap the data key for %s: %.480s: it "
                    "must %s",
                    member->settings.self.member, feed->peer.region, why,
                    key_trouble_advice(answer->status, feed->peer.region, advice));
        return;
    }

    const struct key_fault fault = {.why = answer->status,
                                    .op = KEYS_WRAP,
                                    .key = asked_key(member, feed),
                                    .region = feed->peer.region,
                                    .member = member->settings.self.member,
                                    .said = why};

    feed_refuse(member, feed, fx, answer->status, "%s.", key_fault_text(&fault, text));
}

void feeds_on_keys(struct member *member, const struct event *event, struct effects *fx)
{
    const struct event_keys *answer = &event->keys;
    struct feed *feed = feeds_find(&member->feeds, ticket_value(answer->ticket));

    if (feed == NULL || (feed->state != FEED_KEYS && feed->state != FEED_STREAMING)
        || !feed->wrap_asked) {
        return; /* it has gone meanwhile */
    }
    feed->wrap_asked = false;
    key_trouble_note(member, feed->peer.region, answer->status, answer->answer.why);
    if (answer->status != OK && feed->state == FEED_STREAMING) {
        feed_hand_later(member, feed, answer->status, event->now);
        return;
    }
    if (answer->status != OK) {
        refuse_key(member, feed, answer, fx);
        return;
    }
    const struct dek *dek = deks_find(&member->deks, &feed->missing[feed->handed_count]);

    CHECK(dek != NULL);
    struct envelope envelope = {.dek = dek->id,
                                .lineage = dek->lineage,
                                .check = dek_check(&dek->secret, &dek->lineage, &dek->id),
                                .blob = answer->answer.blob};

    snprintf(envelope.region, sizeof envelope.region, "%s", feed->peer.region);
    snprintf(envelope.key_arn, sizeof envelope.key_arn, "%s", answer->answer.key_arn);
    send_envelope(feed, &envelope, fx);
}

static bool are_stored(const struct feed *feed, const struct keys_stored *stored)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < feed->missing_count; i++) {
        for (uint32_t j = 0; j < stored->dek_count; j++) {
            if (id_equal(&feed->missing[i], &stored->deks[j])) {
                found++;
                break;
            }
        }
    }
    return feed->missing_count > 0 && feed->handed_count == feed->missing_count
           && found == feed->missing_count;
}

void feed_on_keys_stored(struct member *member, struct feed *feed, const struct event *event,
                         struct effects *fx)
{
    struct keys_stored stored;
    const enum status status =
        keys_stored_decode(&stored, event->message.message.head, &member->scratch);

    if (status != OK || !are_stored(feed, &stored)) {
        feed_refuse(member, feed, fx, status != OK ? status : E_PROTOCOL,
                    "KEYS_STORED does not name every data key that was handed over.");
        return;
    }
    if (feed->state == FEED_STREAMING) {
        feed_hand_stored(feed);
    } else {
        feed_begin_proving(member, feed, event->now, fx);
    }
}

static struct digest proof_of(const struct member *member, const struct feed *feed,
                              enum tls_side side)
{
    const struct dek *dek = deks_find(&member->deks, &feed->proof_dek);

    CHECK(dek != NULL);
    return greeting_proof(dek, side, feed->exporter, &feed->greets);
}

void feed_begin_proving(struct member *member, struct feed *feed, struct instant now,
                        struct effects *fx)
{
    const struct proof proof = {.mac = proof_of(member, feed, TLS_SERVER)};

    feed_move(feed, FEED_PROVING, now);
    effects_send(fx, feed->link, MESSAGE_PROOF,
                 proof_encode(&proof, effects_scratch(fx, proof_bytes(&proof))));
}

void feed_on_proof(struct member *member, struct feed *feed, const struct event *event,
                   struct effects *fx)
{
    struct proof proof;
    const enum status status = proof_decode(&proof, event->message.message.head, &member->scratch);
    const struct digest expected = proof_of(member, feed, TLS_CLIENT);

    if (status != OK || !greeting_proof_is_right(&expected, &proof.mac)) {
        feed_refuse(member, feed, fx, status != OK ? status : E_PROOF, "%s.", status_text(E_PROOF));
        return;
    }
    feed->proved = true;
    if (feed->shown_epoch > member->control.highest_epoch && member->is_writer
        && !feed->is_candidate) {
        feed_fenced(member, feed, feed->shown_epoch, fx);
        return;
    }
    feed_admit(member, feed, event->now, fx);
}
