/* The worlds run in turn until none has anything to answer; in between, what one has sent is handed
 * to the other, link by link, in order. */
#include "tests/support/fake_pair.h"

#include "base/check.h"
#include "proto/promote.h"
#include "wal/batch.h"
#include "wal/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static const struct id lineage = {{7, 7, 7, 1}};

/* With PAIR_TRACE in the environment, what the nodes have to tell is printed. */
static void trace_line(void *context, const char *line)
{
    fprintf(stderr, "%p %s\n", context, line);
}

static void tiny(struct member_settings *settings, struct fake_world *world)
{
    settings->window_bytes = 256 << 10;
    settings->window_batches = 64;
    settings->segment_bytes = 64 << 10;
    settings->segments_max = 200;
    settings->batch_bytes = 8 << 10;
    settings->record_bytes_max = 64 << 10;
    settings->producers_max = 16;
    settings->feeds_max = 3;
    settings->clients_max = 4;
    settings->feed_window_bytes = 128 << 10;
    settings->reads_max = 3;
    settings->read_bytes = 16 << 10;
    settings->entropy = world->entropy;
    if (getenv("PAIR_TRACE") != NULL) {
        settings->trace = (struct trace){trace_line, world};
    }
}

static void identity_set(struct identity *identity, const char *region, enum role role,
                         const char *member)
{
    *identity = (struct identity){.lineage = lineage, .role = role};
    snprintf(identity->deployment, sizeof identity->deployment, "test");
    snprintf(identity->region, sizeof identity->region, "%s", region);
    snprintf(identity->member, sizeof identity->member, "%s", member);
}

void pair_init(struct pair *pair, bool encrypted, uint64_t seed)
{
    struct pair_member *first = &pair->members[0];

    memset(pair, 0, sizeof *pair);
    pair->count = 1;
    fake_init(&first->world, seed);
    identity_set(&first->self, "us-east-1", ROLE_PRIMARY, "alpha");
    first->is_primary = true;
    primary_settings_default(&first->primary);
    tiny(&first->primary.member, &first->world);
    first->primary.member.self = first->self;
    first->primary.member.encrypted = encrypted ? WISH_YES : WISH_NO;
    first->primary.pending_max = 256; /* the usual 65,536 take longer to list than a start does */
    first->primary.create = true;
    snprintf(first->primary.member.key, KEY_ARN_TEXT_MAX, "%s",
             encrypted ? "arn:aws:kms:us-east-1:111122223333:key/0000" : "");
}

unsigned pair_add_replica(struct pair *pair, unsigned upstream, const char *region, const char *key)
{
    const unsigned number = pair->count++;
    struct pair_member *member = &pair->members[number];
    char name[16];

    CHECK(number < PAIR_MEMBERS_MAX);
    snprintf(name, sizeof name, "beta%u", number);
    fake_init(&member->world, 1000 + number);
    identity_set(&member->self, region, ROLE_REPLICA, name);
    member->upstream = upstream;
    replica_settings_default(&member->replica);
    tiny(&member->replica.member, &member->world);
    member->replica.member.self = member->self;
    snprintf(member->replica.member.key, KEY_ARN_TEXT_MAX, "%s", key);
    member->replica.upstream_count = 1;
    snprintf(member->replica.upstreams[0], ADDRESS_TEXT_MAX, "upstream:1");
    return number;
}

/* Zeroed, aligned, and not touched before it is used. */
static void *block_for(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(block != MAP_FAILED);
    return block;
}

void pair_start(struct pair *pair, unsigned number)
{
    struct pair_member *member = &pair->members[number];
    const size_t size = member->is_primary ? primary_memory_bytes(&member->primary)
                                           : replica_memory_bytes(&member->replica);

    member->block = block_for(size);
    member->block_bytes = size;
    struct arena arena = arena_of(member->block, size);
    struct node *node = member->is_primary ? primary_create(&member->primary, &arena)
                                           : replica_create(&member->replica, &arena);

    member->up = true;
    member->dials_seen = member->world.dials;
    fake_start(&member->world, node);
}

static void node_destroy(struct pair_member *member, struct node *node)
{
    if (member->is_primary) {
        primary_destroy(node);
    } else {
        replica_destroy(node);
    }
    munmap(member->block, member->block_bytes);
    member->up = false;
}

static void link_end(struct pair *pair, unsigned number, bool tell_caller, bool tell_called)
{
    struct pair_member *caller = &pair->members[number];
    struct pair_member *called = &pair->members[caller->peer];
    const link_t link = caller->link, peer_link = caller->peer_link;

    if (link == 0) {
        return;
    }
    caller->link = caller->peer_link = 0;
    if (tell_caller && caller->up && !caller->world.halted) {
        fake_link_down(&caller->world, link);
    }
    if (tell_called && called->up && !called->world.halted) {
        fake_link_down(&called->world, peer_link);
    }
}

void pair_crash(struct pair *pair, unsigned number)
{
    struct pair_member *member = &pair->members[number];
    struct node *node = member->world.node;

    CHECK(member->up);
    for (unsigned i = 0; i < pair->count; i++) {
        if (i == number || pair->members[i].peer == number) {
            link_end(pair, i, i != number, i == number);
        }
    }
    fake_crash(&member->world, false);
    node_destroy(member, node);
    if (number == pair->writer) {
        pair->client = 0;
    }
}

void pair_free(struct pair *pair)
{
    for (unsigned i = 0; i < pair->count; i++) {
        if (pair->members[i].up) {
            node_destroy(&pair->members[i], pair->members[i].world.node);
        }
        fake_free(&pair->members[i].world);
    }
}

void pair_cut(struct pair *pair, unsigned number)
{
    pair->cut[number] = true;
    link_end(pair, number, true, true);
}

void pair_age(struct pair *pair, unsigned number)
{
    struct pair_member *caller = &pair->members[number];
    const link_t link = caller->link;

    CHECK(link != 0);
    link_end(pair, number, false, true);
    fake_link_age(&caller->world, link);
}

void pair_heal(struct pair *pair, unsigned number)
{
    pair->cut[number] = false;
}

/* ---- carrying ---- */

static void dial(struct pair *pair, unsigned number)
{
    struct pair_member *caller = &pair->members[number];
    const bool first = strcmp(caller->world.dialed, "second:1") != 0;
    const unsigned number_called = first ? caller->upstream : caller->second;
    struct pair_member *called = &pair->members[number_called];
    struct event failed = {.kind = EVENT_LINK_DOWN, .link = {.why = E_UNREACHABLE}};

    caller->dials_seen = caller->world.dials;
    if (pair->cut[number] || !called->up || called->world.halted) {
        fake_step(&caller->world, &failed);
        return;
    }
    caller->peer = number_called;
    caller->peer_link = called->world.next_link;
    caller->link = caller->world.next_link;
    (void)fake_link_up(&called->world, &caller->self, false);
    (void)fake_link_up(&caller->world, &called->self, true);
}

static struct fake_message *oldest(struct fake_world *world, link_t link)
{
    for (size_t i = 0; i < world->message_count; i++) {
        if (!world->messages[i].taken && world->messages[i].link == link) {
            return &world->messages[i];
        }
    }
    return NULL;
}

/* So that long runs fit: what was taken is freed once nothing is left to take. */
static void compact(struct fake_world *world)
{
    for (size_t i = 0; i < world->message_count; i++) {
        if (!world->messages[i].taken) {
            return;
        }
    }
    for (size_t i = 0; i < world->message_count; i++) {
        free(world->messages[i].head);
        free(world->messages[i].tail);
    }
    world->message_count = 0;
}

static void note(struct pair *pair, const struct fake_message *message)
{
    static uint8_t memory[65536];
    struct proto_scratch scratch = {.memory = memory, .size = sizeof memory};

    pair->carried[message->type]++;
    if (message->type == MESSAGE_BYE
        && bye_decode(&pair->last_bye, fake_head(message), &scratch) != OK) {
        CHECK(false);
    }
}

/* One message from `from` to `to`; true where there was one. */
static bool carry(struct pair *pair, unsigned from, link_t link, unsigned to, link_t other)
{
    struct fake_world *target = &pair->members[to].world;
    struct fake_message *message = oldest(&pair->members[from].world, link);

    if (message == NULL || target->links[other].deferred) {
        return false;
    }
    struct pair_message said = {.from = from, .to = to, .message = message};

    message->taken = true;
    note(pair, message);
    if (pair->watch != NULL) {
        pair->watch(pair->context, &said);
    }
    if (!said.drop && !target->links[other].hung_up && !target->halted) {
        fake_send(target, other, message->type, fake_head(message), fake_tail(message));
    }
    return true;
}

static bool carry_link(struct pair *pair, unsigned number)
{
    struct pair_member *caller = &pair->members[number];
    const link_t link = caller->link, peer_link = caller->peer_link;

    if (link == 0) {
        return false;
    }
    const bool there = carry(pair, number, link, caller->peer, peer_link);
    const bool back = caller->link == link && carry(pair, caller->peer, peer_link, number, link);

    if (there || back || caller->link != link) {
        return true;
    }
    const bool by_caller = caller->world.links[link].hung_up;
    const bool by_called = pair->members[caller->peer].world.links[peer_link].hung_up;

    if (by_caller || by_called) {
        link_end(pair, number, !by_caller, !by_called);
        return true;
    }
    return false;
}

static bool run_member(struct pair *pair, unsigned number)
{
    struct pair_member *member = &pair->members[number];
    const uint64_t events = member->world.events;

    if (!member->up || member->world.halted) {
        return false;
    }
    fake_run(&member->world);
    if (!member->is_primary && member->dials_seen != member->world.dials) {
        dial(pair, number);
    }
    return member->world.events != events;
}

void pair_run(struct pair *pair)
{
    bool moved = true;

    while (moved) {
        moved = false;
        for (unsigned i = 0; i < pair->count; i++) {
            moved |= run_member(pair, i);
        }
        for (unsigned i = 0; i < pair->count; i++) {
            moved |= carry_link(pair, i);
            compact(&pair->members[i].world);
        }
    }
}

/* The clocks move together, from wish to wish. */
void pair_advance(struct pair *pair, struct span span)
{
    struct instant until = instant_add(pair->members[0].world.now, span);

    pair_run(pair);
    for (;;) {
        struct instant next = until;

        for (unsigned i = 0; i < pair->count; i++) {
            const struct fake_world *world = &pair->members[i].world;

            if (pair->members[i].up && !world->halted && world->events < world->events_max) {
                next = instant_min(next, world->wake_at);
            }
        }
        for (unsigned i = 0; i < pair->count; i++) {
            struct fake_world *world = &pair->members[i].world;

            world->now = next.ns > world->now.ns ? next : world->now;
        }
        pair_run(pair);
        if (next.ns == until.ns) {
            return;
        }
    }
}

/* ---- clients ---- */

static link_t client_connect(struct pair *pair, unsigned number, enum role role)
{
    struct fake_world *world = &pair->members[number].world;
    struct identity identity;
    uint8_t head[64];
    const struct hello hello = {.version = PROTOCOL_VERSION};

    identity_set(&identity, pair->members[number].self.region, role, "client");
    const link_t link = fake_link_up(world, &identity, false);

    fake_send(world, link, MESSAGE_HELLO, hello_encode(&hello, head), bytes_none());
    CHECK(fake_take(world, link, MESSAGE_WELCOME) != NULL);
    return link;
}

static uint8_t body_byte(uint64_t sequence)
{
    return (uint8_t)(sequence * 31 + 7);
}

static void expect_no_refusal(struct fake_world *world, link_t link)
{
    static uint8_t memory[65536];
    struct proto_scratch scratch = {.memory = memory, .size = sizeof memory};
    const struct fake_message *message = fake_take(world, link, MESSAGE_REFUSED);
    struct refused refused;

    if (message != NULL && refused_decode(&refused, fake_head(message), &scratch) == OK) {
        fprintf(stderr, "refused: %s %s\n", status_name(refused.why), refused.text);
    }
    CHECK(message == NULL);
}

void pair_promote(struct pair *pair, unsigned number)
{
    struct fake_world *world = &pair->members[number].world;
    const link_t link = client_connect(pair, number, ROLE_OPERATOR);
    const struct promote promote = {0};
    uint8_t head[64];

    fake_send(world, link, MESSAGE_PROMOTE, promote_encode(&promote, head), bytes_none());
    pair_run(pair);
    expect_no_refusal(world, link);
}

void pair_append(struct pair *pair, unsigned count, size_t size)
{
    struct fake_world *world = &pair->members[pair->writer].world;
    uint8_t head[64];
    uint8_t *tail = malloc(count * (4 + size));

    CHECK(tail != NULL);
    pair_run(pair);
    if (pair->client == 0) {
        pair->client = client_connect(pair, pair->writer, ROLE_CLIENT);
    }
    const struct append append = {.request = ++pair->request,
                                  .producer = 99,
                                  .first_sequence = pair->sequence + 1,
                                  .count = count,
                                  .has_level = pair->local};

    for (unsigned i = 0; i < count; i++) {
        const uint32_t length = (uint32_t)size;

        memcpy(tail + 4 * (size_t)i, &length, 4); /* tests run on little-endian machines */
        memset(tail + 4 * (size_t)count + size * i, body_byte(++pair->sequence), size);
    }
    fake_send(world, pair->client, MESSAGE_APPEND, append_encode(&append, head),
              bytes_of(tail, count * (4 + size)));
    free(tail);
    pair_run(pair);
    while (fake_take(world, pair->client, MESSAGE_APPENDED) != NULL) {
    }
    expect_no_refusal(world, pair->client);
}

void pair_status(const struct pair *pair, unsigned number, struct member_status *status)
{
    const struct pair_member *member = &pair->members[number];

    if (member->is_primary) {
        primary_status(member->world.node, member->world.now, status);
    } else {
        replica_status(member->world.node, member->world.now, status);
    }
}

/* Up to the batch that the next header calls the last; the newest segment is valid to its end. */
static size_t valid_bytes(const struct fake_world *world, unsigned segment)
{
    const struct fake_file *file = &world->segments[segment];
    const struct fake_file *after = &world->segments[segment + 1];
    struct segment_header next;
    struct batch_header header;
    size_t at = SEGMENT_HEADER_BYTES;

    if (!after->exists) {
        return file->size;
    }
    CHECK(segment_header_decode(&next, bytes_of(after->data, after->size)) == OK);
    while (batch_header_decode(&header, bytes_part(bytes_of(file->data, file->size), at, SIZE_MAX))
               == OK
           && header.batch <= next.prev_last_batch) {
        at += header.batch_bytes;
    }
    return at;
}

bool pair_disks_are_equal(const struct pair *pair, unsigned a, unsigned b)
{
    const struct fake_world *one = &pair->members[a].world;
    const struct fake_world *other = &pair->members[b].world;

    for (unsigned i = 0; i + 1 < FAKE_SEGMENTS_MAX && one->segments[i].exists; i++) {
        const size_t size = valid_bytes(one, i);

        if (!other->segments[i].exists || valid_bytes(other, i) != size
            || memcmp(one->segments[i].data, other->segments[i].data, size) != 0) {
            return false;
        }
        if (one->segments[i + 1].exists != other->segments[i + 1].exists) {
            return false;
        }
    }
    return one->segments[0].exists == other->segments[0].exists;
}

static uint64_t check_records(const struct fake_message *message, size_t size)
{
    static uint8_t memory[65536];
    struct proto_scratch scratch = {.memory = memory, .size = sizeof memory};
    struct records records;

    CHECK(records_decode(&records, fake_head(message), &scratch) == OK);
    CHECK(message->tail_size == records.count * (4 + size));
    for (uint32_t i = 0; i < records.count; i++) {
        const uint8_t *body = message->tail + 4 * (size_t)records.count + size * i;

        CHECK(body[0] == body_byte(records.first_lsn + i));
        CHECK(body[size - 1] == body_byte(records.first_lsn + i));
    }
    return records.count;
}

uint64_t pair_read(struct pair *pair, unsigned number, lsn_t from, size_t size)
{
    struct fake_world *world = &pair->members[number].world;
    const link_t link = client_connect(pair, number, ROLE_CLIENT);
    uint64_t count = 0;
    uint8_t head[64];
    const struct read_message read = {.request = 5, .from_lsn = from, .window_bytes = 100000};
    const struct fake_message *message;

    fake_send(world, link, MESSAGE_READ, read_message_encode(&read, head), bytes_none());
    for (;;) {
        fake_run(world);
        message = fake_take(world, link, MESSAGE_RECORDS);
        if (message == NULL) {
            break;
        }
        count += check_records(message, size);

        const struct consumed consumed = {.request = 5, .through_lsn = from + count - 1};

        fake_send(world, link, MESSAGE_CONSUMED, consumed_encode(&consumed, head), bytes_none());
    }
    CHECK(fake_take(world, link, MESSAGE_READ_END) != NULL
          || fake_take(world, link, MESSAGE_REFUSED) != NULL);
    fake_link_down(world, link);
    return count;
}
