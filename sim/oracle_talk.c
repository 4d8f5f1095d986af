/* What members tell each other and their clients, held against what is true at that moment. A word
 * counts when it is sent: an acknowledgement that is not yet true is broken even if it never
 * arrives. */
#include "base/check.h"
#include "proto/message.h"
#include "proto/ship.h"
#include "sim/oracle_bounds.h"
#include "sim/oracle_delay.h"
#include "sim/oracle_election.h"
#include "sim/oracle_retention.h"
#include "sim/oracle_verify.h"
#include "sim/workload.h"

void oracle_check_committed(struct oracle *oracle, const struct sim_member *member, lsn_t lsn,
                            const char *what)
{
    oracle->commits_checked++;
    /* Committed and cut all the same: an operator accepts that, or the writer's disk was harmed
     * beyond its marks (else cut_line has failed the run). Members who hold it have not lied. */
    if (lsn <= oracle->committed || lsn <= oracle->given_up) {
        return;
    }
    if (!oracle_level_is_met(oracle, lsn, oracle->level)) {
        sim_fail(oracle->sim, 6, "%s says in a %s that LSN %llu is committed; it is not",
                 member->name, what, (unsigned long long)lsn);
        return;
    }
    oracle->committed = lsn;
}

lsn_t oracle_lsn_of_last(const struct oracle *oracle, const struct oracle_append *append)
{
    for (lsn_t lsn = oracle->records_end; lsn > 0; lsn--) {
        if (oracle->records[lsn].producer == append->producer
            && oracle->records[lsn].sequence == append->first_sequence + append->count - 1) {
            return lsn;
        }
    }
    return 0;
}

/* A writer that was superseded and does not know it may go on by itself, below the cluster's level:
 * that level is what is kept through a promotion. */
static bool is_on_its_own(const struct oracle *oracle, const struct sim_member *member,
                          const struct oracle_append *append)
{
    return member->number != oracle->primary
           && (append->level.kind == LEVEL_LOCAL || !oracle_protects(append->level, oracle->level));
}

static void check_appended(struct oracle *oracle, const struct sim_member *member,
                           const struct effect_send *send)
{
    const struct sim_link *link = sim_net_link(&oracle->sim->net, send->link);
    const struct puppet *puppet = link == NULL ? NULL : link->ends[0].puppet;
    struct appended appended;

    if (appended_decode(&appended, send->head, &oracle->scratch) != OK || puppet == NULL) {
        return;
    }
    for (unsigned i = oracle->append_count; i-- > 0;) {
        struct oracle_append *append = &oracle->appends[i];

        if (append->client != puppet->number || append->request != appended.request) {
            continue;
        }
        const lsn_t last = oracle_lsn_of_last(oracle, append);

        oracle->acks_checked++;
        append->told = true;
        if (is_on_its_own(oracle, member, append)) {
            append->excused = true;
        } else if (last == 0 || !oracle_level_is_met(oracle, last, append->level)) {
            sim_fail(oracle->sim, 2,
                     "client %u is told that its append %llu (LSN %llu) is durable before it is",
                     puppet->number, (unsigned long long)append->request, (unsigned long long)last);
        } else if (appended.first_lsn != 0 && appended.first_lsn + append->count - 1 != last) {
            sim_fail(oracle->sim, 1, "client %u is told LSN %llu; its records end at %llu",
                     puppet->number, (unsigned long long)appended.first_lsn,
                     (unsigned long long)last);
        } else if (last > oracle->committed && oracle_level_is_met(oracle, last, oracle->level)) {
            oracle->committed = last; /* it is, whether the writer gets to say so or not */
        }
        return;
    }
    sim_fail(oracle->sim, 10, "an APPENDED for a request that client %u never made",
             puppet->number);
}

void oracle_on_message(struct oracle *oracle, const struct sim_member *member,
                       const struct event_message *message)
{
    const struct sim_link *link = sim_net_link(&oracle->sim->net, message->link);
    const int from = link == NULL ? -1 : link->ends[0].member;
    struct ack ack;

    if (message->message.type != MESSAGE_ACK || oracle->sim->tamper.at_work || from < 0
        || member->kind != &sim_primary /* to a replica, a deposed one included, it is no vote */
        || ack_decode(&ack, message->message.head, &oracle->scratch) != OK) {
        return;
    }
    oracle_on_acked(oracle, member->number, (unsigned)from, ack.epoch, ack.batch);
}

static void check_ack(struct oracle *oracle, const struct sim_member *member,
                      const struct effect_send *send)
{
    struct ack ack;

    if (ack_decode(&ack, send->head, &oracle->scratch) != OK) {
        return;
    }
    oracle->acks_checked++;
    if (oracle_lacks(oracle, member, ack.batch)) {
        sim_fail(oracle->sim, 2, "%s acks batch %llu; its disk has %llu", member->name,
                 (unsigned long long)ack.batch,
                 (unsigned long long)oracle->durable[member->number]);
    }
    if (ack.epoch < oracle->highest_epoch[member->number]) {
        sim_fail(oracle->sim, 14, "%s acks in epoch %llu after epoch %llu", member->name,
                 (unsigned long long)ack.epoch,
                 (unsigned long long)oracle->highest_epoch[member->number]);
    }
    oracle_check_promise(oracle, member, ack.epoch, "acks in");
    oracle->highest_epoch[member->number] = ack.epoch;
}

static void check_greet(struct oracle *oracle, const struct sim_member *member,
                        const struct effect_send *send)
{
    struct greet *greet = (struct greet *)oracle->plain;

    if (greet_decode(greet, send->head, &oracle->scratch) != OK) {
        return;
    }
    if (oracle_lacks(oracle, member, greet->position.batch)) {
        sim_fail(oracle->sim, 2, "%s greets with batch %llu; its disk has %llu", member->name,
                 (unsigned long long)greet->position.batch,
                 (unsigned long long)oracle->durable[member->number]);
    }
    if (greet->highest_epoch < oracle->highest_epoch[member->number]) {
        sim_fail(oracle->sim, 14, "%s greets with epoch %llu after an ack in epoch %llu",
                 member->name, (unsigned long long)greet->highest_epoch,
                 (unsigned long long)oracle->highest_epoch[member->number]);
    }
}

/* A batch or header on a link: the sealed bytes, and only to a member of the cluster. */
static void check_shipped(struct oracle *oracle, const struct sim_member *member,
                          const struct effect_send *send)
{
    const struct sim_link *link = sim_net_link(&oracle->sim->net, send->link);
    const int to = link == NULL ? -1 : link->ends[0].member;
    const struct bytes tail = send->tail[0];

    if (link != NULL && (to < 0 || ((oracle->members | oracle->left) >> to & 1) == 0)) {
        sim_fail(oracle->sim, 37, "%s sends WAL to one who is no member of the cluster",
                 member->name);
    }
    for (unsigned i = oracle->segment_count; send->type == MESSAGE_SEGMENT && i-- > 0;) {
        if (bytes_equal(tail, bytes_of(oracle->segments[i]->raw, ORACLE_HEADER_BYTES))) {
            return;
        }
    }
    for (unsigned i = oracle->batch_count; send->type == MESSAGE_BATCH && i-- > 0;) {
        const struct oracle_batch *batch = &oracle->batches[i];

        if (batch->bytes == tail.size && memcmp(batch->data, tail.data, tail.size) == 0) {
            return;
        }
    }
    if (link != NULL && member->store.damage == 0) {
        sim_fail(oracle->sim, 25, "%s ships bytes that nobody sealed", member->name);
    }
}

static void check_records(struct oracle *oracle, const struct sim_member *member,
                          const struct effect_send *send)
{
    struct records records;

    if (records_decode(&records, send->head, &oracle->scratch) == OK) {
        oracle_check_committed(oracle, member, records.first_lsn + records.count - 1, "RECORDS");
    }
}

static void check_commit(struct oracle *oracle, const struct sim_member *member,
                         const struct effect_send *send)
{
    struct commit commit;

    if (commit_decode(&commit, send->head, &oracle->scratch) == OK) {
        oracle_check_committed(oracle, member, commit.lsn, "COMMIT");
    }
}

static void check_secrets(struct oracle *oracle, const struct sim_member *member,
                          const struct effect_send *send)
{
    if (oracle_finds_secret(oracle, send->head)
        || (send->type != MESSAGE_BATCH && oracle_finds_secret(oracle, send->tail[0]))) {
        sim_fail(oracle->sim, 27, "%s sends a record or a key in clear (%s)", member->name,
                 message_type_name(send->type));
    }
}

void oracle_on_send(struct oracle *oracle, struct sim_member *member,
                    const struct effect_send *send)
{
    if (oracle->encrypted && send->type < MESSAGE_HELLO) {
        check_secrets(oracle, member, send);
    }
    if ((oracle->members >> member->number & 1) == 0) {
        return;
    }
    switch ((enum message_type)send->type) {
    case MESSAGE_GREET:
        check_greet(oracle, member, send);
        return;
    case MESSAGE_SEGMENT:
    case MESSAGE_BATCH:
        oracle_check_flight(oracle, member, send);
        check_shipped(oracle, member, send);
        return;
    case MESSAGE_BYE:
        oracle_on_bye(oracle, member, send);
        return;
    case MESSAGE_ACK:
        check_ack(oracle, member, send);
        return;
    case MESSAGE_FENCED:
        oracle_on_fenced(oracle, member, send);
        return;
    case MESSAGE_COMMIT:
        check_commit(oracle, member, send);
        return;
    case MESSAGE_APPENDED:
        check_appended(oracle, member, send);
        oracle_delay_on_answer(oracle, member, send);
        return;
    case MESSAGE_REFUSED:
        oracle_delay_on_answer(oracle, member, send);
        return;
    case MESSAGE_RECORDS:
        check_records(oracle, member, send);
        return;
    case MESSAGE_KEYS:
    case MESSAGE_KEYS_STORED:
    case MESSAGE_PROOF:
    case MESSAGE_RESUME:
    case MESSAGE_REPAIR_ASK:
    case MESSAGE_REPAIR_IS:
    case MESSAGE_HELLO:
    case MESSAGE_WELCOME:
    case MESSAGE_APPEND:
    case MESSAGE_READ:
    case MESSAGE_CONSUMED:
    case MESSAGE_READ_END:
    case MESSAGE_STATUS:
    case MESSAGE_STATUS_IS:
    case MESSAGE_VERIFY:
    case MESSAGE_FENCE:
    case MESSAGE_PROMOTE:
    case MESSAGE_PROMOTED:
    case MESSAGE_ROTATE:
    case MESSAGE_ROTATED:
    case MESSAGE_REWRAP:
    case MESSAGE_REWRAPPED:
        return;
    case MESSAGE_VERIFIED_SEGMENT:
        oracle_on_verified_segment(oracle, member, send);
        return;
    case MESSAGE_VERIFIED:
        oracle_on_verified(oracle, member, send);
        return;
    }
}
