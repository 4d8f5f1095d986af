/* What the upstream says of itself is held against the own certificate, the own demands and the own
 * folder, before a key is accepted or a byte stored.
 *
 * An upstream of a lower epoch than the highest seen here is superseded. It is told so in our
 * GREET, but may believe only a member that holds the DEK: so it is given our proof before it is
 * left.
 *
 * How it goes wrong: a demand of the person that contradicts the cluster (R12, R13, R14) halts with
 * the rule's sentence; everything else is the upstream's fault and ends the link. */
#include "replica/receiver.h"

#include "base/check.h"
#include "member/greeting.h"
#include "proto/message.h"

#include <stdio.h>

/* The key that this cluster has, or would like to have. */
static const char *own_key(const struct replica *replica)
{
    return replica->receiver.joined ? replica->member.keyring->key_arn
                                    : replica->member.settings.key;
}

static uint32_t wished_suite(const struct member_settings *settings)
{
    switch (settings->encrypted) {
    case WISH_YES:
        return SUITE_AES_256_GCM;
    case WISH_NO:
        return SUITE_NONE;
    case WISH_UNSAID:
        break;
    }
    return GREET_SUITE_UNSAID;
}

static void fill_for_joining(const struct replica *replica, struct greet *greet)
{
    const struct digest none = {0};

    greet->suite = wished_suite(&replica->member.settings);
    greet->descriptor = none;
    greet->dek_count = 0;
    greet->folder = replica->receiver.folder;
    snprintf(greet->cluster, sizeof greet->cluster, "%s", replica->receiver.cluster);
    snprintf(greet->key_arn, sizeof greet->key_arn, "%s", own_key(replica));
}

/* Where batches would be written next: an empty segment counts as of its epoch. */
static struct position own_place(const struct member *member)
{
    if (member->is_repairing) {
        return member->control.durable; /* what it will have again */
    }
    if (member->wal.segment == SEGMENT_NONE) {
        return (struct position){0};
    }
    return (struct position){member->wal.epoch, member->wal.durable};
}

void receiver_send_greet(struct replica *replica, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    struct greet *greet = replica->member.greet;

    CHECK(replica->member.wal.sealed == replica->member.wal.durable);
    greeting_fill(&replica->member, greet);
    greet->position = own_place(&replica->member);
    if (!receiver->joined) {
        fill_for_joining(replica, greet);
    }
    receiver->greeted_as = greet->folder;
    const size_t size = greet_bytes(greet);

    CHECK(size <= GREET_BYTES_MAX);
    receiver->greet_bytes = (uint32_t)size;
    effects_send(fx, receiver->link, MESSAGE_GREET, greet_encode(greet, receiver->greet));
}

/* R12, R13, R14: what was asked of us cannot be had. */
static struct verdict check_rules(const struct replica *replica, const struct greet *greet)
{
    const struct member_settings *settings = &replica->member.settings;
    const struct verdict setting =
        rule_replica_setting((enum suite)greet->suite, settings->encrypted);

    return !setting.allowed
               ? setting
               : rule_replica_key((enum suite)greet->suite, greet->region, greet->key_arn,
                                  settings->self.region, own_key(replica));
}

static enum status check_descriptor(const struct member *member, bool joined,
                                    const struct greet *greet, struct descriptor *descriptor)
{
    const struct digest digest = descriptor_digest(greet->descriptor_bytes);

    if (!digest_equal(&digest, &greet->descriptor)
        || descriptor_decode(descriptor, greet->descriptor_bytes) != OK
        || !id_equal(&descriptor->lineage, &greet->lineage)
        || descriptor->suite != (enum suite)greet->suite) {
        return E_DESCRIPTOR;
    }
    return !joined || digest_equal(&digest, &member->descriptor_digest) ? OK : E_DESCRIPTOR;
}

/* Whether the upstream could tell our proof from a stranger's. */
static bool can_prove(const struct replica *replica, const struct greet *greet)
{
    for (uint32_t i = 0; i < greet->dek_count; i++) {
        if (deks_find(&replica->member.deks, &greet->deks[i]) == NULL) {
            return false;
        }
    }
    return replica->receiver.joined && greet->suite != SUITE_NONE && greet->dek_count > 0;
}

static bool is_stale(const struct member *member, const struct greet *greet)
{
    return greet->highest_epoch < member->control.highest_epoch;
}

static enum status check_greet(const struct replica *replica, const struct greet *greet)
{
    const struct member *member = &replica->member;

    if (greet->version != PROTOCOL_VERSION) {
        return E_VERSION;
    }
    if (!id_equal(&greet->lineage, &member->settings.self.lineage)) {
        return E_LINEAGE;
    }
    if (strcmp(greet->region, replica->receiver.peer.region) != 0) {
        return E_IDENTITY;
    }
    if (greet->suite != SUITE_NONE && greet->suite != SUITE_AES_256_GCM) {
        return E_VERSION;
    }
    if (is_stale(member, greet) && !can_prove(replica, greet)) {
        return E_STALE_EPOCH;
    }
    return (greet->suite != SUITE_NONE) == (greet->dek_count > 0) ? OK : E_PROTOCOL;
}

/* Names of the cluster that this folder is to hold. Nothing is stored yet. */
static void begin_joining(struct replica *replica, const struct greet *greet,
                          const struct descriptor *descriptor)
{
    struct member *member = &replica->member;
    struct keyring *keyring = member->keyring;
    const struct member_settings *settings = &member->settings;
    const bool here = strcmp(greet->region, settings->self.region) == 0;
    const char *cluster = replica->receiver.cluster;

    deks_wipe(&member->deks);
    member->known = false; /* an attempt before may have known another */
    member_know(member, descriptor, greet->descriptor_bytes);
    memset(keyring, 0, sizeof *keyring);
    keyring->lineage = descriptor->lineage;
    snprintf(keyring->cluster, sizeof keyring->cluster, "%s",
             here && cluster[0] == '\0' ? greet->cluster : cluster);
    snprintf(keyring->region, sizeof keyring->region, "%s", settings->self.region);
    if (descriptor->suite == SUITE_NONE) {
        deks_put_zero(&member->deks, &descriptor->lineage);
    }
}

static void note_upstream(struct replica *replica, const struct greet *greet, struct bytes head)
{
    struct receiver *receiver = &replica->receiver;

    receiver->greets = greeting_digest(bytes_of(receiver->greet, receiver->greet_bytes), head);
    receiver->reign = greet->highest_epoch;
    receiver->theirs->count = greet->epoch_count;
    receiver->loss_count = greet->loss_count;
    memcpy(receiver->losses, greet->losses, greet->loss_count * sizeof *greet->losses);
    memcpy(receiver->theirs->entries, greet->epochs, greet->epoch_count * sizeof *greet->epochs);
    receiver->wanted_count = 0;
    for (uint32_t i = 0; i < greet->dek_count; i++) {
        receiver->proof_dek = greet->deks[i];
        if (deks_find(&replica->member.deks, &greet->deks[i]) == NULL) {
            receiver->wanted[receiver->wanted_count++] = greet->deks[i];
        }
    }
}

static void accept_greet(struct replica *replica, const struct greet *greet,
                         const struct event *event, struct effects *fx)
{
    struct member *member = &replica->member;
    struct descriptor descriptor;
    const enum status status =
        check_descriptor(member, replica->receiver.joined, greet, &descriptor);

    if (status != OK) {
        receiver_refuse(replica, event->now, fx, status, "%s.", status_text(status));
        return;
    }
    if (!replica->receiver.joined) {
        begin_joining(replica, greet, &descriptor);
    }
    note_upstream(replica, greet, event->message.message.head);
    replica->receiver.is_stale = is_stale(member, greet);
    receiver_begin_keys(replica, event->now, fx);
}

void receiver_on_greet(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct member *member = &replica->member;
    const struct bytes head = event->message.message.head;
    struct greet *greet = member->greet;
    enum status status =
        head.size > GREET_BYTES_MAX ? E_TOO_LARGE : greet_decode(greet, head, &member->scratch);

    if (status == OK) {
        status = check_greet(replica, greet);
    }
    if (status != OK) {
        receiver_refuse(replica, event->now, fx, status, "The GREET is refused: %s.",
                        status_text(status));
        return;
    }
    const struct verdict verdict = check_rules(replica, greet);

    if (!verdict.allowed) {
        const enum status why =
            greet->suite != SUITE_NONE && own_key(replica)[0] == '\0' && verdict.rule[2] == '4'
                ? E_KEY_NOT_NAMED
                : E_RULE;

        receiver_refuse(replica, event->now, fx, why, "%s: %s", verdict.name, verdict.text);
        member_halt(member, fx, why, "%s: %s", verdict.name, verdict.text);
        return;
    }
    accept_greet(replica, greet, event, fx);
}
