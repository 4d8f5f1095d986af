/* RESUME, and then what the upstream sealed: each header and batch is verified and taken in by the
 * wal, goes to the disk as it is, and is acked once it is durable. What does not fit now is
 * deferred and comes again after a WRITTEN: so the disk's pace is the link's pace.
 *
 * A header of an epoch that is new here waits: first the epoch and its start are durable in the
 * control file, then the header is asked to be written, then this epoch is acked in.
 *
 * How it goes wrong: the wal refuses (gap, chain, forged, another key...): the link ends with that
 * reason, and nothing was taken in. The reign of the sender is over: E_STALE_EPOCH, likewise. */
#include "replica/receiver.h"

#include "base/check.h"
#include "member/greeting.h"
#include "proto/message.h"

/* What the upstream's history has given up is part of ours from now on. Whoever follows us must
 * hear of it, too, before it is promoted itself. */
static void take_losses(struct replica *replica, struct effects *fx)
{
    const struct receiver *receiver = &replica->receiver;
    struct member *member = &replica->member;
    struct control *control = &member->control;
    const uint32_t count = receiver->loss_count;
    bool same = control->loss_pending == 0 && control->loss_count == count;

    for (uint32_t i = 0; same && i < count; i++) {
        same = control->losses[i].epoch == receiver->losses[i].epoch
               && control->losses[i].first_lsn == receiver->losses[i].first_lsn
               && control->losses[i].last_lsn == receiver->losses[i].last_lsn;
    }
    if (same) {
        return;
    }
    control->loss_pending = 0;
    control->loss_count = count;
    memcpy(control->losses, receiver->losses, count * sizeof *control->losses);
    saves_control(member, fx);
    feeds_hang_up_all(member, E_CLOSED, fx);
}

void receiver_resume(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    struct member *member = &replica->member;
    const struct resume resume = {.position = member_position(member),
                                  .segment = member->wal.segment};

    CHECK(member->wal.sealed == member->wal.durable);
    receiver_move(receiver, RECEIVER_STREAMING, now);
    receiver_may_repair(replica);
    receiver->heard_at = now;
    receiver->follows_writer = false; /* until it says so */
    member->upstream_lsn = member->wal.durable_lsn; /* likewise */
    member->commit_lsn = member_held_commit(member); /* more was said of another's history */
    take_losses(replica, fx);
    receiver->acked = member->wal.durable;
    receiver->must_ack = true; /* in this reign, even where nothing new comes */
    effects_send(fx, receiver->link, MESSAGE_RESUME,
                 resume_encode(&resume, effects_scratch(fx, resume_bytes(&resume))));
    trace_event(&member->settings.trace, "resume upstream=%s batch=%llu", receiver->peer.member,
                (unsigned long long)resume.position.batch);
}

static void refuse(struct replica *replica, struct instant now, struct effects *fx,
                   const char *what, enum status why)
{
    receiver_refuse(replica, now, fx, why, "The %s after batch %llu is refused: %s.", what,
                    (unsigned long long)replica->member.wal.sealed, status_text(why));
}

/* Room comes with a WRITTEN; where none is on its way, a limit of this process is too small. */
static void defer(struct replica *replica, struct effects *fx)
{
    struct member *member = &replica->member;

    if (writes_are_done(&member->writes)) {
        member_halt(member, fx, E_USAGE,
                    "No room after batch %llu with nothing under way: raise segments_max (%u) or "
                    "window_bytes (%llu).",
                    (unsigned long long)member->wal.sealed, member->settings.segments_max,
                    (unsigned long long)member->settings.window_bytes);
        return;
    }
    replica->receiver.deferred = true;
    effects_defer(fx, replica->receiver.link);
}

static void note_commit(struct replica *replica, lsn_t lsn)
{
    struct member *member = &replica->member;

    if (lsn > member->commit_lsn) {
        member->commit_lsn = lsn;
    }
}

static void note_upstream(struct replica *replica, lsn_t lsn)
{
    struct member *member = &replica->member;

    if (lsn > member->upstream_lsn) {
        member->upstream_lsn = lsn;
    }
}

/* Each message says how high the upstream has got; below what was seen here, it is superseded. */
static enum status note_reign(struct replica *replica, epoch_t epoch)
{
    struct receiver *receiver = &replica->receiver;

    if (epoch < replica->member.control.highest_epoch) {
        return E_STALE_EPOCH;
    }
    receiver->reign = epoch > receiver->reign ? epoch : receiver->reign;
    return OK;
}

static void note_writer(struct receiver *receiver, struct instant now, uint64_t age_us)
{
    const uint64_t age_ns = age_us < now.ns / 1000 ? age_us * 1000 : now.ns;
    const struct instant heard_at = {now.ns - age_ns};

    if (heard_at.ns > receiver->writer_heard_at.ns) {
        receiver->writer_heard_at = heard_at;
    }
}

/* Whether an epoch's first header is what it says, before the epoch is believed: only the WAL's own
 * writer can seal it. */
static enum status check_new_epoch(const struct replica *replica,
                                   const struct segment_header *header, struct bytes raw,
                                   const struct dek *dek)
{
    const struct wal *wal = &replica->member.wal;
    const segment_t next = wal_next_segment(wal);
    struct segment_key key;

    if (header->epoch > replica->receiver.reign) {
        return E_PROTOCOL;
    }
    if (header->segment != next || header->first_batch != wal->sealed + 1) {
        return E_GAP;
    }
    TRY(segment_header_open(header, raw, &dek->secret, &key));
    segment_key_wipe(&key);
    return OK;
}

static enum status note_epoch(struct replica *replica, const struct segment_header *header,
                              struct effects *fx)
{
    struct member *member = &replica->member;
    struct control *control = &member->control;
    const struct epoch_entry entry = {
        .epoch = header->epoch, .start_batch = header->first_batch, .start_lsn = header->first_lsn};

    TRY(epoch_table_add(&control->epochs, &entry));
    if (header->epoch > control->highest_epoch) {
        control->highest_epoch = header->epoch;
    }
    control->durable = member_position(member);
    control->commit_lsn = member_held_commit(member);
    saves_control(member, fx);
    replica->receiver.epoch_token = member->saves.control.wanted;
    trace_event(&member->settings.trace, "epoch=%llu start_batch=%llu",
                (unsigned long long)header->epoch, (unsigned long long)header->first_batch);
    return OK;
}

/* OK; or E_FULL, until the epoch is durable. */
static enum status know_epoch(struct replica *replica, const struct segment_header *header,
                              struct bytes raw, const struct dek *dek, struct effects *fx)
{
    struct member *member = &replica->member;
    const struct saves_file *control = &member->saves.control;

    if (epoch_table_find(&member->control.epochs, header->epoch) == NULL) {
        TRY(check_new_epoch(replica, header, raw, dek));
        TRY(note_epoch(replica, header, fx));
    }
    return control->durable >= replica->receiver.epoch_token ? OK : E_FULL;
}

static enum status take_segment(struct replica *replica, const struct message *message,
                                struct effects *fx)
{
    struct member *member = &replica->member;
    struct segment_message said;
    struct segment_header header;

    TRY(segment_message_decode(&said, message->head, &member->scratch));
    TRY(note_reign(replica, said.epoch));
    if (message->tail.size != SEGMENT_HEADER_BYTES) {
        return E_MALFORMED;
    }
    TRY(segment_header_decode(&header, message->tail));
    if (!id_equal(&header.lineage, &member->descriptor.lineage)) {
        return E_LINEAGE;
    }
    const struct dek *dek = deks_find(&member->deks, &header.dek);

    if (dek == NULL) {
        return E_WRONG_KEY;
    }
    TRY(know_epoch(replica, &header, message->tail, dek, fx));
    return wal_adopt_segment(&member->wal, &header, message->tail, &dek->secret, fx);
}

/* No segment file could be made: the header waits where it is until there is room, and what was
 * asked for before is acked meanwhile. On its way to the disk it would keep a deletion from it. */
static bool waits_for_space(struct replica *replica, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;

    if (!replica->member.disk_full) {
        return false;
    }
    if (!receiver->waits_for_space) {
        trace_event(&replica->member.settings.trace,
                    "disk.waiting text=\"the disk is full: free some space, and it goes on\"");
    }
    receiver->deferred = receiver->waits_for_space = true;
    effects_defer(fx, receiver->link);
    return true;
}

void receiver_on_segment(struct replica *replica, const struct event *event, struct effects *fx)
{
    const struct message *message = &event->message.message;

    if (waits_for_space(replica, fx)) {
        return;
    }
    const enum status status = take_segment(replica, message, fx);

    if (status == E_FULL) {
        defer(replica, fx);
    } else if (status == E_WAL_FULL) {
        member_halt(&replica->member, fx, status,
                    "This copy has %u segments, and %u is the limit: start again with a larger "
                    "--segments-max.",
                    replica->member.wal.index.count, replica->member.settings.segments_max);
    } else if (status != OK) {
        refuse(replica, event->now, fx, "segment header", status);
    } else {
        replica->member.received_bytes += message->tail.size;
    }
}

static enum status take_batch(struct replica *replica, const struct message *message,
                              struct effects *fx)
{
    struct member *member = &replica->member;
    struct batch_message said;
    struct batch_header header;

    TRY(batch_message_decode(&said, message->head, &member->scratch));
    TRY(note_reign(replica, said.epoch));
    TRY(wal_adopt_batch(&member->wal, message->tail, fx));
    TRY(batch_header_decode(&header, message->tail));
    note_commit(replica, header.commit_lsn); /* it was inside the seal */
    note_upstream(replica, batch_end_lsn(&header));
    return OK;
}

void receiver_on_batch(struct replica *replica, const struct event *event, struct effects *fx)
{
    const struct message *message = &event->message.message;
    const enum status status = take_batch(replica, message, fx);

    if (status == E_FULL) {
        defer(replica, fx);
    } else if (status != OK) {
        refuse(replica, event->now, fx, "batch", status);
    } else {
        replica->member.received_bytes += message->tail.size;
        replica->receiver.fed_at = event->now;
        if (replica->member.wal.epoch == replica->member.control.highest_epoch) {
            note_writer(&replica->receiver, event->now, 0);
        }
    }
}

void receiver_on_commit(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct member *member = &replica->member;
    struct commit commit;
    enum status status = commit_decode(&commit, event->message.message.head, &member->scratch);

    if (status == OK) {
        status = note_reign(replica, commit.epoch);
    }
    if (status != OK) {
        refuse(replica, event->now, fx, "commit", status);
        return;
    }
    note_commit(replica, commit.lsn);
    note_upstream(replica, commit.end_lsn);
    note_writer(&replica->receiver, event->now, commit.age_us);
    replica->receiver.follows_writer = commit.age_us == 0;
    if (commit.age_us == 0) {
        replica->receiver.seeks = 0;
    }
}

static void send_ack(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    const struct member *member = &replica->member;
    const struct ack ack = {.epoch = member->control.highest_epoch, .batch = member->wal.durable};

    receiver->acked = ack.batch;
    receiver->must_ack = false;
    receiver->said_at = now;
    effects_send(fx, receiver->link, MESSAGE_ACK,
                 ack_encode(&ack, effects_scratch(fx, ack_bytes(&ack))));
}

static void measure_lag(struct replica *replica, struct instant now)
{
    struct receiver *receiver = &replica->receiver;
    struct member *member = &replica->member;

    if (member->upstream_lsn <= member->wal.durable_lsn) {
        receiver->behind_since = INSTANT_NEVER;
        member->lag_us = 0;
        return;
    }
    if (receiver->behind_since.ns == INSTANT_NEVER.ns) {
        receiver->behind_since = now;
    }
    member->lag_us = instant_since(receiver->behind_since, now).ns / 1000;
}

/* Whoever has raised it, a FENCE from downstream, too: an ACK in an epoch is a promise. */
static void await_epoch(struct replica *replica)
{
    struct receiver *receiver = &replica->receiver;
    const struct member *member = &replica->member;

    if (member->control.highest_epoch > receiver->epoch_awaited) {
        receiver->epoch_awaited = member->control.highest_epoch;
        receiver->epoch_token = member->saves.control.wanted;
    }
}

void receiver_stream_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    const struct member *member = &replica->member;

    await_epoch(replica);

    const struct instant heartbeat = instant_add(receiver->said_at, member->settings.heartbeat_gap);
    const bool epoch_is_durable = member->saves.control.durable >= receiver->epoch_token;
    const bool has_news = receiver->must_ack || member->wal.durable > receiver->acked;

    if (epoch_is_durable && (has_news || instant_reached(heartbeat, now))) {
        send_ack(replica, now, fx);
    }
    measure_lag(replica, now);
    if (epoch_is_durable) { /* else the WRITTEN that we wait for wakes us */
        effects_wake_at(fx, instant_add(receiver->said_at, member->settings.heartbeat_gap));
    }
}
