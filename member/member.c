/* Events come in, and each goes to the one part that it is for: links by the role in their
 * certificate, answers of the disk by what was asked, answers of key services by who asked.
 *
 * How it goes wrong: a write that failed halts the member at once, whoever asked for it. What was
 * under way is in doubt for good, nothing is tried again, and the next start is told (`suspect`) if
 * the disk still takes that. */
#include "member/member.h"

#include "base/check.h"
#include "member/greeting.h"
#include "member/tickets.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    WRITES_SPARE = 64, /* headers, small files and quarantine, besides one for each batch */
};

/* A replica never gathers records: its tables for that are as small as they can be. */
static struct wal_settings wal_settings_of(const struct member_settings *settings, bool is_writer)
{
    const uint32_t largest = settings->record_bytes_max + 4;

    return (struct wal_settings){
        .window_bytes = settings->window_bytes,
        .window_batches = settings->window_batches,
        .segment_bytes = settings->segment_bytes,
        .segments_max = settings->segments_max,
        .batch_bytes = is_writer ? settings->batch_bytes : BATCH_BLOCK_BYTES,
        .message_bytes_max = !is_writer                   ? BATCH_BLOCK_BYTES
                             : largest > APPEND_BYTES_MAX ? largest
                                                          : APPEND_BYTES_MAX,
        .producers_max = is_writer ? settings->producers_max : 1,
    };
}

static uint32_t writes_capacity(const struct member_settings *settings)
{
    return settings->window_batches + WRITES_SPARE;
}

size_t member_bytes(const struct member_settings *settings)
{
    const struct wal_settings wal = wal_settings_of(settings, true);

    return arena_need(sizeof(struct keyring), _Alignof(struct keyring))
           + arena_need(sizeof(struct greet), _Alignof(struct greet)) + wal_bytes(&wal)
           + writes_bytes(writes_capacity(settings))
           + reads_bytes(settings->reads_max, settings->read_bytes, BATCH_BYTES_MAX) + saves_bytes()
           + opening_bytes(settings->segments_max) + feeds_bytes(settings->feeds_max)
           + clients_bytes(settings->clients_max, BATCH_BYTES_MAX)
           + repair_bytes(settings->feeds_max) + arena_need(PROTO_SCRATCH_BYTES, ARENA_ALIGN_MAX);
}

void member_init(struct member *member, struct arena *arena, const struct member_settings *settings,
                 bool is_writer)
{
    const struct wal_settings wal = wal_settings_of(settings, is_writer);

    memset(member, 0, sizeof *member);
    member->settings = *settings;
    member->is_writer = is_writer;
    member->state = "starting";
    member->keyring = ARENA_ARRAY(arena, struct keyring, 1);
    member->greet = ARENA_ARRAY(arena, struct greet, 1);
    writes_init(&member->writes, arena, writes_capacity(settings));
    wal_init(&member->wal, arena, &wal, &settings->entropy, &member->writes);
    reads_init(&member->reads, arena, settings->reads_max, settings->read_bytes, BATCH_BYTES_MAX);
    saves_init(&member->saves, arena);
    marks_init(&member->marks);
    digester_init(&member->digester);
    retention_init(&member->retention);
    opening_init(member, arena);
    feeds_init(&member->feeds, arena, settings->feeds_max);
    clients_init(&member->clients, arena, settings->clients_max, BATCH_BYTES_MAX);
    verifier_init(&member->verifier);
    repair_init(member, arena);
    scrub_init(&member->scrub);
    proto_scratch_init(&member->scratch, arena);
}

void member_drop(struct member *member)
{
    clients_drop(&member->clients);
    verifier_drop(&member->verifier);
    repair_drop(member);
    scrub_drop(&member->scrub);
    opening_drop(member);
    digester_drop(&member->digester);
    wal_drop(&member->wal);
    deks_wipe(&member->deks);
}

void member_know(struct member *member, const struct descriptor *descriptor, struct bytes file)
{
    CHECK(!member->known && file.size <= sizeof member->descriptor_bytes);

    member->known = true;
    member->descriptor = *descriptor;
    memcpy(member->descriptor_bytes, file.data, file.size);
    member->descriptor_size = file.size;
    member->descriptor_digest = descriptor_digest(file);
    wal_know(&member->wal, &descriptor->lineage, &member->descriptor_digest, descriptor->suite);
}

void member_halt(struct member *member, struct effects *fx, enum status why, const char *format,
                 ...)
{
    char text[HALT_TEXT_MAX];
    va_list arguments;

    if (member->halted) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    member->halted = true;
    trace_event(&member->settings.trace, "halt why=%s text=\"%s\"", status_name(why), text);
    effects_halt(fx, why, "%s", text);
}

void member_on_link_up(struct member *member, const struct event *event, struct effects *fx)
{
    const struct identity *peer = &event->link.peer;
    const bool is_ours = strcmp(peer->deployment, member->settings.self.deployment) == 0;

    if (is_ours && (peer->role == ROLE_REPLICA || peer->role == ROLE_PRIMARY)) {
        feeds_on_link_up(member, event, fx);
    } else if (is_ours
               && (peer->role == ROLE_CLIENT || peer->role == ROLE_READER
                   || peer->role == ROLE_OPERATOR)) {
        clients_on_link_up(member, event, fx);
    } else {
        trace_event(&member->settings.trace, "link_refused why=E_IDENTITY role=%s member=%s",
                    role_name(peer->role), peer->member);
        effects_hang_up(fx, event->link.link, E_IDENTITY);
    }
}

bool member_on_message(struct member *member, const struct event *event, struct effects *fx)
{
    const link_t link = event->message.link;
    struct feed *feed = feeds_find(&member->feeds, link);

    if (feed != NULL) {
        feeds_on_message(member, feed, event, fx);
        return true;
    }
    struct client *client = clients_find(&member->clients, link);

    if (client != NULL) {
        clients_on_message(member, client, event, fx);
    }
    return client != NULL;
}

bool member_on_link_down(struct member *member, const struct event *event, struct effects *fx)
{
    const link_t link = event->link.link;
    struct feed *feed = feeds_find(&member->feeds, link);

    (void)fx;
    if (feed != NULL) {
        feeds_on_link_down(member, feed);
        return true;
    }
    struct client *client = clients_find(&member->clients, link);

    if (client != NULL) {
        clients_on_link_down(member, client);
    }
    return client != NULL;
}

/* What was under way is in doubt. `suspect` is recorded if the disk still takes it, and with it
 * what was durable here until now: that covers everything that was ever acknowledged, so that the
 * next start can tell whether all of it is there (opening.h). A disk that has just failed may well
 * take nothing more; then the next start knows nothing of this and relies on reading past the page
 * cache, which it always does. A full disk is not suspect: it refused bytes, it did not lose any.
 * (Other kinds of writes fail at start, when nothing was acknowledged yet, or in a replica's cut,
 * which has just lowered the mark on purpose.) */
static void on_write_failed(struct member *member, const struct write_asked *asked,
                            enum status status, struct effects *fx)
{
    static const char *const what[] = {
        [WRITE_BATCH] = "batch",
        [WRITE_SEGMENT] = "the header of segment",
        [WRITE_SYNC] = "a sync of segment",
        [WRITE_ASIDE] = "the quarantine of segment",
        [WRITE_DELETE] = "the deletion of segment",
        [WRITE_REPAIR_PART] = "the repair of segment",
        [WRITE_REPAIR_DONE] = "the repair of segment",
        [WRITE_DESCRIPTOR] = "descriptor",
        [WRITE_KEYRING] = "keyring",
        [WRITE_CONTROL] = "control, generation",
    };

    if (status != E_DISK_FULL && member->known && writes_room(&member->writes) > 0) {
        member->control.suspect = true;
        if (asked->kind == WRITE_BATCH || asked->kind == WRITE_SEGMENT) {
            member->control.durable = member_position(member);
        }
        saves_control(member, fx);
    }
    member_halt(member, fx, status,
                "Writing %s %llu failed: %s. Nothing that was under way has been acknowledged. %s",
                what[asked->kind], (unsigned long long)asked->value, status_text(status),
                status == E_DISK_FULL ? "Free some space and start again."
                                      : "Look at the disk before you start again.");
}

static void on_batch_written(struct member *member, batch_t batch)
{
    const struct window_batch *found = window_find(&member->wal.window, batch);

    CHECK(found != NULL);
    member->persisted_bytes += found->bytes;
    wal_on_batch_written(&member->wal, batch);
}

static void warn_of_full(const struct member *member)
{
    if (wal_is_nearly_full(&member->wal)) {
        trace_event(&member->settings.trace, "wal_nearly_full segments=%u max=%u",
                    member->wal.index.count, member->settings.segments_max);
    }
}

struct write_asked member_on_written(struct member *member, const struct event *event,
                                     struct effects *fx)
{
    const struct write_asked asked = writes_answered(&member->writes, event->written.ticket);

    if (event->written.status != OK) {
        on_write_failed(member, &asked, event->written.status, fx);
        return asked;
    }
    switch (asked.kind) {
    case WRITE_BATCH:
        on_batch_written(member, asked.value);
        break;
    case WRITE_SEGMENT:
        wal_on_segment_written(&member->wal, asked.value);
        warn_of_full(member);
        break;
    case WRITE_SYNC:
    case WRITE_ASIDE:
        if (opening_state(member) != OPENING_DONE) { /* a replica's cut puts aside, too */
            opening_on_written(member, &asked, fx);
        }
        break;
    case WRITE_DELETE:
        if (opening_state(member) == OPENING_MEND) {
            opening_on_written(member, &asked, fx);
        } else {
            retention_on_deleted(member, asked.value);
        }
        break;
    case WRITE_REPAIR_PART:
    case WRITE_REPAIR_DONE:
        repair_on_written(member, &asked);
        break;
    case WRITE_DESCRIPTOR:
    case WRITE_KEYRING:
    case WRITE_CONTROL:
        saves_on_written(member, asked.kind, fx);
        break;
    }
    return asked;
}

struct read_slot *member_on_read(struct member *member, const struct event *event,
                                 struct effects *fx)
{
    struct read_slot *slot = reads_answered(&member->reads, &event->read);

    if (slot == NULL) {
        return NULL; /* its owner has gone */
    }
    switch (slot->owner) {
    case READ_OPENING:
        opening_on_read(member, slot, fx);
        break;
    case READ_FEED:
        feeds_on_read(member, slot, fx);
        break;
    case READ_READER:
        clients_on_read(member, slot, fx);
        break;
    case READ_DIGESTER:
        digester_on_read(member, slot);
        break;
    case READ_VERIFIER:
        verifier_on_read(member, slot, event->now, fx);
        break;
    case READ_REPAIR:
        repair_on_read(member, slot);
        break;
    case READ_ANSWER:
        repair_on_answer_read(member, slot, fx);
        break;
    case READ_SCRUB:
        scrub_on_read(member, slot, event->now);
        break;
    case READ_NODE:
        return slot;
    }
    return NULL;
}

void member_on_space(struct member *member, const struct event *event)
{
    retention_on_space(member, &event->space);
}

bool member_on_keys(struct member *member, const struct event *event, struct effects *fx)
{
    switch (ticket_asker(event->keys.ticket)) {
    case TICKET_UNWRAP:
        unwrap_on_keys(member, event, fx);
        return true;
    case TICKET_WATCH:
        key_watch_on_keys(member, event, fx);
        return true;
    case TICKET_FEED:
        feeds_on_keys(member, event, fx);
        return true;
    case TICKET_REWRAP:
        rewrap_on_keys(member, event, fx);
        return true;
    case TICKET_GENESIS:
    case TICKET_ROTATION:
        break;
    }
    return false;
}

void member_pump(struct member *member, struct instant now, struct effects *fx)
{
    const enum opening_state opening = opening_state(member);
    const enum unwrap_state unwrap = member->unwrap.state;

    if (member->halted) {
        return;
    }
    opening_pump(member, now, fx);
    unwrap_pump(member, now, fx);
    saves_pump(member, fx);
    rewrap_pump(member, fx);
    key_watch_pump(member, now, fx);
    key_loss_pump(member, fx);
    if (key_loss_waits(member)) {
        clients_pump(member, now, fx); /* who asks for STATUS; whoever says nothing is hung up */
    }
    if (member->is_repairing) {
        feeds_pump(member, now, fx);
        repair_pump(member, now, fx);
        effects_wake_at(fx, feeds_deadline(member));
    }
    if (member->ready) {
        feeds_pump(member, now, fx);
        clients_pump(member, now, fx);
        retention_pump(member, now, fx);
        digester_pump(member, now, fx);
        verifier_pump(member, now, fx);
        scrub_pump(member, now, fx);
        repair_pump(member, now, fx);
        effects_wake_at(fx, feeds_deadline(member));
    } else if (!member->is_repairing && repair_outstanding(member) > 0) {
        repair_pump(member, now, fx);
    }
    effects_wake_at(fx, unwrap_deadline(member));
    if (opening_state(member) != opening || member->unwrap.state != unwrap) {
        effects_wake_at(fx, now);
    }
    if (reads_turn(&member->reads)) {
        effects_wake_at(fx, now);
    }
}

void member_check(const struct member *member)
{
    wal_check(&member->wal);
    feeds_check(member);
    CHECK(member->ship_limit <= member->wal.sealed);
    CHECK(member->visible_lsn <= member->commit_lsn);
    CHECK(member->visible_lsn <= member->wal.durable_lsn);
    CHECK(!member->is_writer || !member->ready || member->commit_lsn <= member->wal.durable_lsn);
}

enum role member_role(const struct member *member)
{
    return member->is_writer ? ROLE_PRIMARY : ROLE_REPLICA;
}

static void fill_positions(const struct member *member, struct member_status *status)
{
    const struct wal *wal = &member->wal;

    status->epoch = wal->epoch;
    status->segment = wal->segment;
    status->segment_count = wal->index.count;
    status->segments_max = wal->index.capacity;
    status->first_lsn = wal->index.count == 0 ? 0 : wal->index.rows[0].first_lsn;
    status->appended_lsn = wal->appended_lsn;
    status->durable_lsn = wal->durable_lsn;
    status->committed_lsn = member->commit_lsn;
    status->visible_lsn = member->visible_lsn;
    status->sealed_batch = wal->sealed;
    status->durable_batch = wal->durable;
    status->upstream_lsn = member->upstream_lsn;
}

static void fill_pins(const struct member *member, struct instant now, struct member_status *status)
{
    status->pin_count = member->pins.count;
    for (uint32_t i = 0; i < status->pin_count; i++) {
        pin_status_of(member, &member->pins.list[i], now, &status->pins[i]);
    }
}

/* What the node has to say comes first. */
static void fill_space(const struct member *member, struct member_status *status)
{
    const struct index *index = &member->wal.index;
    const struct retention *retention = &member->retention;
    const unsigned permille = retention_permille(retention);

    status->first_segment = index->count == 0 ? 0 : index->rows[0].segment;
    status->kept_bytes = index->count == 0 ? 0 : index_bytes_from(index, &index->rows[0]);
    status->deleted_segments = retention->deleted;
    status->space_total = retention->space.total_bytes;
    status->space_free = retention->space.free_bytes;
    status->is_full = retention_is_full(member);
    if (member->notice[0] != '\0') {
        snprintf(status->notice, sizeof status->notice, "%s", member->notice);
    } else if (key_loss_waits(member)) {
        key_loss_text(member, status->notice, sizeof status->notice);
    } else if (member->key_trouble.why != OK) {
        snprintf(status->notice, sizeof status->notice, "%s", member->key_trouble.text);
    } else if (retention->level > SPACE_FINE || status->is_full) {
        snprintf(status->notice, sizeof status->notice, "the file system is %u.%u %% full%s",
                 permille / 10, permille % 10,
                 status->is_full ? ": nothing new is taken in until some space is free" : "");
    }
}

static void fill_feeds(const struct member *member, struct instant now,
                       struct member_status *status)
{
    for (uint32_t i = 0; i < member->feeds.capacity; i++) {
        const struct feed *feed = &member->feeds.list[i];

        if (feed->state == FEED_FREE) {
            continue;
        }
        if (status->feed_count < STATUS_FEEDS_MAX) {
            feed_status_of(member, feed, now, &status->feeds[status->feed_count]);
            status->feeds[status->feed_count++].votes = feed->votes;
        }
    }
}

void member_fill_status(const struct member *member, struct instant now,
                        struct member_status *status)
{
    const struct identity *self = &member->settings.self;

    memset(status, 0, sizeof *status);
    status->lineage = member->known ? member->descriptor.lineage : self->lineage;
    status->suite = member->descriptor.suite;
    status->role = member_role(member);
    snprintf(status->deployment, sizeof status->deployment, "%s", self->deployment);
    snprintf(status->region, sizeof status->region, "%s", self->region);
    snprintf(status->member, sizeof status->member, "%s", self->member);
    snprintf(status->cluster, sizeof status->cluster, "%s", member->keyring->cluster);
    snprintf(status->state, sizeof status->state, "%s",
             key_loss_state(member)[0] != '\0' ? key_loss_state(member)
             : member->is_repairing            ? "repairing"
             : retention_is_full(member)       ? "disk-full"
                                               : member->state);
    snprintf(status->key_arn, sizeof status->key_arn, "%s", member->keyring->key_arn);
    if (member->keyring->count > 0) {
        status->dek = member->keyring->envelopes[member->keyring->count - 1].dek;
    }
    status->level = member->level;
    fill_positions(member, status);
    status->appended_records = member->appended_records;
    status->appended_bytes = member->appended_bytes;
    status->shipped_bytes = member->shipped_bytes;
    status->received_bytes = member->received_bytes;
    status->persisted_bytes = member->persisted_bytes;
    status->up_us = instant_since(member->started_at, now).ns / 1000;
    status->lag_us = member->lag_us;
    status->digested_segments = member->digester.digested + member->digester.compared;
    status->lost_lsn = member->lost_lsn;
    status->damaged_segments = member->repair.found + member->digester.alarms;
    status->repaired_segments = member->repair.repaired;
    status->outstanding_segments = repair_outstanding(member);
    repair_text(member, status->repair, sizeof status->repair);
    status->scrubs = member->scrub.passes;
    status->scrubbed_us =
        member->scrub.passes == 0 ? 0 : instant_since(member->scrub.ended_at, now).ns / 1000;
    status->client_count = member->clients.count;
    fill_space(member, status);
    fill_pins(member, now, status);
    fill_feeds(member, now, status);
}
