/* What is under way is a line of steps, and nothing of it is remembered: a start finds the newest
 * envelope of the keyring and begins its reign under it, whether or not a segment was.
 *
 * How it goes wrong: the key service refuses or is away too long: the operator hears it, and what
 * was to happen by itself is tried again later; the WAL goes on under the old DEK. A replica's
 * region cannot be given the new DEK in time (its key service is away): the WAL goes on without it,
 * and only that replica waits, until it has it. The keyring is full: said, with what to do. */
#include "primary/rotation.h"

#include "base/check.h"
#include "member/key_fault.h"
#include "member/tickets.h"
#include "primary/primary_state.h"
#include "proto/keys_order.h"
#include "proto/message.h"

#include <stdio.h>

enum { REST_S = 60 };

/* ---- the present DEK ---- */

static const struct index_row *first_under(const struct index *index, const struct id *dek)
{
    const struct index_row *first = NULL;

    for (uint32_t i = 0; i < index->count && first == NULL; i++) {
        first = id_equal(&index->rows[i].dek, dek) ? &index->rows[i] : NULL;
    }
    return first;
}

void rotation_begin_reign(struct primary *primary, struct instant now)
{
    const struct wal *wal = &primary->member.wal;
    const struct index_row *first = first_under(&wal->index, &wal->dek_id);
    struct rotation *rotation = &primary->rotation;

    CHECK(first != NULL); /* the reign's own */
    rotation->since = now;
    rotation->sealed_before = index_last(&wal->index)->begin_bytes - first->begin_bytes;
    rotation->placed_before = 0;
    rotation->age.ns =
        primary->wall_ns > first->created_ns ? primary->wall_ns - first->created_ns : 0;
}

static uint64_t sealed_bytes(const struct primary *primary)
{
    const struct rotation *rotation = &primary->rotation;

    return rotation->sealed_before + primary->member.wal.placed_bytes - rotation->placed_before;
}

static bool is_due(const struct primary *primary, struct instant now, struct effects *fx)
{
    const struct rotation *rotation = &primary->rotation;
    const struct member_settings *settings = &primary->settings.member;
    bool is_old = false;

    if (settings->dek_max_age.ns > 0) {
        const struct span left = {settings->dek_max_age.ns > rotation->age.ns
                                      ? settings->dek_max_age.ns - rotation->age.ns
                                      : 0};
        const struct instant end = instant_add(rotation->since, left);

        is_old = instant_reached(end, now);
        if (!is_old) {
            effects_wake_at(fx, end);
        }
    }
    const bool is_worn =
        settings->dek_max_bytes > 0 && sealed_bytes(primary) >= settings->dek_max_bytes;

    if ((is_old || is_worn) && !instant_reached(rotation->rest_until, now)) {
        effects_wake_at(fx, rotation->rest_until);
        return false;
    }
    return is_old || is_worn;
}

/* ---- asking ---- */

/* Each time under another id: an answer that was lost may have been given all the same, and two
 * keys must never share one. */
static void ask(struct primary *primary, struct effects *fx)
{
    struct rotation *rotation = &primary->rotation;
    const struct keyring *keyring = primary->member.keyring;

    entropy_fill(&primary->settings.member.entropy, rotation->dek.bytes,
                 sizeof rotation->dek.bytes);
    struct keys_request request = {.op = KEYS_GENERATE,
                                   .context = keyring_context(keyring, &rotation->dek)};

    memcpy(request.region, keyring->region, sizeof request.region);
    memcpy(request.key, keyring->key_arn, sizeof request.key);
    rotation->step = ROTATION_ASKED;
    rotation->attempt++;
    effects_ask_keys(fx, ticket_of(TICKET_ROTATION, rotation->attempt), &request);
}

static void begin(struct primary *primary, link_t asker, struct instant now, struct effects *fx)
{
    struct rotation *rotation = &primary->rotation;
    const struct member_settings *settings = &primary->settings.member;

    rotation->asker = asker;
    rotation->tries = 0;
    rotation->give_up = instant_add(now, settings->keys_max);
    ask(primary, fx);
}

/* The WAL goes on under the old DEK. */
static void fail(struct primary *primary, enum status why, const char *text, struct instant now,
                 struct effects *fx)
{
    struct rotation *rotation = &primary->rotation;

    trace_event(&primary->settings.member.trace, "rotation_failed why=%s text=\"%s\"",
                status_name(why), text);
    if (clients_find(&primary->member.clients, rotation->asker) != NULL) {
        clients_refuse(fx, rotation->asker, 0, why, "%s. The data key is not rotated.", text);
    }
    secret_wipe(&rotation->secret);
    rotation->asker = 0;
    rotation->step = ROTATION_NONE;
    rotation->rest_until = instant_add(now, SPAN_S(REST_S));
}

static void fail_by_service(struct primary *primary, enum status why, const char *said,
                            struct instant now, struct effects *fx)
{
    char text[KEY_FAULT_TEXT_MAX];
    const struct key_fault fault = {.why = why,
                                    .op = KEYS_GENERATE,
                                    .key = primary->member.keyring->key_arn,
                                    .region = primary->member.keyring->region,
                                    .member = primary->settings.member.self.member,
                                    .said = said};

    fail(primary, why, key_fault_text(&fault, text), now, fx);
}

static bool is_full(const struct primary *primary)
{
    return primary->member.keyring->count == KEYRING_ENVELOPES_MAX
           || wal_is_full(&primary->member.wal);
}

static const char full_text[] = "there is no room: a keyring holds 64 data keys, and a WAL "
                                "--segments-max segments";

void rotation_on_order(struct primary *primary, const struct client *client, struct instant now,
                       struct effects *fx)
{
    const struct member *member = &primary->member;
    const char *self = member->settings.self.member;

    if (!client_may_operate(client)) {
        clients_refuse(fx, client->link, 0, E_IDENTITY, "Only an operator may rotate a data key.");
    } else if (primary->phase != PHASE_SERVING) {
        clients_refuse(fx, client->link, 0, E_NOT_READY, "%s is %s.", self, member->state);
    } else if (member->descriptor.suite == SUITE_NONE) {
        clients_refuse(fx, client->link, 0, E_RULE,
                       "InvalidParameterCombination: the cluster is not encrypted: it has no data "
                       "key to rotate, and cannot become encrypted in place.");
    } else if (primary->rotation.step != ROTATION_NONE) {
        clients_refuse(fx, client->link, 0, E_BUSY, "A rotation of the data key is under way.");
    } else if (is_full(primary)) {
        clients_refuse(fx, client->link, 0, E_FULL, "%s.", full_text);
    } else {
        begin(primary, client->link, now, fx);
    }
}

/* Into the keyring and to the disk; the secret is not among the DEKs until that is durable. */
static enum status keep(struct primary *primary, const struct keys_answer *answer,
                        struct effects *fx)
{
    struct rotation *rotation = &primary->rotation;
    struct member *member = &primary->member;
    struct envelope envelope = {
        .dek = rotation->dek, .lineage = member->keyring->lineage, .blob = answer->blob};

    if (strcmp(answer->key_arn, member->keyring->key_arn) != 0) {
        return E_KEY_MISMATCH;
    }
    TRY(secret_from(&rotation->secret, answer->plain));
    envelope.check = dek_check(&rotation->secret, &envelope.lineage, &envelope.dek);
    memcpy(envelope.region, member->keyring->region, sizeof envelope.region);
    memcpy(envelope.key_arn, answer->key_arn, sizeof envelope.key_arn);
    TRY(keyring_add(member->keyring, &envelope));
    saves_keyring(member, fx);
    rotation->token = member->saves.keyring.wanted;
    rotation->step = ROTATION_SAVING;
    return OK;
}

static void wait_and_retry(struct primary *primary, const char *said, struct instant now,
                           struct effects *fx)
{
    struct rotation *rotation = &primary->rotation;
    const struct span gap = member_retry_gap(&primary->settings.member, rotation->tries);

    if (instant_reached(rotation->give_up, now)) {
        fail_by_service(primary, E_KEY_UNREACHABLE, said, now, fx);
        return;
    }
    rotation->tries++;
    rotation->step = ROTATION_WAITING;
    rotation->retry_at = instant_min(instant_add(now, gap), rotation->give_up);
}

void rotation_on_keys(struct primary *primary, const struct event *event, struct effects *fx)
{
    const struct event_keys *keys = &event->keys;
    struct rotation *rotation = &primary->rotation;

    if (rotation->step != ROTATION_ASKED || ticket_value(keys->ticket) != rotation->attempt) {
        return;
    }
    key_trouble_note(&primary->member, primary->settings.member.self.region, keys->status,
                     keys->answer.why);
    if (keys->status == E_KEY_UNREACHABLE) {
        wait_and_retry(primary, keys->answer.why, event->now, fx);
        return;
    }
    const enum status status = keys->status != OK ? keys->status : keep(primary, &keys->answer, fx);

    if (status != OK) {
        fail_by_service(primary, status, keys->status != OK ? keys->answer.why : "", event->now,
                        fx);
    }
}

/* ---- handing it out, and using it ---- */

/* Its envelope is durable: now it may be used, and given to others. */
static void publish(struct primary *primary, struct instant now)
{
    struct rotation *rotation = &primary->rotation;
    struct member *member = &primary->member;
    const struct envelope *envelope = keyring_find(member->keyring, &rotation->dek);

    CHECK(envelope != NULL);
    const enum status status = deks_put(
        &member->deks, envelope, bytes_of(rotation->secret.bytes, sizeof rotation->secret.bytes));

    CHECK(status == OK);
    secret_wipe(&rotation->secret);
    rotation->hand_until = instant_add(now, member->settings.hand_max);
    rotation->step = ROTATION_HANDING;
}

static void count_holders(struct primary *primary)
{
    const struct member *member = &primary->member;
    struct rotation *rotation = &primary->rotation;

    rotation->holders = rotation->lacking = 0;
    for (uint32_t i = 0; i < member->feeds.capacity; i++) {
        const struct feed *feed = &member->feeds.list[i];

        if (feed->state == FEED_STREAMING) {
            rotation->holders += feed_holds_all_deks(member, feed);
            rotation->lacking += !feed_holds_all_deks(member, feed);
        }
    }
}

static void begin_segment(struct primary *primary, struct instant now, struct effects *fx)
{
    struct rotation *rotation = &primary->rotation;
    struct wal *wal = &primary->member.wal;
    const struct dek *dek = deks_find(&primary->member.deks, &rotation->dek);

    CHECK(dek != NULL);
    const enum status status = wal_change_dek(wal, &dek->id, &dek->secret, primary->wall_ns, fx);

    if (status == E_WAL_FULL) {
        fail(primary, status, "No further segment may begin: raise --segments-max", now, fx);
    }
    if (status != OK) {
        return; /* E_FULL: the next WRITTEN makes room */
    }
    rotation->last = wal->sealed;
    rotation->step = ROTATION_WRITING;
    rotation->since = now;
    rotation->age = (struct span){0};
    rotation->sealed_before = 0;
    rotation->placed_before = wal->placed_bytes;
}

static void hand_out(struct primary *primary, struct instant now, struct effects *fx)
{
    struct rotation *rotation = &primary->rotation;

    count_holders(primary);
    if (rotation->lacking > 0 && !instant_reached(rotation->hand_until, now)) {
        effects_wake_at(fx, rotation->hand_until);
    } else if (!primary->member.disk_full && !retention_is_full(&primary->member)) {
        begin_segment(primary, now, fx); /* else: an event says that there is space again */
    }
}

static void finish(struct primary *primary, struct effects *fx)
{
    struct rotation *rotation = &primary->rotation;
    const struct wal *wal = &primary->member.wal;
    const struct index_row *row = first_under(&wal->index, &rotation->dek);
    const struct rotated rotated = {.dek = rotation->dek,
                                    .segment = row == NULL ? wal->segment : row->segment,
                                    .holders = rotation->holders,
                                    .lacking = rotation->lacking};

    trace_event(&primary->settings.member.trace, "rotated segment=%llu holders=%u lacking=%u",
                (unsigned long long)rotated.segment, rotation->holders, rotation->lacking);
    if (clients_find(&primary->member.clients, rotation->asker) != NULL) {
        effects_send(fx, rotation->asker, MESSAGE_ROTATED,
                     rotated_encode(&rotated, effects_scratch(fx, rotated_bytes(&rotated))));
    }
    rotation->asker = 0;
    rotation->step = ROTATION_NONE;
}

void rotation_pump(struct primary *primary, struct instant now, struct effects *fx)
{
    struct rotation *rotation = &primary->rotation;
    const struct member *member = &primary->member;

    if (rotation->step == ROTATION_NONE && member->descriptor.suite != SUITE_NONE
        && is_due(primary, now, fx)) {
        if (is_full(primary)) {
            fail(primary, E_FULL, full_text, now, fx);
        } else {
            begin(primary, 0, now, fx);
        }
    }
    if (rotation->step == ROTATION_WAITING) {
        if (instant_reached(rotation->retry_at, now)) {
            ask(primary, fx);
        } else {
            effects_wake_at(fx, rotation->retry_at);
        }
    }
    if (rotation->step == ROTATION_SAVING && member->saves.keyring.durable >= rotation->token) {
        publish(primary, now);
    }
    if (rotation->step == ROTATION_HANDING) {
        hand_out(primary, now, fx);
    }
    if (rotation->step == ROTATION_WRITING && member->wal.durable >= rotation->last) {
        finish(primary, fx);
    }
}
