/* Effects become answers in a queue; fake_run turns each into an event. Disk writes keep their
 * order; while they are held, answers of other kinds overtake them. */
#include "tests/support/fake_world.h"

#include "tests/support/fake_disk.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

static void draw(void *context, void *into, size_t size)
{
    prng_fill(context, into, size);
}

void fake_init(struct fake_world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    world->fx = aligned_alloc(16, sizeof *world->fx);
    world->answers = calloc(FAKE_ANSWERS_MAX, sizeof *world->answers);
    world->messages = calloc(FAKE_MESSAGES_MAX, sizeof *world->messages);
    CHECK(world->fx != NULL && world->answers != NULL && world->messages != NULL);
    prng_seed(&world->dice, seed);
    world->entropy = (struct entropy){draw, &world->dice};
    world->now = (struct instant){1000000};
    world->wake_at = INSTANT_NEVER;
    world->next_link = 1;
    world->events_max = UINT64_MAX;
    effects_clear(world->fx);
}

static void messages_drop(struct fake_world *world)
{
    for (size_t i = 0; i < world->message_count; i++) {
        free(world->messages[i].head);
        free(world->messages[i].tail);
    }
    world->message_count = 0;
}

static void links_drop(struct fake_world *world)
{
    for (unsigned i = 0; i < FAKE_LINKS_MAX; i++) {
        free(world->links[i].head);
        free(world->links[i].tail);
        world->links[i] = (struct fake_link){0};
    }
}

void fake_free(struct fake_world *world)
{
    for (unsigned i = 0; i < STORE_FILES; i++) {
        fake_file_drop(&world->files[i]);
    }
    for (unsigned i = 0; i < FAKE_SEGMENTS_MAX; i++) {
        fake_file_drop(&world->segments[i]);
    }
    fake_file_drop(&world->repair);
    messages_drop(world);
    links_drop(world);
    free(world->messages);
    free(world->answers);
    free(world->fx);
}

/* ---- effects ---- */

static struct fake_answer *answer_add(struct fake_world *world, enum effect_kind kind,
                                      uint64_t ticket)
{
    const size_t slot = (world->answer_first + world->answer_count) % FAKE_ANSWERS_MAX;

    CHECK(world->answer_count < FAKE_ANSWERS_MAX);
    world->answer_count++;
    world->answers[slot] = (struct fake_answer){.kind = kind, .ticket = ticket};
    return &world->answers[slot];
}

static uint8_t *copy_of(struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);

    CHECK(copy != NULL);
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return copy;
}

static void take_send(struct fake_world *world, const struct effect_send *send)
{
    struct fake_message *message = &world->messages[world->message_count++];
    const size_t tail = send->tail[0].size + send->tail[1].size;

    CHECK(world->message_count <= FAKE_MESSAGES_MAX);
    CHECK(send->link < FAKE_LINKS_MAX && !world->links[send->link].hung_up);
    *message = (struct fake_message){.link = send->link,
                                     .type = send->type,
                                     .head = copy_of(send->head),
                                     .head_size = send->head.size,
                                     .tail = malloc(tail + 1),
                                     .tail_size = tail};
    CHECK(message->tail != NULL);
    for (unsigned i = 0, at = 0; i < 2; i++) {
        if (send->tail[i].size > 0) {
            memcpy(message->tail + at, send->tail[i].data, send->tail[i].size);
            at += (unsigned)send->tail[i].size;
        }
    }
}

static void take_keys(struct fake_world *world, const struct effect_keys *keys)
{
    struct fake_answer *answer = answer_add(world, EFFECT_ASK_KEYS, keys->ticket);

    answer->request = keys->request;
    if (keys->request.blob.size > 0) {
        CHECK(keys->request.blob.size <= sizeof answer->blob);
        memcpy(answer->blob, keys->request.blob.data, keys->request.blob.size);
    }
    if (keys->request.plain.size > 0) {
        memcpy(answer->plain, keys->request.plain.data, DEK_BYTES);
    }
    world->keys_asked++;
}

static void take_effect(struct fake_world *world, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_DIAL:
        memcpy(world->dialed, effect->dial.address, sizeof world->dialed);
        world->dials++;
        break;
    case EFFECT_HANG_UP:
        world->links[effect->hang_up.link].hung_up = true;
        world->links[effect->hang_up.link].why = effect->hang_up.why;
        break;
    case EFFECT_SEND:
        take_send(world, &effect->send);
        break;
    case EFFECT_DEFER:
        world->links[effect->link].deferred = true;
        break;
    case EFFECT_RESUME:
        CHECK(world->links[effect->link].deferred);
        world->links[effect->link].resumed = true;
        break;
    case EFFECT_WRITE:
        answer_add(world, EFFECT_WRITE, effect->write.ticket)->write = effect->write.write;
        break;
    case EFFECT_READ:
        answer_add(world, EFFECT_READ, effect->read.ticket)->read = effect->read.read;
        break;
    case EFFECT_ASK_KEYS:
        take_keys(world, effect->keys);
        break;
    case EFFECT_CLAIM:
        answer_add(world, EFFECT_CLAIM, 0)->record = effect->claim->record;
        break;
    case EFFECT_HALT:
        world->halted = true;
        world->halt_why = effect->halt.why;
        snprintf(world->halt_text, sizeof world->halt_text, "%s", effect->halt.text);
        break;
    case EFFECT_SAVE:
    case EFFECT_KINDS:
        UNREACHABLE();
    }
}

void fake_step(struct fake_world *world, struct event *event)
{
    CHECK(world->node != NULL);
    event->now = world->now;
    event->wall_ns = 1700000000000000000u + world->now.ns + (uint64_t)world->wall_skew_ns;
    event->disk_full = world->disk_full;
    world->events++;
    effects_clear(world->fx);
    world->node->step(world->node, event, world->fx);
    world->wake_at = world->fx->wake_at;
    for (unsigned i = 0; i < world->fx->count; i++) {
        take_effect(world, &world->fx->list[i]);
    }
}

/* ---- the disk, the key service, the coordinator ---- */

/* Those behind it that go under the same sync are performed with it. */
static enum status perform_group(struct fake_world *world, const struct fake_answer *first)
{
    const struct fake_disk *disk = world->disk;
    struct fake_answer *group[FAKE_GROUP_MAX];
    unsigned count = 0;
    enum status status = disk->put(disk->context, &first->write);

    for (size_t i = 0; i < world->answer_count && count < FAKE_GROUP_MAX && status == OK; i++) {
        struct fake_answer *next = &world->answers[(world->answer_first + i) % FAKE_ANSWERS_MAX];

        if (next->kind != EFFECT_WRITE) {
            continue;
        }
        if (first->write.op != STORE_APPEND || next->write.op != STORE_APPEND
            || next->write.segment != first->write.segment) {
            break;
        }
        status = disk->put(disk->context, &next->write);
        group[count++] = next;
    }
    status = status == OK ? disk->settle(disk->context) : status;
    for (unsigned i = 0; i < count; i++) {
        group[i]->performed = true;
        group[i]->status = status;
    }
    return status;
}

static void tell_written(struct fake_world *world, const struct fake_answer *answer)
{
    struct event event = {.kind = EVENT_WRITTEN,
                          .written = {.ticket = answer->ticket, .status = world->write_status}};

    if (world->disk != NULL) {
        event.written.status = answer->performed ? answer->status : perform_group(world, answer);
    } else if (world->write_status == OK) {
        fake_apply_write(world, &answer->write);
    }
    fake_step(world, &event);
}

static void tell_read(struct fake_world *world, const struct fake_answer *answer)
{
    const struct fake_file *segment = &world->segments[answer->read.segment];
    const struct bytes part =
        bytes_part(bytes_of(segment->data, segment->size), answer->read.offset, answer->read.size);
    struct event event = {.kind = EVENT_READ,
                          .read = {.ticket = answer->ticket,
                                   .status = segment->exists ? OK : E_MISSING,
                                   .size = part.size}};

    if (world->read_status != OK) {
        event.read.status = world->read_status;
        event.read.size = 0;
    } else if (world->disk != NULL) {
        event.read.status = world->disk->get(world->disk->context, &answer->read, &event.read.size);
    } else if (part.size > 0) {
        memcpy(answer->read.into, part.data, part.size);
    }
    fake_step(world, &event);
}

/* The blob is the context that it was made under, and the key, each byte turned over. */
static size_t wrap(const struct fake_answer *answer, const uint8_t plain[DEK_BYTES],
                   uint8_t blob[256])
{
    const struct keys_context *context = &answer->request.context;
    const int size = snprintf((char *)blob, 200, "%s/%s/%02x%02x/", context->cluster,
                              context->region, context->lineage.bytes[0], context->dek.bytes[0]);

    for (unsigned i = 0; i < DEK_BYTES; i++) {
        blob[size + (int)i] = plain[i] ^ 0xa5;
    }
    return (size_t)size + DEK_BYTES;
}

static enum status unwrap(const struct fake_answer *answer, uint8_t plain[DEK_BYTES])
{
    uint8_t expected[256];
    const uint8_t zeros[DEK_BYTES] = {0};
    const size_t size = wrap(answer, zeros, expected);

    if (answer->request.blob.size != size
        || memcmp(answer->blob, expected, size - DEK_BYTES) != 0) {
        return E_KEY_CIPHERTEXT;
    }
    for (unsigned i = 0; i < DEK_BYTES; i++) {
        plain[i] = answer->blob[size - DEK_BYTES + i] ^ 0xa5;
    }
    return OK;
}

static void tell_keys(struct fake_world *world, const struct fake_answer *answer)
{
    const char *no = world->keys_say != NULL ? world->keys_say : "it says no";
    const enum status status =
        world->keys_refuse_once != OK ? world->keys_refuse_once : world->keys_status;
    struct event event = {.kind = EVENT_KEYS,
                          .keys = {.ticket = answer->ticket,
                                   .status = status,
                                   .answer = {.why = status == OK ? "" : no}}};
    uint8_t blob[256], plain[DEK_BYTES];
    size_t size = 0;

    world->keys_refuse_once = OK;
    memcpy(plain, answer->plain, sizeof plain);
    if (event.keys.status == OK && answer->request.op == KEYS_UNWRAP) {
        /* Any name is the one key's, but for one. */
        event.keys.status =
            strstr(answer->request.key, "other") != NULL ? E_KEY_CIPHERTEXT : unwrap(answer, plain);
    } else if (event.keys.status == OK) {
        if (answer->request.op == KEYS_REWRAP) {
            event.keys.status = unwrap(answer, plain);
        }
        if (answer->request.op == KEYS_GENERATE) {
            prng_fill(&world->dice, plain, sizeof plain);
        }
        size = wrap(answer, plain, blob);
    }
    snprintf(event.keys.answer.key_arn, sizeof event.keys.answer.key_arn,
             "arn:aws:kms:%s:111122223333:key/0000", answer->request.region);
    event.keys.answer.blob = bytes_of(blob, size);
    event.keys.answer.plain = answer->request.op == KEYS_WRAP || answer->request.op == KEYS_REWRAP
                                  ? bytes_none()
                                  : bytes_of(plain, sizeof plain);
    fake_step(world, &event);
}

static void tell_claimed(struct fake_world *world, const struct fake_answer *answer)
{
    struct event event = {.kind = EVENT_CLAIMED, .claimed = {.status = world->claim_status}};

    if (world->claim_status == OK && !id_is_zero(&answer->record.lineage)) {
        if (answer->record.version == world->record.version) {
            world->record = answer->record;
            world->record.version++;
        } else {
            event.claimed.status = E_CLAIM_LOST;
        }
    }
    event.claimed.record = world->record;
    fake_step(world, &event);
}

static void tell(struct fake_world *world, const struct fake_answer *answer)
{
    if (answer->kind == EFFECT_WRITE) {
        tell_written(world, answer);
    } else if (answer->kind == EFFECT_READ) {
        tell_read(world, answer);
    } else if (answer->kind == EFFECT_ASK_KEYS) {
        tell_keys(world, answer);
    } else {
        tell_claimed(world, answer);
    }
}

/* The oldest that may be told; writes only while they are not held. */
static bool next_answer(struct fake_world *world, struct fake_answer *answer)
{
    for (size_t i = 0; i < world->answer_count; i++) {
        const size_t slot = (world->answer_first + i) % FAKE_ANSWERS_MAX;

        if ((world->hold_writes && world->answers[slot].kind == EFFECT_WRITE)
            || (world->hold_reads && world->answers[slot].kind == EFFECT_READ)) {
            continue;
        }
        *answer = world->answers[slot];
        for (size_t j = i; j > 0; j--) {
            world->answers[(world->answer_first + j) % FAKE_ANSWERS_MAX] =
                world->answers[(world->answer_first + j - 1) % FAKE_ANSWERS_MAX];
        }
        world->answer_first = (world->answer_first + 1) % FAKE_ANSWERS_MAX;
        world->answer_count--;
        return true;
    }
    return false;
}

static void deliver(struct fake_world *world, link_t link)
{
    struct fake_link *at = &world->links[link];
    struct event event = {.kind = EVENT_MESSAGE,
                          .message = {.link = link,
                                      .message = {.type = at->type,
                                                  .head = bytes_of(at->head, at->head_size),
                                                  .tail = bytes_of(at->tail, at->tail_size)}}};

    at->deferred = at->resumed = false;
    fake_step(world, &event);
}

static bool deliver_resumed(struct fake_world *world)
{
    for (link_t link = 1; link < world->next_link; link++) {
        if (world->links[link].deferred && world->links[link].resumed
            && !world->links[link].hung_up) {
            deliver(world, link);
            return true;
        }
    }
    return false;
}

static bool run_one(struct fake_world *world)
{
    struct event timer = {.kind = EVENT_TIMER};
    struct fake_answer answer;

    if (deliver_resumed(world)) {
        return true;
    }
    if (next_answer(world, &answer)) {
        tell(world, &answer);
        return true;
    }
    if (instant_reached(world->wake_at, world->now)) {
        fake_step(world, &timer);
        return true;
    }
    return false;
}

bool fake_run(struct fake_world *world)
{
    bool more = true;

    while (more && !world->halted) {
        if (world->events >= world->events_max) {
            return false;
        }
        more = run_one(world);
    }
    return true;
}

void fake_advance(struct fake_world *world, struct span span)
{
    const struct instant until = instant_add(world->now, span);

    fake_run(world);
    while (!world->halted && instant_reached(world->wake_at, until)) {
        world->now = world->wake_at.ns > world->now.ns ? world->wake_at : world->now;
        fake_run(world);
    }
    world->now = until;
    if (!world->halted) {
        fake_run(world);
    }
}

/* ---- life and death ---- */

void fake_start(struct fake_world *world, struct node *node)
{
    segment_t segments[FAKE_SEGMENTS_MAX];
    struct event event = {.kind = EVENT_START, .start = {.segments = segments}};

    world->node = node;
    world->halted = false;
    world->wake_at = INSTANT_NEVER;
    for (unsigned i = 0; i < STORE_FILES; i++) {
        event.start.files[i] = bytes_of(world->files[i].data, world->files[i].size);
    }
    for (unsigned i = 0; i < FAKE_SEGMENTS_MAX; i++) {
        if (world->segments[i].exists) {
            segments[event.start.segment_count++] = i;
        }
    }
    if (world->disk != NULL) {
        event.start = *world->disk->inventory;
    }
    fake_step(world, &event);
}

void fake_settle(struct fake_world *world)
{
    struct fake_answer answer;

    CHECK(world->halted);
    while (next_answer(world, &answer)) {
        if (answer.kind == EFFECT_WRITE) {
            fake_apply_write(world, &answer.write);
        }
    }
}

static void tear(struct fake_world *world)
{
    for (size_t i = 0; i < world->answer_count; i++) {
        const struct store_write *write =
            &world->answers[(world->answer_first + i) % FAKE_ANSWERS_MAX].write;

        if (world->answers[(world->answer_first + i) % FAKE_ANSWERS_MAX].kind != EFFECT_WRITE
            || write->op != STORE_APPEND || !world->segments[write->segment].exists) {
            continue;
        }
        fake_file_put(&world->segments[write->segment], write->offset,
                      bytes_of(write->data.data, write->data.size / 2));
        return;
    }
}

void fake_crash(struct fake_world *world, bool torn)
{
    if (torn) {
        tear(world);
    }
    world->answer_first = world->answer_count = 0;
    fake_file_drop(&world->repair);
    world->node = NULL;
    world->halted = false;
    world->hold_writes = world->hold_reads = false;
    world->next_link = 1;
    messages_drop(world);
    links_drop(world);
}

void fake_stop(struct fake_world *world)
{
    struct event event = {.kind = EVENT_STOP};

    fake_step(world, &event);
    fake_run(world);
}

/* ---- links ---- */

link_t fake_link_up(struct fake_world *world, const struct identity *peer, bool dialed)
{
    const link_t link = world->next_link++;
    struct event event = {.kind = EVENT_LINK_UP,
                          .link = {.link = link, .dialed = dialed, .peer = *peer}};

    CHECK(link < FAKE_LINKS_MAX);
    memset(event.link.exporter, 0x5e, sizeof event.link.exporter);
    fake_step(world, &event);
    return link;
}

static void link_goes_down(struct fake_world *world, link_t link, enum status why)
{
    struct event event = {.kind = EVENT_LINK_DOWN, .link = {.link = link, .why = why}};

    world->links[link].hung_up = true;
    fake_step(world, &event);
}

void fake_link_down(struct fake_world *world, link_t link)
{
    link_goes_down(world, link, E_CLOSED);
}

void fake_link_age(struct fake_world *world, link_t link)
{
    link_goes_down(world, link, E_AGED);
}

void fake_send(struct fake_world *world, link_t link, unsigned type, struct bytes head,
               struct bytes tail)
{
    struct fake_link *at = &world->links[link];

    CHECK(!at->deferred && !at->hung_up);
    free(at->head);
    free(at->tail);
    at->type = type;
    at->head = copy_of(head);
    at->head_size = head.size;
    at->tail = copy_of(tail);
    at->tail_size = tail.size;
    deliver(world, link);
}

struct fake_message *fake_take(struct fake_world *world, link_t link, unsigned type)
{
    for (size_t i = 0; i < world->message_count; i++) {
        struct fake_message *message = &world->messages[i];

        if (!message->taken && message->link == link && message->type == type) {
            message->taken = true;
            return message;
        }
    }
    return NULL;
}
