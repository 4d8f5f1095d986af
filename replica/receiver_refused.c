/* An upstream will not have this replica, or this replica will not have it: what now?
 *
 * Each upstream's last refusal is kept. The same one again is not traced again. Once every upstream
 * refuses, the replica's state is `refused`, its notice is the newest sentence, and it calls ever
 * more rarely: an address may lead elsewhere tomorrow, a certificate may be renewed. What it has,
 * it goes on serving. Likewise `lost`, where each says that it has let go of what comes next.
 *
 * How it goes wrong: a replica that has nothing yet and only fails to join ends, so that whoever
 * started it sees why: by a rule or a key, at once; by what certificates say, once it holds for all
 * upstreams. */
#include "replica/receiver.h"

#include "base/check.h"
#include "base/hex.h"

#include <stdio.h>

/* What a person has to change something for, here or there. */
static bool is_refusal(enum status why)
{
    static const enum status refusals[] = {
        E_LINEAGE, E_DEPLOYMENT, E_IDENTITY, E_DESCRIPTOR, E_VERSION, E_RULE,       E_PROOF,
        E_TWIN,    E_TLS,        E_EXPIRED,  E_REVOKED,    E_CRL,     E_CERTIFICATE};

    for (unsigned i = 0; i < COUNT_OF(refusals); i++) {
        if (refusals[i] == why) {
            return true;
        }
    }
    return status_blame(why) == BLAME_KEYS && why != E_KEY_UNREACHABLE;
}

bool receiver_is_refused(const struct replica *replica)
{
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        if (replica->receiver.refused[i] == OK) {
            return false;
        }
    }
    return true;
}

/* How an attempt at an upstream has ended. False: as it did the last time, which was said. */
bool receiver_note_end(struct replica *replica, enum status why, const char *text)
{
    struct receiver *receiver = &replica->receiver;
    struct member *member = &replica->member;
    enum status *last = &receiver->refused[receiver->upstream];
    const bool is_known = is_refusal(why) && *last == why;

    *last = is_refusal(why) ? why : OK;
    if (receiver_is_refused(replica)) {
        snprintf(member->notice, sizeof member->notice, "upstream %s (%s): %s",
                 replica->settings.upstreams[receiver->upstream], status_name(why), text);
    } else if (!receiver_is_lost(replica)) {
        member->notice[0] = '\0';
    }
    return !is_known;
}

void receiver_taken(struct replica *replica)
{
    struct receiver *receiver = &replica->receiver;

    receiver->tries = receiver->lost_count = 0;
    receiver->refused[receiver->upstream] = OK;
    replica->member.notice[0] = '\0';
}

/* Nobody is left to join, and there is nothing to serve. */
void receiver_halt_if_outcast(struct replica *replica, enum status why, const char *address,
                              const char *text, struct effects *fx)
{
    if (!replica->receiver.joined && receiver_is_refused(replica)) {
        member_halt(&replica->member, fx, why,
                    "No upstream is a member of this replica's cluster: at %s %s. Give --upstream "
                    "an address of that cluster, or this replica a certificate of the other.",
                    address, text);
    }
}

/* Both certificates are what the CA says: no greeting will mend that. */
void receiver_refuse_stranger(struct replica *replica, enum status why, struct instant now,
                              struct effects *fx)
{
    const struct receiver *receiver = &replica->receiver;
    const struct member *member = &replica->member;
    const char *address = replica->settings.upstreams[receiver->upstream];
    char text[BYE_TEXT_MAX], theirs[33], ours[33];

    if (why == E_LINEAGE) {
        hex_encode(bytes_of(receiver->peer.lineage.bytes, 16), theirs);
        hex_encode(bytes_of(member->settings.self.lineage.bytes, 16), ours);
        snprintf(text, sizeof text, "%.40s is of lineage %s, this replica's certificate of %s",
                 receiver->peer.member, theirs, ours);
    } else {
        snprintf(text, sizeof text, "%.40s has a certificate of role %s of deployment %s",
                 receiver->peer.member, role_name(receiver->peer.role), receiver->peer.deployment);
    }
    receiver_refuse(replica, now, fx, why, "%s.", text);
    receiver_halt_if_outcast(replica, why, address, text, fx);
}

bool receiver_is_lost(const struct replica *replica)
{
    return replica->receiver.lost_count >= replica->settings.upstream_count;
}

/* One upstream may still have what another does not: only all of them together make it lost. It
 * goes on asking them, and serving its readers, until a person decides. */
void receiver_note_lost(struct replica *replica, const struct bye *bye)
{
    struct receiver *receiver = &replica->receiver;
    struct member *member = &replica->member;
    const bool was_lost = receiver_is_lost(replica);

    receiver->lost_count = bye->why == E_LOST ? receiver->lost_count + 1 : 0;
    if (!receiver_is_lost(replica)) {
        return;
    }
    snprintf(member->notice, sizeof member->notice, "%s says: %s", receiver->peer.member,
             bye->text);
    if (!was_lost) {
        trace_event(&member->settings.trace, "lost batch=%llu text=\"%s\"",
                    (unsigned long long)member->wal.durable, member->notice);
    }
}

bool receiver_is_final(const struct replica *replica, enum status why)
{
    if (why == E_LOST) { /* and it has nothing to serve either */
        return receiver_is_lost(replica) && replica->member.wal.durable == 0;
    }
    return !replica->receiver.joined
           && (why == E_RULE || (status_blame(why) == BLAME_KEYS && why != E_KEY_UNREACHABLE));
}
