/* Each append that a writer has heard waits in a list until it is answered, its link is over, or
 * the writer's life is. Now and then the list is held against the disks and the acks: whoever is
 * still there a while after its level was met, was kept waiting for nothing.
 *
 * How it goes wrong: a writer that is fenced, or was shown a higher epoch, owes nobody an answer;
 * the time in which it was paused is not its own. */
#include "sim/oracle_delay.h"

#include "base/check.h"
#include "cluster/control.h"
#include "proto/control.h"
#include "proto/message.h"
#include "proto/ship.h"
#include "sim/oracle.h"

#define GRACE_NS 200000000ull /* its own steps, and what its disk has done and not yet told */
#define LOOK_EVERY_NS 50000000ull

static void drop(struct oracle_delay *delay, unsigned i)
{
    delay->waits[i] = delay->waits[--delay->count];
}

/* Where it was heard before, it may have been taken and not be sealed yet. */
static bool is_new_to(struct oracle_append *append, const struct sim_member *member)
{
    const bool heard = append->heard_by == member->number + 1 && append->heard_life == member->life;

    append->heard_by = member->number + 1;
    append->heard_life = member->life;
    return !heard;
}

static void begin_to_wait(struct oracle *oracle, const struct sim_member *member,
                          const struct event_message *message)
{
    struct oracle_delay *delay = &oracle->delay;
    const struct sim_link *link = sim_net_link(&oracle->sim->net, message->link);
    const struct puppet *puppet = link == NULL ? NULL : link->ends[0].puppet;
    struct append append;

    if (puppet == NULL || delay->count == ORACLE_WAITS
        || append_decode(&append, message->message.head, &oracle->scratch) != OK) {
        return;
    }
    for (unsigned i = oracle->append_count; i-- > 0;) {
        struct oracle_append *known = &oracle->appends[i];

        if (known->client == puppet->number && known->request == append.request) {
            if (oracle_lsn_of_last(oracle, known) != 0 || !is_new_to(known, member)) {
                return; /* said again: it waits for those who came to its level meanwhile */
            }
            delay->waits[delay->count++] = (struct oracle_wait){.append = i,
                                                                .request = append.request,
                                                                .link = message->link,
                                                                .member = member->number,
                                                                .life = member->life};
            return;
        }
    }
}

static const struct claim_member *place_of(const struct claim_record *record, const char *name)
{
    for (uint32_t i = 0; i < record->member_count; i++) {
        if (strcmp(record->members[i].name, name) == 0) {
            return &record->members[i];
        }
    }
    return NULL;
}

/* A name that has come back with another folder does not vote for what the old one held. */
static bool has_its_place(const struct sim_member *member, const struct claim_record *record)
{
    const struct sim_small *small = &member->store.smalls[STORE_CONTROL];
    static struct control control;

    if (control_decode(&control, bytes_of(small->disk, small->disk_size), NULL) != OK) {
        return false;
    }
    const struct claim_member *place = place_of(record, member->self.member);

    return place != NULL && id_equal(&place->folder, &control.folder);
}

static void note_resume(struct oracle *oracle, const struct sim_member *writer, link_t id)
{
    const struct sim_link *link = sim_net_link(&oracle->sim->net, id);
    const int from = link == NULL ? -1 : link->ends[0].member;

    if (from >= 0) {
        oracle->delay.resumed[writer->number][from] = id;
    }
}

/* Whoever acked before it had a place, or with a folder that it has lost since, acks again; an ACK
 * that overtook its RESUME is none. */
static void note_ack(struct oracle *oracle, const struct sim_member *writer,
                     const struct event_message *message)
{
    struct oracle_delay *delay = &oracle->delay;
    const struct sim_link *link = sim_net_link(&oracle->sim->net, message->link);
    const int from = link == NULL ? -1 : link->ends[0].member;
    struct ack ack;

    if (from >= 0 && delay->resumed[writer->number][from] == message->link
        && ack_decode(&ack, message->message.head, &oracle->scratch) == OK
        && ack.epoch == oracle->epoch
        && has_its_place(&oracle->sim->members[from], &delay->records[writer->number])) {
        delay->acked[writer->number][from] = ack.batch;
    }
}

/* A writer that is shown an epoch above its own asks the coordinator before it answers anybody. */
static bool shows_higher(struct oracle *oracle, const struct event_message *message)
{
    struct greet *greet = (struct greet *)oracle->plain;

    return greet_decode(greet, message->message.head, &oracle->scratch) == OK
           && greet->highest_epoch > oracle->epoch;
}

void oracle_delay_on_message(struct oracle *oracle, const struct sim_member *member,
                             const struct event_message *message)
{
    if (message->message.type == MESSAGE_APPEND && member->kind == &sim_primary) {
        begin_to_wait(oracle, member, message);
    } else if (message->message.type == MESSAGE_RESUME && member->kind == &sim_primary) {
        note_resume(oracle, member, message->link);
    } else if (message->message.type == MESSAGE_ACK && member->kind == &sim_primary) {
        note_ack(oracle, member, message);
    } else if (message->message.type == MESSAGE_FENCE
               || (message->message.type == MESSAGE_GREET && shows_higher(oracle, message))) {
        oracle->delay.fenced_life[member->number] = member->life;
    }
}

void oracle_delay_on_record(struct oracle *oracle, const struct sim_member *member,
                            const struct claim_record *record)
{
    for (unsigned i = 0; i < oracle->sim->member_count; i++) {
        const char *name = oracle->sim->members[i].self.member;
        const struct claim_member *before = place_of(&oracle->delay.records[member->number], name);
        const struct claim_member *now = place_of(record, name);

        if (before == NULL || now == NULL || !id_equal(&before->folder, &now->folder)) {
            oracle->delay.acked[member->number][i] = 0;
        }
    }
    oracle->delay.records[member->number] = *record;
}

static uint64_t request_answered(struct oracle *oracle, const struct effect_send *send)
{
    struct appended appended;
    struct refused refused;

    if (send->type == MESSAGE_APPENDED) {
        return appended_decode(&appended, send->head, &oracle->scratch) == OK ? appended.request
                                                                              : 0;
    }
    return refused_decode(&refused, send->head, &oracle->scratch) == OK ? refused.request : 0;
}

void oracle_delay_on_answer(struct oracle *oracle, const struct sim_member *member,
                            const struct effect_send *send)
{
    struct oracle_delay *delay = &oracle->delay;
    const uint64_t request = request_answered(oracle, send);

    for (unsigned i = delay->count; i-- > 0;) {
        const struct oracle_wait *wait = &delay->waits[i];

        if (wait->member == member->number && wait->link == send->link
            && (request == 0 || wait->request == request)) {
            drop(delay, i);
        }
    }
}

static bool is_over(const struct oracle *oracle, const struct oracle_wait *wait)
{
    const struct sim_member *member = &oracle->sim->members[wait->member];
    const struct sim_link *link = sim_net_link(&oracle->sim->net, wait->link);

    return member->life != wait->life || oracle->delay.fenced_life[wait->member] == wait->life
           || oracle->appends[wait->append].refused || link == NULL || link->cut;
}

/* Two processes under one name: each makes the writer forget what the other had acked. */
static bool has_a_twin(const struct sim *sim, const struct sim_member *member)
{
    for (unsigned i = 0; i < sim->member_count; i++) {
        const struct sim_member *other = &sim->members[i];

        if (other != member && strcmp(other->self.member, member->self.member) == 0) {
            return true;
        }
    }
    return false;
}

/* Whose acks count, as far as that writer was told. */
static uint32_t may_vote(const struct oracle *oracle, unsigned writer)
{
    uint32_t mask = 0;

    for (unsigned i = 0; i < oracle->sim->member_count; i++) {
        const struct sim_member *member = &oracle->sim->members[i];
        const bool counts = has_its_place(member, &oracle->delay.records[writer])
                            && !has_a_twin(oracle->sim, member);

        mask |= (uint32_t)counts << i;
    }
    return mask;
}

static bool is_met(const struct oracle *oracle, const struct oracle_wait *wait, uint32_t voters)
{
    const struct oracle_append *append = &oracle->appends[wait->append];
    const lsn_t last = oracle_lsn_of_last(oracle, append);
    const struct oracle_batch *batch = last == 0 ? NULL : oracle_of_lsn(oracle, last);

    for (unsigned i = 0; batch != NULL && i < SIM_MEMBERS_MAX; i++) {
        voters &= ~((uint32_t)(oracle->delay.acked[wait->member][i] < batch->batch) << i);
    }
    return batch != NULL
           && oracle_writer_has_heard(oracle, wait->member, last, append->level, voters);
}

static void look_at(struct oracle *oracle, struct oracle_wait *wait, uint32_t voters)
{
    const struct sim_member *member = &oracle->sim->members[wait->member];
    const uint64_t now = oracle->sim->now;

    if (!is_met(oracle, wait, voters)) {
        wait->met_at = 0;
    } else if (wait->met_at == 0) {
        wait->met_at = now;
    } else if (member->paused_until_ns > wait->met_at) {
        wait->met_at = member->paused_until_ns;
    } else if (now > wait->met_at + GRACE_NS) {
        sim_fail(oracle->sim, 39, "%s has not answered append %llu of client %u, met %llu ms ago",
                 member->name, (unsigned long long)wait->request,
                 oracle->appends[wait->append].client,
                 (unsigned long long)((now - wait->met_at) / 1000000));
    }
}

void oracle_check_delay(struct oracle *oracle, const struct sim_member *member)
{
    struct oracle_delay *delay = &oracle->delay;

    if (member->kind != &sim_primary || oracle->sim->now < delay->next_look) {
        return;
    }
    delay->next_look = oracle->sim->now + LOOK_EVERY_NS;
    const uint32_t voters = may_vote(oracle, member->number);

    for (unsigned i = delay->count; i-- > 0;) {
        if (is_over(oracle, &delay->waits[i])) {
            drop(delay, i);
        } else if (delay->waits[i].member == member->number) {
            look_at(oracle, &delay->waits[i], voters);
        }
    }
}
