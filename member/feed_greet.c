/* Both sides speak first. Ours is sent as soon as the link is up; when the replica's has come it is
 * held against everything that must agree before a key or a byte of the WAL moves: version,
 * lineage, at-rest setting (R12), descriptor, region, KMS key (R13, R14), epoch, and whether its
 * history can be continued at all.
 *
 * How it goes wrong: each of these has its own status in the BYE, and the sentence that a person
 * needs: the rules' own texts where a rule refuses. */
#include "member/feed_parts.h"
#include "member/greeting.h"
#include "proto/message.h"

#include "base/check.h"

#include <stdio.h>

void feed_greet_send(struct member *member, struct feed *feed, struct effects *fx)
{
    struct greet *greet = member->greet;

    greeting_fill(member, greet);
    greet->descriptor_bytes = bytes_of(member->descriptor_bytes, member->descriptor_size);
    feed->deks_shown = member->deks.count; /* without encryption: the zero key, known to all */
    if (greet->dek_count > 0) {
        feed->proof_dek = greet->deks[greet->dek_count - 1];
    }
    const size_t size = greet_bytes(greet);

    CHECK(size <= GREET_BYTES_MAX);
    feed->greet_bytes = (uint32_t)size;
    effects_send(fx, feed->link, MESSAGE_GREET, greet_encode(greet, feed->greet));
}

/* What is refused, with which sentence. */
struct refusal {
    enum status why; /* OK: nothing is */
    char text[VERDICT_TEXT_MAX + 64];
};

static struct refusal refusal_plain(enum status why)
{
    struct refusal refusal = {.why = why};

    snprintf(refusal.text, sizeof refusal.text, "Refused: %s.", status_text(why));
    return refusal;
}

static struct refusal refusal_by_rule(enum status why, const struct verdict *verdict)
{
    struct refusal refusal = {.why = why};

    snprintf(refusal.text, sizeof refusal.text, "%s: %s", verdict->name, verdict->text);
    return refusal;
}

/* R12: nobody says `unencrypted` to an encrypted cluster, nor the other way round. */
static struct refusal check_setting(const struct member *member, const struct greet *greet)
{
    const struct digest none = {0};
    const enum wish wish = greet->suite == GREET_SUITE_UNSAID ? WISH_UNSAID
                           : greet->suite == SUITE_NONE       ? WISH_NO
                                                              : WISH_YES;
    const struct verdict verdict = rule_replica_setting(member->descriptor.suite, wish);

    if (!verdict.allowed) {
        return refusal_by_rule(E_RULE, &verdict);
    }
    if (!digest_equal(&greet->descriptor, &none)
        && !digest_equal(&greet->descriptor, &member->descriptor_digest)) {
        return refusal_plain(E_DESCRIPTOR);
    }
    return (struct refusal){.why = OK};
}

/* R13, R14. */
static struct refusal check_key(const struct member *member, const struct greet *greet)
{
    const struct verdict verdict =
        rule_replica_key(member->descriptor.suite, member->settings.self.region,
                         member->keyring->key_arn, greet->region, greet->key_arn);

    if (verdict.allowed) {
        return (struct refusal){.why = OK};
    }
    return refusal_by_rule(greet->key_arn[0] == '\0' ? E_KEY_NOT_NAMED : E_RULE, &verdict);
}

static struct refusal check_greet(const struct member *member, const struct feed *feed,
                                  const struct greet *greet)
{
    if (greet->version != PROTOCOL_VERSION) {
        return refusal_plain(E_VERSION);
    }
    if (!id_equal(&greet->lineage, &member->descriptor.lineage)) {
        return refusal_plain(E_LINEAGE);
    }
    if (strcmp(greet->region, feed->peer.region) != 0) {
        return refusal_plain(E_IDENTITY);
    }
    const struct refusal setting = check_setting(member, greet);

    return setting.why != OK ? setting : check_key(member, greet);
}

/* It holds something of an epoch that this member has not come to yet. */
static bool is_beyond(const struct member *member, const struct greet *greet)
{
    const struct epoch_table *table = &member->control.epochs;

    return table->count == 0 || table->entries[table->count - 1].epoch < greet->position.epoch;
}

static bool is_lost(const struct member *member, const struct greet *greet)
{
    struct epoch_table theirs = {.count = greet->epoch_count};

    memcpy(theirs.entries, greet->epochs, greet->epoch_count * sizeof *greet->epochs);
    return epoch_table_compare(&member->control.epochs, &theirs, greet->position).kind
           == DIVERGENCE_LOST;
}

static bool holds(const struct greet *greet, const struct id *dek)
{
    for (uint32_t i = 0; i < greet->dek_count; i++) {
        if (id_equal(&greet->deks[i], dek)) {
            return true;
        }
    }
    return false;
}

static void find_missing(const struct member *member, struct feed *feed, const struct greet *greet)
{
    for (uint32_t i = 0; i < feed->deks_shown; i++) {
        if (!holds(greet, &member->deks.list[i].id)) {
            feed->missing[feed->missing_count++] = member->deks.list[i].id;
        }
    }
}

/* Two on copies of one folder would take over from each other for ever. */
static bool takes_turns(const struct member *member, const struct feed *feed, struct instant now)
{
    return feed->took_over_at.ns != 0
           && !instant_reached(instant_add(feed->took_over_at, member->settings.silence_max), now);
}

static bool is_of_same_member(const struct feed *other, const struct feed *feed)
{
    return other != feed && other->state > FEED_GREETING && !other->is_candidate
           && strcmp(other->peer.member, feed->peer.member) == 0;
}

/* Another process has this member's place, and keeps it. */
static bool is_taken(const struct member *member, const struct feed *feed, struct instant now)
{
    for (uint32_t i = 0; i < member->feeds.capacity; i++) {
        const struct feed *older = &member->feeds.list[i];

        if (is_of_same_member(older, feed) && older->state >= FEED_WAITING
            && feed_is_alive(member, older, now)
            && (!id_equal(&older->folder, &feed->folder) || takes_turns(member, older, now))) {
            return true;
        }
    }
    return false;
}

static void refuse_twin(struct member *member, struct feed *feed, struct effects *fx)
{
    feed_refuse(member, feed, fx, E_TWIN,
                "%s is linked to %s already: another process uses its certificate. Stop one of "
                "them, or issue it a certificate of its own.",
                feed->peer.member, member->settings.self.member);
}

static void take_over(struct member *member, struct feed *feed, struct instant now,
                      struct effects *fx)
{
    for (uint32_t i = 0; i < member->feeds.capacity; i++) {
        struct feed *older = &member->feeds.list[i];

        if (!is_of_same_member(older, feed)
            || (older->state < FEED_WAITING && !id_equal(&older->folder, &feed->folder))) {
            continue; /* who has not proved anything has no place */
        }
        if (feed_is_alive(member, older, now)) {
            feed->took_over_at = now;
        }
        feed_refuse(member, older, fx, E_CLOSED, "%s has called again.", feed->peer.member);
    }
}

void feed_admit(struct member *member, struct feed *feed, struct instant now, struct effects *fx)
{
    if (!feed->is_candidate && is_taken(member, feed, now)) {
        refuse_twin(member, feed, fx);
        return;
    }
    if (!feed->is_candidate) {
        take_over(member, feed, now, fx);
    }
    feed_check_commit(member, feed);
    feed_move(feed, FEED_WAITING, now);
}

/* A candidate takes nothing that is sealed, and may lack the newest data key: the last of those in
 * our GREET that its GREET names, too, proves both. */
static bool choose_common(const struct member *member, struct feed *feed)
{
    const struct greet *greet = member->greet;

    for (uint32_t i = feed->deks_shown; i-- > 0;) {
        for (uint32_t j = 0; j < greet->dek_count; j++) {
            if (id_equal(&member->deks.list[i].id, &greet->deks[j])) {
                feed->proof_dek = greet->deks[j];
                return true;
            }
        }
    }
    return false;
}

static void go_on(struct member *member, struct feed *feed, struct instant now, struct effects *fx)
{
    if (member->descriptor.suite == SUITE_NONE) {
        feed_admit(member, feed, now, fx); /* certificate and descriptor digest have decided */
        return;
    }
    if (feed->is_candidate) {
        if (choose_common(member, feed)) {
            feed_begin_proving(member, feed, now, fx);
        } else {
            feed_refuse(member, feed, fx, E_WRONG_KEY, "%s.", status_text(E_WRONG_KEY));
        }
        return;
    }
    find_missing(member, feed, member->greet);
    if (feed->missing_count > 0) {
        feed_move(feed, FEED_KEYS, now);
    } else {
        feed_begin_proving(member, feed, now, fx);
    }
}

void feed_on_greet(struct member *member, struct feed *feed, const struct event *event,
                   struct effects *fx)
{
    const struct bytes head = event->message.message.head;
    const enum status status = head.size > GREET_BYTES_MAX
                                   ? E_TOO_LARGE
                                   : greet_decode(member->greet, head, &member->scratch);
    const struct greet *greet = member->greet;

    if (status != OK) {
        feed_refuse(member, feed, fx, status, "The GREET is refused: %s.", status_text(status));
        return;
    }
    const struct refusal refusal = check_greet(member, feed, greet);
    const bool is_ahead = greet->highest_epoch > member->control.highest_epoch;
    const bool follows = !greet->is_candidate;

    if (refusal.why != OK) {
        feed_refuse(member, feed, fx, refusal.why, "%s", refusal.text);
    } else if (member->is_repairing && greet->is_candidate) {
        feed_refuse(member, feed, fx, E_NOT_READY,
                    "%s is being repaired and cannot say yet what it holds.",
                    member->settings.self.member);
    } else if (is_ahead && follows && member->is_writer && member->descriptor.suite == SUITE_NONE) {
        feed_fenced(member, feed, greet->highest_epoch, fx); /* there is nothing to prove */
    } else if (!is_ahead && follows && greet->position.epoch > 0 && is_beyond(member, greet)) {
        feed_refuse(member, feed, fx, E_NOT_READY,
                    "This member has not come to epoch %llu yet: try again.",
                    (unsigned long long)greet->position.epoch);
    } else if (!is_ahead && follows && is_lost(member, greet)) {
        feed_refuse(member, feed, fx, E_LOST,
                    "Batch %llu of epoch %llu is no part of what this member can compare with: "
                    "start the replica again with an empty folder.",
                    (unsigned long long)greet->position.batch,
                    (unsigned long long)greet->position.epoch);
    } else if (!is_ahead && feed_is_behind(member, greet->position.batch)) {
        feed_lose(member, feed, greet->position.batch, fx);
    } else {
        snprintf(feed->cluster, sizeof feed->cluster, "%s", greet->cluster);
        snprintf(feed->key_arn, sizeof feed->key_arn, "%s", greet->key_arn);
        feed->shown_epoch = greet->highest_epoch;
        feed->shown_commit = greet->commit_lsn;
        feed->is_candidate = greet->is_candidate;
        feed->folder = greet->folder;
        feed->greets = greeting_digest(head, bytes_of(feed->greet, feed->greet_bytes));
        if (follows && is_taken(member, feed, event->now)) {
            refuse_twin(member, feed, fx);
        } else {
            go_on(member, feed, event->now, fx);
        }
    }
}
