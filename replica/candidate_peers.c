/* One link to each of the others, dialed one after the other. They greet as an upstream does, and
 * are greeted as by a replica that only wants to ask: so both sides prove that they hold the data
 * key before anything is believed, and nobody is bound by having been asked. Then FENCE.
 *
 * The writer gets its FENCE first and alone: replicas that were fenced leave a writer of a lower
 * epoch, and a writer that is left like that stops without a word; asked, it stops and answers.
 *
 * How it goes wrong: whatever ends a link makes that peer silent again. It is dialed again while
 * there is time, and counted only by what it has answered. */
#include "replica/candidate.h"

#include "base/check.h"
#include "member/greeting.h"
#include "proto/message.h"
#include "replica/candidate_parts.h"

#include <stdio.h>

static struct candidate_peer *peer_of(struct replica *replica, link_t link)
{
    for (uint32_t i = 0; link != 0 && i < replica->settings.upstream_count; i++) {
        if (replica->candidate.peers[i].link == link) {
            return &replica->candidate.peers[i];
        }
    }
    return NULL;
}

static void peer_lose(struct replica *replica, struct candidate_peer *peer, enum status why)
{
    trace_event(&replica->member.settings.trace, "peer_lost member=%s why=%s",
                peer->identity.member, status_name(why));
    peer->link = 0;
    replica->candidate.outbid |= peer->state == PEER_FENCING && why == E_STALE_EPOCH;
    if (peer->state != PEER_ANSWERED) { /* what it has answered is true without the link */
        peer->state = PEER_UNKNOWN;
    }
}

static void peer_refuse(struct replica *replica, struct candidate_peer *peer, enum status why,
                        struct effects *fx)
{
    struct bye bye = {.why = why};

    snprintf(bye.text, sizeof bye.text, "%s.", status_text(why));
    effects_send(fx, peer->link, MESSAGE_BYE,
                 bye_encode(&bye, effects_scratch(fx, bye_bytes(&bye))));
    effects_hang_up(fx, peer->link, OK);
    peer_lose(replica, peer, why);
}

void candidate_hang_up(struct replica *replica, enum status why, struct effects *fx)
{
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        if (replica->candidate.peers[i].link != 0) {
            peer_refuse(replica, &replica->candidate.peers[i], why, fx);
        }
    }
}

/* ---- dialing ---- */

static uint32_t next_to_dial(const struct replica *replica)
{
    uint32_t next = CANDIDATE_NOBODY;
    unsigned tries = UINT32_MAX;

    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        const struct candidate_peer *peer = &replica->candidate.peers[i];

        if (peer->state == PEER_UNKNOWN && peer->tries < tries) {
            tries = peer->tries;
            next = i;
        }
    }
    return next;
}

static void drop_slow(struct replica *replica, struct instant now, struct effects *fx)
{
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        struct candidate_peer *peer = &replica->candidate.peers[i];
        const struct instant limit =
            instant_add(peer->started_at, replica->member.settings.greet_max);

        if (peer->state != PEER_GREETING && peer->state != PEER_PROVING) {
            continue;
        }
        if (instant_reached(limit, now)) {
            effects_hang_up(fx, peer->link, E_SILENT);
            peer_lose(replica, peer, E_SILENT);
        } else {
            effects_wake_at(fx, limit);
        }
    }
}

void candidate_dial_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;

    drop_slow(replica, now, fx);

    const uint32_t next = next_to_dial(replica);

    if (candidate->dialing != CANDIDATE_NOBODY || next == CANDIDATE_NOBODY) {
        return;
    }
    if (candidate->peers[next].tries > 0 && !instant_reached(candidate->retry_at, now)) {
        effects_wake_at(fx, candidate->retry_at);
        return;
    }
    candidate->dialing = next;
    candidate->peers[next].tries++;
    candidate->retry_at = instant_add(now, replica->member.settings.retry_gap);
    effects_dial(fx, replica->settings.upstreams[next]);
}

/* ---- greeting ---- */

static void send_greet(struct replica *replica, struct candidate_peer *peer, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    struct greet *greet = replica->member.greet;

    greeting_fill(&replica->member, greet);
    greet->is_candidate = true;
    receiver->greet_bytes = (uint32_t)greet_bytes(greet);
    CHECK(receiver->greet_bytes <= GREET_BYTES_MAX);
    effects_send(fx, peer->link, MESSAGE_GREET, greet_encode(greet, receiver->greet));
}

static bool is_known_already(const struct replica *replica, const struct candidate_peer *peer)
{
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        const struct candidate_peer *other = &replica->candidate.peers[i];

        if (other != peer && other->state != PEER_UNKNOWN
            && strcmp(other->identity.member, peer->identity.member) == 0) {
            return true;
        }
    }
    return strcmp(replica->member.settings.self.member, peer->identity.member) == 0;
}

bool candidate_on_link_up(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;

    if (candidate->dialing == CANDIDATE_NOBODY) {
        return false;
    }
    struct candidate_peer *peer = &candidate->peers[candidate->dialing];
    const enum status status = receiver_check_upstream(replica, &event->link.peer);

    candidate->dialing = CANDIDATE_NOBODY;
    if (status != OK || candidate->phase != CANDIDATE_ASK) {
        effects_hang_up(fx, event->link.link, status);
        return true;
    }
    peer->identity = event->link.peer;
    if (is_known_already(replica, peer)) {
        peer->state = PEER_SELF;
        effects_hang_up(fx, event->link.link, OK);
        return true;
    }
    memcpy(peer->exporter, event->link.exporter, sizeof peer->exporter);
    peer->link = event->link.link;
    peer->state = PEER_GREETING;
    peer->started_at = event->now;
    send_greet(replica, peer, fx);
    return true;
}

bool candidate_on_link_down(struct replica *replica, const struct event *event)
{
    struct candidate *candidate = &replica->candidate;
    struct candidate_peer *peer = peer_of(replica, event->link.link);

    if (event->link.link == 0 && candidate->dialing != CANDIDATE_NOBODY) {
        candidate->dialing = CANDIDATE_NOBODY;
        return true;
    }
    if (peer != NULL) {
        peer_lose(replica, peer, event->link.why);
    }
    return peer != NULL;
}

/* The peer may be ahead by a data key, which nobody needs to be asked or fenced: the last that both
 * hold proves either side. */
static const struct dek *common_dek(const struct member *member, const struct greet *greet)
{
    const struct dek *common = NULL;

    for (uint32_t i = 0; i < greet->dek_count; i++) {
        const struct dek *dek = deks_find(&member->deks, &greet->deks[i]);

        common = dek != NULL ? dek : common;
    }
    return common;
}

static enum status check_greet(const struct replica *replica, const struct candidate_peer *peer,
                               const struct greet *greet)
{
    const struct member *member = &replica->member;

    if (greet->version != PROTOCOL_VERSION) {
        return E_VERSION;
    }
    if (!id_equal(&greet->lineage, &member->descriptor.lineage)) {
        return E_LINEAGE;
    }
    if (strcmp(greet->region, peer->identity.region) != 0) {
        return E_IDENTITY;
    }
    if (greet->suite != (uint32_t)member->descriptor.suite
        || !digest_equal(&greet->descriptor, &member->descriptor_digest)) {
        return E_DESCRIPTOR;
    }
    if ((greet->suite != SUITE_NONE) != (greet->dek_count > 0)) {
        return E_PROTOCOL;
    }
    return greet->suite == SUITE_NONE || common_dek(member, greet) != NULL ? OK : E_WRONG_KEY;
}

static void note_greet(struct replica *replica, struct candidate_peer *peer,
                       const struct greet *greet, struct bytes head)
{
    const struct receiver *receiver = &replica->receiver;

    peer->greets = greeting_digest(bytes_of(receiver->greet, receiver->greet_bytes), head);
    peer->folder = greet->folder;
    peer->highest_epoch = greet->highest_epoch;
    peer->position = greet->position;
    peer->end_lsn = greet->end_lsn;
    peer->commit_lsn = greet->commit_lsn;
    trace_event(&replica->member.settings.trace,
                "peer_is member=%s epoch=%llu batch=%llu lsn=%llu highest_epoch=%llu",
                peer->identity.member, (unsigned long long)peer->position.epoch,
                (unsigned long long)peer->position.batch, (unsigned long long)peer->end_lsn,
                (unsigned long long)peer->highest_epoch);
}

static void send_proof(struct replica *replica, struct candidate_peer *peer,
                       const struct greet *greet, struct effects *fx)
{
    const struct dek *dek = common_dek(&replica->member, greet);

    CHECK(dek != NULL);
    peer->proof_dek = dek->id;
    const struct proof proof = {.mac =
                                    greeting_proof(dek, TLS_CLIENT, peer->exporter, &peer->greets)};

    effects_send(fx, peer->link, MESSAGE_PROOF,
                 proof_encode(&proof, effects_scratch(fx, proof_bytes(&proof))));
}

static void on_greet(struct replica *replica, struct candidate_peer *peer,
                     const struct event *event, struct effects *fx)
{
    struct greet *greet = replica->member.greet;
    const struct bytes head = event->message.message.head;
    enum status status = head.size > GREET_BYTES_MAX
                             ? E_TOO_LARGE
                             : greet_decode(greet, head, &replica->member.scratch);

    if (status == OK) {
        status = check_greet(replica, peer, greet);
    }
    if (status != OK) {
        peer_refuse(replica, peer, status, fx);
        return;
    }
    note_greet(replica, peer, greet, head);
    if (greet->suite == SUITE_NONE) {
        peer->state = PEER_KNOWN;
    } else {
        peer->state = PEER_PROVING;
        peer->started_at = event->now;
        send_proof(replica, peer, greet, fx);
    }
}

static void on_proof(struct replica *replica, struct candidate_peer *peer,
                     const struct event *event, struct effects *fx)
{
    const struct dek *dek = deks_find(&replica->member.deks, &peer->proof_dek);
    struct proof proof;
    const enum status status =
        proof_decode(&proof, event->message.message.head, &replica->member.scratch);

    CHECK(dek != NULL);
    const struct digest expected = greeting_proof(dek, TLS_SERVER, peer->exporter, &peer->greets);

    if (status != OK || !greeting_proof_is_right(&expected, &proof.mac)) {
        peer_refuse(replica, peer, status != OK ? status : E_PROOF, fx);
    } else {
        peer->state = PEER_KNOWN;
    }
}

/* ---- fencing ---- */

static bool is_writer(const struct replica *replica, const struct candidate_peer *peer)
{
    return strcmp(peer->identity.member, replica->candidate.record.writer) == 0;
}

static bool waits_for_writer(const struct replica *replica)
{
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        const struct candidate_peer *peer = &replica->candidate.peers[i];

        if (is_writer(replica, peer)
            && (peer->state == PEER_KNOWN || peer->state == PEER_FENCING)) {
            return true;
        }
    }
    return false;
}

/* A writer whose disk hangs greets, and never answers: the others must still be asked. */
static void drop_unfenced(struct replica *replica, struct instant now, struct effects *fx)
{
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        struct candidate_peer *peer = &replica->candidate.peers[i];
        const struct instant limit =
            instant_add(peer->started_at, replica->member.settings.silence_max);

        if (peer->state != PEER_FENCING) {
            continue;
        }
        if (instant_reached(limit, now)) {
            effects_hang_up(fx, peer->link, E_SILENT);
            peer_lose(replica, peer, E_SILENT);
        } else {
            effects_wake_at(fx, limit);
        }
    }
}

void candidate_fence_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    const struct fence fence = {.epoch = candidate->epoch};

    drop_unfenced(replica, now, fx);

    const bool writer_only = waits_for_writer(replica);

    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        struct candidate_peer *peer = &candidate->peers[i];

        if (peer->state == PEER_KNOWN && (!writer_only || is_writer(replica, peer))) {
            peer->state = PEER_FENCING;
            peer->started_at = now;
            effects_wake_at(fx, instant_add(now, replica->member.settings.silence_max));
            effects_send(fx, peer->link, MESSAGE_FENCE,
                         fence_encode(&fence, effects_scratch(fx, fence_bytes(&fence))));
        }
    }
}

static void on_fenced(struct replica *replica, struct candidate_peer *peer,
                      const struct event *event, struct effects *fx)
{
    struct fenced fenced;
    const enum status status =
        fenced_decode(&fenced, event->message.message.head, &replica->member.scratch);

    if (status != OK || fenced.epoch != replica->candidate.epoch) {
        peer_refuse(replica, peer, status != OK ? status : E_PROTOCOL, fx);
        return;
    }
    peer->state = PEER_ANSWERED;
    peer->position = fenced.position;
    peer->end_lsn = fenced.end_lsn;
    peer->commit_lsn = fenced.commit_lsn;
    trace_event(&replica->member.settings.trace, "peer_fenced member=%s epoch=%llu batch=%llu",
                peer->identity.member, (unsigned long long)fenced.position.epoch,
                (unsigned long long)fenced.position.batch);
}

/* Whoever has greeted with more than is here, and gives nothing of it: this member is behind what
 * its retention has let go. */
static void note_keeper(struct replica *replica, const struct candidate_peer *peer, enum status why)
{
    const struct position held = member_position(&replica->member);

    if (why == E_LOST && peer->state >= PEER_PROVING && position_is_ahead(peer->position, held)) {
        replica->candidate.keeper = peer;
    }
}

bool candidate_on_message(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct candidate_peer *peer = peer_of(replica, event->message.link);
    const unsigned type = event->message.message.type;
    struct bye bye = {.why = E_CLOSED};

    if (peer == NULL) {
        return false;
    }
    if (type == MESSAGE_BYE) {
        if (bye_decode(&bye, event->message.message.head, &replica->member.scratch) != OK) {
            bye.why = E_PROTOCOL;
        }
        effects_hang_up(fx, peer->link, OK);
        note_keeper(replica, peer, bye.why);
        peer_lose(replica, peer, bye.why);
    } else if (type == MESSAGE_GREET && peer->state == PEER_GREETING) {
        on_greet(replica, peer, event, fx);
    } else if (type == MESSAGE_PROOF && peer->state == PEER_PROVING) {
        on_proof(replica, peer, event, fx);
    } else if (type == MESSAGE_FENCED && peer->state == PEER_FENCING) {
        on_fenced(replica, peer, event, fx);
    } else {
        peer_refuse(replica, peer, E_PROTOCOL, fx);
    }
    return true;
}
