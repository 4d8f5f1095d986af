/* One event at a time: then what the member has sent is answered, its dials are, and what it must
 * have made durable first is looked for in its control file.
 *
 * Puppets answer candidates only; a replica that dials to follow finds nobody. */
#include "tests/unit/replica/hand.h"

#include "base/check.h"
#include "member/greeting.h"
#include "tests/support/test.h"

#include <stdio.h>

static uint8_t memory[1 << 18];
static struct proto_scratch scratch = {.memory = memory, .size = sizeof memory};
static struct greet greet;
static uint8_t head[GREET_BYTES_MAX];

static const char tokyo_key[] = "arn:aws:kms:ap-northeast-1:111122223333:key/0000";

/* ---- the cluster ---- */

static struct hand_peer *add_peer(struct hand *hand, const char *address)
{
    struct hand_peer *peer = &hand->peers[hand->count++];
    struct replica_settings *settings = &hand->pair.members[1].replica;

    CHECK(hand->count <= HAND_PEERS_MAX);
    *peer = (struct hand_peer){.address = address, .bye = STATUSES};
    snprintf(settings->upstreams[hand->count - 1], ADDRESS_TEXT_MAX, "%s", address);
    settings->upstream_count = hand->count;
    return peer;
}

static void add_voter(struct hand *hand, unsigned number)
{
    static const char *const names[] = {"alpha", "peer1", "peer2", "peer3", "peer4", "peer5"};
    struct hand_peer *peer = add_peer(hand, names[number]);

    peer->identity = hand->pair.members[0].self;
    snprintf(peer->identity.member, sizeof peer->identity.member, "%s", names[number]);
    if (number > 0) {
        snprintf(peer->identity.region, sizeof peer->identity.region, "region-%u", number);
        peer->identity.role = ROLE_REPLICA;
        peer->folder.bytes[3] = (uint8_t)number;
        peer->answers = true;
    }
}

/* What everybody holds, and the record that says so. */
static void settle(struct hand *hand, const char *level)
{
    const struct replica *replica = hand_replica(hand);
    struct claim_record *record = &hand->world->record;

    *record = hand->pair.members[0].world.record;
    snprintf(record->level, sizeof record->level, "%s", level);
    hand->peers[0].folder = record->folder;
    for (unsigned i = 0; i < hand->count; i++) {
        struct hand_peer *peer = &hand->peers[i];

        peer->highest_epoch = replica->member.control.highest_epoch;
        peer->position = member_position(&replica->member);
        peer->end_lsn = replica->member.wal.durable_lsn;
        peer->commit_lsn = replica->member.commit_lsn;
        if (i > 0) {
            struct claim_member *member = &record->members[record->member_count++];

            snprintf(member->name, sizeof member->name, "%s", peer->identity.member);
            snprintf(member->region, sizeof member->region, "%s", peer->identity.region);
            member->folder = peer->folder;
        }
    }
}

void hand_init(struct hand *hand, bool encrypted, const char *level, unsigned others)
{
    memset(hand, 0, sizeof *hand);
    pair_init(&hand->pair, encrypted, 77);

    struct pair_member *member = &hand->pair.members[pair_add_replica(
        &hand->pair, 0, "ap-northeast-1", encrypted ? tokyo_key : "")];

    hand->world = &member->world;
    member->self.role = member->replica.member.self.role = ROLE_PRIMARY;
    member->replica.has_coordinator = true;
    for (unsigned i = 0; i <= others; i++) {
        add_voter(hand, i);
    }
    pair_start(&hand->pair, 0);
    pair_start(&hand->pair, 1);
    pair_run(&hand->pair);
    for (unsigned i = 0; i < HAND_RECORDS; i++) {
        pair_append(&hand->pair, 1, 20000);
    }
    pair_advance(&hand->pair, SPAN_S(1));
    NEED(hand_replica(hand)->member.wal.durable_lsn == HAND_RECORDS);
    NEED(hand->pair.members[0].world.record.member_count == 1);
    settle(hand, level);
    pair_crash(&hand->pair, 0);
    hand->dials_seen = hand->world->dials;
    hand_run(hand);
}

void hand_free(struct hand *hand)
{
    EXPECT(!hand->broken);
    pair_free(&hand->pair);
}

struct replica *hand_replica(struct hand *hand)
{
    return (struct replica *)hand->world->node;
}

struct control hand_control(const struct hand *hand)
{
    const struct fake_file *file = &hand->world->files[STORE_CONTROL];
    struct control control;

    NEED(control_decode(&control, bytes_of(file->data, file->size), NULL) == OK);
    return control;
}

bool hand_is_writer(const struct hand *hand)
{
    return strcmp(hand->world->record.writer, "beta1") == 0;
}

/* ---- the operator ---- */

static void promote(struct hand *hand, const struct promote *wish)
{
    struct identity operator= hand->peers[0].identity;
    const struct hello hello = {.version = PROTOCOL_VERSION};

    operator.role = ROLE_OPERATOR;
    hand->client = fake_link_up(hand->world, &operator, false);
    fake_send(hand->world, hand->client, MESSAGE_HELLO, hello_encode(&hello, head), bytes_none());
    NEED(fake_take(hand->world, hand->client, MESSAGE_WELCOME) != NULL);
    fake_send(hand->world, hand->client, MESSAGE_PROMOTE, promote_encode(wish, head), bytes_none());
}

void hand_promote(struct hand *hand)
{
    promote(hand, &(struct promote){0});
}

void hand_promote_with_loss(struct hand *hand, lsn_t last)
{
    promote(hand, &(struct promote){.accepts_loss = true, .loss_last_lsn = last});
}

enum status hand_verdict(struct hand *hand)
{
    const struct fake_message *message = fake_take(hand->world, hand->client, MESSAGE_PROMOTED);
    static struct refused refused;

    if (message != NULL) {
        NEED(promoted_decode(&hand->promoted, fake_head(message), &scratch) == OK);
        EXPECT(hand->world->halted && hand->world->halt_why == E_PROMOTED);
        return OK;
    }
    message = fake_take(hand->world, hand->client, MESSAGE_REFUSED);
    if (message == NULL) {
        return STATUSES;
    }
    NEED(refused_decode(&refused, fake_head(message), &scratch) == OK);
    snprintf(hand->text, sizeof hand->text, "%s", refused.text);
    return refused.why;
}

enum status hand_try(struct hand *hand)
{
    hand_promote(hand);
    hand_advance(hand, SPAN_S(60));
    return hand_verdict(hand);
}

enum status hand_try_with_loss(struct hand *hand, lsn_t last)
{
    hand_promote_with_loss(hand, last);
    hand_advance(hand, SPAN_S(60));
    return hand_verdict(hand);
}

/* ---- puppets ---- */

static void say(struct hand *hand, const struct hand_peer *peer, unsigned type, struct bytes said)
{
    if (peer->link != 0 && !hand->world->halted && !hand->world->links[peer->link].hung_up) {
        fake_send(hand->world, peer->link, type, said, bytes_none());
    }
}

static void say_bye(struct hand *hand, struct hand_peer *peer, enum status why)
{
    const struct bye bye = {.why = why};

    say(hand, peer, MESSAGE_BYE, bye_encode(&bye, head));
    peer->link = 0;
}

static void on_greet(struct hand *hand, struct hand_peer *peer, const struct fake_message *theirs)
{
    greeting_fill(&hand_replica(hand)->member, &greet);
    snprintf(greet.region, sizeof greet.region, "%s", peer->identity.region);
    greet.folder = peer->folder;
    greet.highest_epoch = peer->highest_epoch;
    greet.position = peer->position;
    greet.end_lsn = peer->end_lsn;
    greet.commit_lsn = peer->commit_lsn;
    if (peer->lie != NULL) {
        peer->lie(&greet);
    }
    const struct bytes ours = greet_encode(&greet, head);

    peer->greeted++;
    peer->greets = greeting_digest(fake_head(theirs), ours);
    say(hand, peer, MESSAGE_GREET, ours);
    if (peer->greet_refusal != OK) {
        say_bye(hand, peer, peer->greet_refusal);
    }
}

static void on_proof(struct hand *hand, const struct hand_peer *peer)
{
    const struct deks *deks = &hand_replica(hand)->member.deks;
    uint8_t exporter[32];

    memset(exporter, 0x5e, sizeof exporter);
    struct proof proof = {
        .mac = greeting_proof(&deks->list[deks->count - 1], TLS_SERVER, exporter, &peer->greets)};

    proof.mac.bytes[0] ^= peer->wrong_proof;
    say(hand, peer, MESSAGE_PROOF, proof_encode(&proof, head));
}

static void on_fence(struct hand *hand, struct hand_peer *peer, const struct fake_message *message)
{
    struct fence fence;

    NEED(fence_decode(&fence, fake_head(message), &scratch) == OK);
    hand->broken |=
        hand_control(hand).highest_epoch < fence.epoch || hand->world->record.asked < fence.epoch;
    peer->fenced++;
    peer->fence_epoch = fence.epoch;
    if (peer->mute_at == MESSAGE_FENCE) {
        return;
    }
    if (peer->fence_refusal != OK) {
        say_bye(hand, peer, peer->fence_refusal);
        return;
    }
    const struct fenced fenced = {.epoch = fence.epoch,
                                  .position = peer->position,
                                  .end_lsn = peer->end_lsn,
                                  .commit_lsn = peer->commit_lsn};

    for (unsigned i = 0; i < 1u + peer->answers_twice; i++) {
        say(hand, peer, MESSAGE_FENCED, fenced_encode(&fenced, head));
    }
}

static void on_bye(struct hand_peer *peer, const struct fake_message *message)
{
    struct bye bye;

    NEED(bye_decode(&bye, fake_head(message), &scratch) == OK);
    peer->bye = bye.why;
}

static struct fake_message *next_message(struct hand *hand, link_t link)
{
    for (size_t i = 0; link != 0 && i < hand->world->message_count; i++) {
        if (!hand->world->messages[i].taken && hand->world->messages[i].link == link) {
            return &hand->world->messages[i];
        }
    }
    return NULL;
}

static bool answer_message(struct hand *hand, struct hand_peer *peer)
{
    struct fake_message *message = next_message(hand, peer->link);

    if (message == NULL) {
        if (peer->link != 0 && hand->world->links[peer->link].hung_up) {
            peer->link = 0;
        }
        return false;
    }
    message->taken = true;
    if (message->type == MESSAGE_BYE) {
        on_bye(peer, message);
    } else if (message->type == MESSAGE_FENCE) {
        on_fence(hand, peer, message);
    } else if (message->type == peer->mute_at) {
        return true;
    } else if (message->type == MESSAGE_GREET) {
        on_greet(hand, peer, message);
    } else if (message->type == MESSAGE_PROOF) {
        on_proof(hand, peer);
    } else {
        CHECK(false);
    }
    return true;
}

static bool answer_dial(struct hand *hand)
{
    struct fake_world *world = hand->world;
    struct event failed = {.kind = EVENT_LINK_DOWN, .link = {.why = E_UNREACHABLE}};
    const bool asks = hand_replica(hand)->candidate.dialing != CANDIDATE_NOBODY;

    if (hand->dials_seen == world->dials || hand->holds_dials) {
        return false;
    }
    hand->dials_seen = world->dials;
    for (unsigned i = 0; i < hand->count; i++) {
        struct hand_peer *peer = &hand->peers[i];

        if (strcmp(peer->address, world->dialed) == 0 && peer->answers && asks) {
            peer->link = world->next_link;
            (void)fake_link_up(world, &peer->identity, true);
            return true;
        }
    }
    fake_step(world, &failed);
    return true;
}

/* ---- time ---- */

/* What only tells the coordinator which epoch others will be shown is no claim. */
static const struct fake_answer *asked_claim(const struct fake_world *world)
{
    if (((const struct replica *)world->node)->candidate.phase != CANDIDATE_CLAIM) {
        return NULL;
    }
    for (size_t i = 0; i < world->answer_count; i++) {
        const struct fake_answer *answer =
            &world->answers[(world->answer_first + i) % FAKE_ANSWERS_MAX];

        if (answer->kind == EFFECT_CLAIM && !id_is_zero(&answer->record.lineage)) {
            return answer;
        }
    }
    return NULL;
}

/* The claim that is answered next: what it relies on must be durable, and it may go astray. */
static void look_at_claim(struct hand *hand, const struct fake_answer *claim)
{
    struct fake_world *world = hand->world;
    const struct control control = hand_control(hand);

    hand->claims += hand->claim_seen != claim->record.version + 1;
    hand->claim_seen = claim->record.version + 1;
    hand->broken |= control.claim_asked == 0 || control.highest_epoch < claim->record.epoch;
    if (hand->answer_is_lost && claim->record.version == world->record.version) { /* once */
        world->record = claim->record;
        world->record.version++;
    }
    if (hand->answer_is_lost || hand->claim_is_lost) {
        world->claim_status = E_COORDINATOR;
    }
}

struct claim_record hand_asked_claim(const struct hand *hand)
{
    const struct fake_answer *claim = asked_claim(hand->world);

    return claim == NULL ? (struct claim_record){0} : claim->record;
}

/* Whether another event may come; the test may do something before it. */
static bool may_go_on(struct hand *hand)
{
    if (!hand->world->halted && hand->before != NULL) {
        hand->before(hand);
    }
    return !hand->world->halted && (hand->end == 0 || hand->world->events < hand->end);
}

static bool run_one(struct hand *hand)
{
    struct fake_world *world = hand->world;
    const uint64_t events = world->events;
    const enum status status = world->claim_status;
    const struct fake_answer *claim;

    claim = asked_claim(world);
    if (claim != NULL) {
        look_at_claim(hand, claim);
    }
    world->events_max = events + 1;
    fake_run(world);
    world->events_max = UINT64_MAX;
    world->claim_status = status;
    if (claim != NULL && asked_claim(world) == NULL) {
        hand->answer_is_lost = hand->claim_is_lost = false;
    }
    return world->events != events;
}

void hand_run(struct hand *hand)
{
    bool moved = true;

    while (moved && may_go_on(hand)) {
        moved = run_one(hand);
        moved |= may_go_on(hand) && answer_dial(hand);
        for (unsigned i = 0; i < hand->count && may_go_on(hand); i++) {
            moved |= answer_message(hand, &hand->peers[i]);
        }
    }
}

void hand_advance(struct hand *hand, struct span span)
{
    struct fake_world *world = hand->world;
    const struct instant until = instant_add(world->now, span);

    hand_run(hand);
    while (may_go_on(hand) && world->now.ns < until.ns) {
        const struct instant next = instant_min(until, world->wake_at);

        world->now = next.ns > world->now.ns ? next : until;
        hand_run(hand);
    }
}

/* ---- life and death ---- */

void hand_crash(struct hand *hand)
{
    pair_crash(&hand->pair, 1);
    for (unsigned i = 0; i < hand->count; i++) {
        hand->peers[i].link = 0;
    }
}

void hand_start(struct hand *hand)
{
    pair_start(&hand->pair, 1);
    hand->dials_seen = hand->world->dials;
}

void hand_fence(struct hand *hand, epoch_t epoch)
{
    struct identity caller = hand->peers[0].identity;
    const struct fence fence = {.epoch = epoch};

    snprintf(caller.member, sizeof caller.member, "rival");
    const link_t link = fake_link_up(hand->world, &caller, false);

    greeting_fill(&hand_replica(hand)->member, &greet);
    snprintf(greet.region, sizeof greet.region, "%s", caller.region);
    greet.is_candidate = true;
    fake_send(hand->world, link, MESSAGE_GREET, greet_encode(&greet, head), bytes_none());
    NEED(fake_take(hand->world, link, MESSAGE_GREET) != NULL);
    fake_send(hand->world, link, MESSAGE_FENCE, fence_encode(&fence, head), bytes_none());
}
