/* The node: requests wait in a ring for their transactions, and leave in the order they came.
 *
 * MESSAGE: kms_serve makes answer, audit row and change; a SAVE takes rows to the catalog; the
 * answer stays in its slot. SAVED: the change is put into the tables, and the answer leaves. At the
 * next step its slot is wiped and free. While a change is under way, further requests are deferred:
 * so no request is ever decided by a state that could still be taken back, and a failed SAVE needs
 * no undo.
 *
 * A failed SAVE: the answer becomes an internal error, the change is dropped, and further requests
 * wait until nothing is under way; then numbers and chain of the audit go on from what is durable.
 * A row that cannot be read at START, or that the root key does not open, halts the node with a
 * sentence that says which. */
#include "keys/kms.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/ring.h"
#include "keys/kms_house.h"
#include "keys/kms_serve.h"
#include "node/effects.h"

enum {
    PENDING_MAX_DEFAULT = 64,
    LINKS_MAX_DEFAULT = 1024,
    RESUME_MAX = 32, /* a step; each comes back as one message */
    SAVE_ROWS_MAX = 1 + CHANGE_ROWS_MAX,
    HOUSE_PERIOD_S = 60,
    HOUSE_RETRY_S = 1,
    WALL_JUMP_S_MAX = 3600,
    POOL_BYTES_DEFAULT = 32 << 20, /* a thousand of the largest policies */
};

struct pending {
    link_t link; /* 0: it went down meanwhile, or nobody asked */
    struct audit_chain chain; /* up to its audit row */
    bool changes;
    struct kms_answer answer;
};

struct kms {
    struct node node;
    struct kms_settings settings;
    struct key_sealer sealer;
    struct key_table table;
    struct json_arena json;
    struct policy_cache policies;
    struct pending *pending;
    struct ring ring;
    uint64_t unsaved; /* the oldest place whose SAVED has not come; before it, answers have left */
    bool changing;
    struct kms_change change;
    link_t *deferred;
    size_t deferred_count;
    struct audit_chain given; /* the audit up to the row that was made last */
    struct audit_chain durable; /* and up to the last that is durable */
    bool failing; /* a SAVE has failed, and so will those that are under way */
    struct instant house_at; /* when to look for what falls due by itself */
    struct instant started_at;
    uint64_t started_wall_ns;
    bool stopping;
    bool halted;
    struct kms_status counts;
};

void kms_settings_default(struct kms_settings *settings)
{
    *settings = (struct kms_settings){
        .keys_max = 4096,
        .aliases_max = 4096,
        .versions_max = 16384,
        .grants_max = 8192,
        .pool_bytes = POOL_BYTES_DEFAULT,
        .pending_max = PENDING_MAX_DEFAULT,
        .links_max = LINKS_MAX_DEFAULT,
    };
}

static struct key_table_settings table_settings(const struct kms_settings *settings)
{
    return (struct key_table_settings){.keys_max = settings->keys_max,
                                       .versions_max = settings->versions_max,
                                       .aliases_max = settings->aliases_max,
                                       .grants_max = settings->grants_max,
                                       .pool_bytes = settings->pool_bytes};
}

size_t kms_memory_bytes(const struct kms_settings *settings)
{
    const size_t slot = sizeof(struct pending) + KMS_REPLY_BYTES_MAX;
    const struct key_table_settings table = table_settings(settings);

    return arena_need(sizeof(struct kms), 64) + key_table_memory_bytes(&table)
           + arena_need(settings->pending_max * slot, 128)
           + arena_need(settings->links_max * sizeof(link_t), 64) + arena_need(JSON_ARENA_BYTES, 64)
           + arena_need(CHANGE_ROOM_BYTES, 64) + policy_cache_memory_bytes();
}

static void kms_step(struct node *node, const struct event *event, struct effects *fx);

struct node *kms_create(const struct kms_settings *settings, const struct secret *root,
                        struct arena *arena)
{
    struct kms *kms = arena_take(arena, sizeof *kms, _Alignof(struct kms));

    *kms = (struct kms){.node = {kms_step}, .settings = *settings};
    key_sealer_init(&kms->sealer, root, &settings->entropy);

    const struct key_table_settings table = table_settings(settings);

    key_table_init(&kms->table, &table, arena);
    kms->json = (struct json_arena){.base = arena_take(arena, JSON_ARENA_BYTES, 16),
                                    .size = JSON_ARENA_BYTES};
    policy_cache_init(&kms->policies, arena);
    kms->ring = ring_of(settings->pending_max);
    kms->pending = ARENA_ARRAY(arena, struct pending, settings->pending_max);
    for (uint32_t i = 0; i < settings->pending_max; i++) {
        kms->pending[i].answer.body = arena_take(arena, KMS_REPLY_BYTES_MAX, 1);
    }
    kms->deferred = ARENA_ARRAY(arena, link_t, settings->links_max);
    kms->change.room = arena_take(arena, CHANGE_ROOM_BYTES, 16);
    return &kms->node;
}

void kms_destroy(struct node *node)
{
    struct kms *kms = (struct kms *)node;

    for (uint32_t i = 0; i < kms->settings.pending_max; i++) {
        secret_wipe_memory(kms->pending[i].answer.body, KMS_REPLY_BYTES_MAX);
    }
    key_sealer_drop(&kms->sealer);
}

void kms_status(const struct node *node, struct kms_status *status)
{
    const struct kms *kms = (const struct kms *)node;

    *status = kms->counts;
    status->keys = kms->table.keys.count;
    status->aliases = kms->table.aliases.count;
    status->grants = kms->table.grants.count;
    status->audit_rows = kms->durable.number;
}

static void kms_halt(struct kms *kms, struct effects *fx, enum status why, const char *what,
                     const char *row)
{
    kms->halted = true;
    effects_halt(fx, why, "%s %s: %s", what, row, status_text(why));
}

/* Rows come one by one: each is staged as a change would be, and put. */
static enum status decode_row(struct kms *kms, const struct save_row *row)
{
    struct kms_change *change = &kms->change;

    change_reset(change);
    if (strcmp(row->table, "kms_key") == 0) {
        change->key_verb = CHANGE_PUT;
        return key_row_decode(&change->key, kms->settings.region, row->value);
    }
    if (strcmp(row->table, "kms_version") == 0) {
        change->version_verb = CHANGE_PUT;
        return version_row_decode(&change->version, row->key, row->value);
    }
    if (strcmp(row->table, "kms_alias") == 0) {
        change->alias_verb = CHANGE_PUT;
        return alias_row_decode(&change->alias, row->value);
    }
    if (strcmp(row->table, "kms_grant") == 0) {
        change->grant_verb = CHANGE_PUT;
        return grant_row_decode(&change->grant, row->value);
    }
    return E_MALFORMED;
}

/* The root key must open every version. */
static enum status check_material(struct kms *kms)
{
    const struct kms_change *change = &kms->change;
    char arn[ARN_TEXT_MAX], account[KMS_ACCOUNT_TEXT_MAX], id[KEY_ID_TEXT_MAX];

    if (change->key_verb == CHANGE_PUT) {
        arn_format_key(kms->settings.region, change->key.account, change->key.id, arn);
        return key_material_check(&kms->sealer, &change->key.material, arn);
    }
    if (change->version_verb == CHANGE_PUT) {
        TRY(key_table_split_name(change->version.name, account, id));
        arn_format_key(kms->settings.region, account, id, arn);
        return key_material_check(&kms->sealer, &change->version.material, arn);
    }
    return OK;
}

static enum status load_entry(struct kms *kms, const struct save_row *row)
{
    TRY(decode_row(kms, row));
    TRY(check_material(kms));
    if (!change_has_room(&kms->change, &kms->table)) {
        return E_FULL;
    }
    change_apply(&kms->change, &kms->table);
    return OK;
}

static enum status load_row(struct kms *kms, const struct save_row *row)
{
    uint64_t number;

    if (strcmp(row->table, "audit") != 0) {
        return load_entry(kms, row);
    }
    TRY(audit_key_parse(row->key, &number));
    audit_chain_set(&kms->given, number, row->value);
    kms->durable = kms->given;
    return OK;
}

/* Where the chain of the audit ends: whoever keeps the traces elsewhere has an anchor for it. */
static void trace_chain(const struct kms *kms, const char *what)
{
    char head[2 * sizeof kms->durable.digest.bytes + 1];

    hex_encode(bytes_of(kms->durable.digest.bytes, sizeof kms->durable.digest.bytes), head);
    trace_event(&kms->settings.trace, "%s region=%s keys=%zu aliases=%zu audit=%llu head=%s", what,
                kms->settings.region, kms->table.keys.count, kms->table.aliases.count,
                (unsigned long long)kms->durable.number, head);
}

static void kms_on_start(struct kms *kms, const struct event_rows *start, struct effects *fx)
{
    for (size_t i = 0; i < start->row_count; i++) {
        const enum status status = load_row(kms, &start->rows[i]);

        if (status != OK) {
            kms_halt(kms, fx, status, "cannot read the stored row", start->rows[i].key);
            return;
        }
    }
    trace_chain(kms, "kms_started");
}

static bool kms_has_room(const struct kms *kms)
{
    return !kms->changing && !kms->failing && !ring_is_full(&kms->ring);
}

static void kms_defer(struct kms *kms, link_t link, struct effects *fx)
{
    CHECK(kms->deferred_count < kms->settings.links_max);
    kms->deferred[kms->deferred_count++] = link;
    effects_defer(fx, link);
}

static void kms_resume(struct kms *kms, struct effects *fx)
{
    const size_t count = kms->deferred_count < RESUME_MAX ? kms->deferred_count : RESUME_MAX;

    for (size_t i = 0; i < count; i++) {
        effects_resume(fx, kms->deferred[i]);
    }
    kms->deferred_count -= count;
    memmove(kms->deferred, kms->deferred + count, kms->deferred_count * sizeof *kms->deferred);
}

static void kms_save(struct kms *kms, uint64_t place, struct bytes audit_row, struct effects *fx)
{
    struct pending *pending = &kms->pending[ring_slot(&kms->ring, place)];
    struct save_row rows[SAVE_ROWS_MAX];
    char *number = effects_scratch(fx, AUDIT_KEY_TEXT_MAX);

    audit_chain_set(&kms->given, kms->given.number + 1, audit_row);
    pending->chain = kms->given;
    audit_key_format(kms->given.number, number);
    rows[0] = (struct save_row){"audit", number, audit_row};

    const size_t count = change_rows(&kms->change, kms->settings.region, rows + 1, fx);

    pending->changes = !change_is_empty(&kms->change);
    kms->changing = pending->changes;
    effects_save(fx, place, rows, 1 + count);
}

static void send_answer(const struct pending *pending, struct effects *fx)
{
    uint8_t *head = effects_scratch(fx, KMS_REPLY_HEAD_MAX);

    if (pending->link != 0) {
        effects_send_tail(fx, pending->link, KMS_MESSAGE_REPLY,
                          kms_reply_encode(&pending->answer.head, head),
                          bytes_of(pending->answer.body, pending->answer.body_size), bytes_none());
    }
}

/* No operation's name has other bytes, and the audit's JSON cannot hold them: the refusal of what a
 * caller made of them must be written down too. */
static void clean_operation(char *operation)
{
    for (; *operation != '\0'; operation++) {
        *operation = (unsigned char)*operation < 0x80 ? *operation : '?';
    }
}

static void kms_on_message(struct kms *kms, const struct event *event, struct effects *fx)
{
    const struct event_message *message = &event->message;
    struct kms_request request;

    if (!kms_has_room(kms)) {
        kms_defer(kms, message->link, fx);
        return;
    }
    if (message->message.type != KMS_MESSAGE_REQUEST
        || kms_request_decode(&request, message->message.head) != OK) {
        effects_hang_up(fx, message->link, E_PROTOCOL);
        return;
    }

    clean_operation(request.operation);

    const uint64_t place = kms->ring.tail;
    struct pending *pending = &kms->pending[ring_push(&kms->ring)];
    struct kms_call call = {.settings = &kms->settings,
                            .table = &kms->table,
                            .sealer = &kms->sealer,
                            .policies = &kms->policies,
                            .request = &request,
                            .wall_ns = event->wall_ns,
                            .change = &kms->change};
    uint8_t *audit_room = effects_scratch(fx, AUDIT_BYTES_MAX);
    struct bytes audit_row;

    change_reset(&kms->change);
    pending->link = message->link;
    json_arena_enter(&kms->json);
    if (!kms_serve(&call, message->message.tail, &pending->answer)
        || audit_encode(&call, &kms->given, audit_room, &audit_row) != OK) {
        /* Not even its refusal can be written down: nothing is saved, so nothing is used. */
        change_reset(&kms->change);
        kms_answer_internal(&pending->answer);
        audit_row = audit_encode_internal(&kms->given, audit_room);
    }
    json_arena_leave(&kms->json);
    kms->counts.answered += call.error == KMS_NO_ERROR;
    kms->counts.refused += call.error != KMS_NO_ERROR;
    kms_save(kms, place, audit_row, fx);
}

static void kms_on_saved(struct kms *kms, const struct event_saved *saved, struct effects *fx)
{
    CHECK(saved->ticket == kms->unsaved);

    struct pending *pending = &kms->pending[ring_slot(&kms->ring, kms->unsaved++)];

    if (saved->status == OK) {
        kms->durable = pending->chain;
        if (pending->changes) {
            change_apply(&kms->change, &kms->table);
        }
    } else {
        trace_event(&kms->settings.trace, "kms_audit_failed number=%llu why=%s",
                    (unsigned long long)pending->chain.number, status_name(saved->status));
        secret_wipe_memory(pending->answer.body, pending->answer.body_size);
        kms_answer_internal(&pending->answer);
        kms->counts.failed++;
        kms->failing = true;
    }
    kms->changing = kms->changing && !pending->changes;
    if (kms->unsaved == kms->ring.tail) {
        kms->given = kms->durable; /* numbers that failed are given again */
        kms->failing = false;
    }
    send_answer(pending, fx);
}

static void kms_on_link_down(struct kms *kms, link_t link)
{
    size_t kept = 0;

    for (uint64_t place = kms->unsaved; place < kms->ring.tail; place++) {
        struct pending *pending = &kms->pending[ring_slot(&kms->ring, place)];

        pending->link = pending->link == link ? 0 : pending->link;
    }
    for (size_t i = 0; i < kms->deferred_count; i++) {
        kms->deferred[kept] = kms->deferred[i];
        kept += kms->deferred[i] != link;
    }
    kms->deferred_count = kept;
}

/* A wall clock that jumps ahead while we run is not believed for more than an hour: it must not end
 * a key years before its time. */
static uint64_t believed_wall(const struct kms *kms, const struct event *event)
{
    const uint64_t expected = kms->started_wall_ns + instant_since(kms->started_at, event->now).ns;
    const uint64_t most = expected + WALL_JUMP_S_MAX * 1000000000ull;

    return event->wall_ns < most ? event->wall_ns : most;
}

static void house_save(struct kms *kms, struct kms_call *call, struct effects *fx)
{
    const uint64_t place = kms->ring.tail;
    struct pending *pending = &kms->pending[ring_push(&kms->ring)];
    struct bytes audit_row;

    json_arena_enter(&kms->json);

    const enum status status =
        audit_encode(call, &kms->given, effects_scratch(fx, AUDIT_BYTES_MAX), &audit_row);

    json_arena_leave(&kms->json);
    CHECK(status == OK); /* it holds nothing that a caller chose */
    pending->link = 0;
    kms_save(kms, place, audit_row, fx);
}

static void kms_on_timer(struct kms *kms, const struct event *event, struct effects *fx)
{
    struct kms_request request;
    struct kms_call call = {.settings = &kms->settings,
                            .table = &kms->table,
                            .sealer = &kms->sealer,
                            .policies = &kms->policies,
                            .request = &request,
                            .wall_ns = believed_wall(kms, event),
                            .change = &kms->change};

    if (!instant_reached(kms->house_at, event->now) || kms->halted || kms->stopping) {
        return;
    }
    kms->house_at = instant_add(event->now, SPAN_S(HOUSE_RETRY_S));
    if (!kms_has_room(kms)) {
        return;
    }
    change_reset(&kms->change);
    if (house_stage(&call, &request)) {
        house_save(kms, &call, fx);
    } else {
        kms->house_at = instant_add(event->now, SPAN_S(HOUSE_PERIOD_S));
    }
}

/* The world has consumed what the last step sent. */
static void kms_forget_sent(struct kms *kms)
{
    while (kms->ring.head < kms->unsaved) {
        struct pending *pending = &kms->pending[ring_pop(&kms->ring)];

        secret_wipe_memory(pending->answer.body, pending->answer.body_size);
        pending->answer.body_size = 0;
    }
}

static void kms_pump(struct kms *kms, struct effects *fx)
{
    if (kms_has_room(kms) && kms->deferred_count > 0) {
        kms_resume(kms, fx);
    }
    if (kms_has_room(kms) && kms->deferred_count > 0 && kms->unsaved == kms->ring.tail) {
        effects_wake_at(fx, (struct instant){0}); /* nothing else would wake us for the rest */
    }
    if (!kms->halted && !kms->stopping) {
        effects_wake_at(fx, kms->house_at);
    }
    if (kms->stopping && !kms->halted && kms->unsaved == kms->ring.tail
        && kms->deferred_count == 0) {
        kms->halted = true;
        trace_chain(kms, "kms_stopped");
        effects_halt(fx, OK, "stopped as asked");
    }
}

static void kms_check(const struct kms *kms)
{
    CHECK(kms->ring.head <= kms->unsaved && kms->unsaved <= kms->ring.tail);
    CHECK(kms->durable.number <= kms->given.number);
    CHECK(!kms->changing || kms->unsaved < kms->ring.tail);
}

static void kms_step(struct node *node, const struct event *event, struct effects *fx)
{
    struct kms *kms = (struct kms *)node;

    kms_forget_sent(kms);
    switch (event->kind) {
    case EVENT_START:
        kms->started_at = kms->house_at = event->now;
        kms->started_wall_ns = event->wall_ns;
        kms_on_start(kms, &event->start_rows, fx);
        break;
    case EVENT_MESSAGE:
        kms_on_message(kms, event, fx);
        break;
    case EVENT_SAVED:
        kms_on_saved(kms, &event->saved, fx);
        break;
    case EVENT_LINK_DOWN:
        kms_on_link_down(kms, event->link.link);
        break;
    case EVENT_STOP:
        kms->stopping = true;
        break;
    case EVENT_TIMER:
        kms_on_timer(kms, event, fx);
        break;
    case EVENT_LINK_UP:
        break;
    case EVENT_WRITTEN:
    case EVENT_READ:
    case EVENT_KEYS:
    case EVENT_CLAIMED:
    case EVENT_SPACE:
    case EVENT_KINDS:
        UNREACHABLE();
    }
    kms_pump(kms, fx);
    kms_check(kms);
}
