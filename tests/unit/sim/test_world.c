/* The simulated world keeps its own promises: to nodes (order, durability, links, services), and to
 * us (the same seed is the same run). The node here is a toy: it writes at START, dials, and
 * counts. */
#include "base/check.h"
#include "proto/message.h"
#include "sim/sim.h"
#include "tests/support/test.h"

struct toy {
    struct node node;
    unsigned written, failed, messages, ups, downs, keys, claims;
    link_t link;
    bool deferred;
    struct event_keys key_event;
    struct claim_record record;
    enum status status;
    uint8_t block[4096], seen[64], blob[256], plain[DEK_BYTES];
};

static struct toy *toys[SIM_MEMBERS_MAX];
static unsigned toy_writes;
static bool toy_dials, toy_spoils;
static unsigned toy_defers; /* 1: and resumes by timer; 2: in the same step */

static void toy_write(struct toy *toy, struct effects *fx, enum store_op op, uint64_t offset)
{
    effects_write(fx, offset,
                  &(struct store_write){
                      .op = op, .offset = offset, .data = bytes_of(toy->block, sizeof toy->block)});
}

static void toy_start(struct toy *toy, struct effects *fx)
{
    memset(toy->block, 7, sizeof toy->block);
    for (unsigned i = 0; i < toy_writes; i++) {
        toy_write(toy, fx, i == 0 ? STORE_CREATE : STORE_APPEND, 4096 * (uint64_t)i);
    }
    if (toy_dials) {
        effects_dial(fx, "other");
    }
    if (toy_spoils) {
        effects_wake_at(fx, (struct instant){0});
    }
}

static void toy_greet(struct toy *toy, const struct event *event, struct effects *fx)
{
    toy->ups++;
    toy->link = event->link.link;
    for (uint8_t i = 0; i < 8 && event->link.dialed; i++) {
        uint8_t *head = effects_scratch(fx, 1);

        *head = i;
        effects_send(fx, toy->link, MESSAGE_ACK, bytes_of(head, 1));
    }
}

static void toy_hear(struct toy *toy, const struct event *event, struct effects *fx)
{
    if (toy_defers && !toy->deferred) {
        toy->deferred = true;
        effects_defer(fx, event->message.link);
        if (toy_defers == 2) {
            effects_resume(fx, event->message.link);
        } else {
            effects_wake_at(fx, instant_add(event->now, SPAN_MS(100)));
        }
        return;
    }
    toy->seen[toy->messages++ % sizeof toy->seen] = event->message.message.head.data[0];
}

/* Not every answer has both. */
static void take_bytes(uint8_t *into, struct bytes bytes)
{
    if (bytes.size > 0) {
        memcpy(into, bytes.data, bytes.size);
    }
}

static void toy_note_keys(struct toy *toy, const struct event_keys *keys)
{
    toy->keys++;
    toy->key_event = *keys;
    toy->status = keys->status;
    if (keys->status == OK) {
        take_bytes(toy->blob, keys->answer.blob);
        take_bytes(toy->plain, keys->answer.plain);
    }
}

static void toy_step(struct node *node, const struct event *event, struct effects *fx)
{
    struct toy *toy = (struct toy *)node;

    if (event->kind == EVENT_START) {
        toy_start(toy, fx);
    } else if (event->kind == EVENT_WRITTEN) {
        toy->written += event->written.status == OK;
        toy->failed += event->written.status != OK;
    } else if (event->kind == EVENT_LINK_UP) {
        toy_greet(toy, event, fx);
    } else if (event->kind == EVENT_LINK_DOWN) {
        toy->downs++;
    } else if (event->kind == EVENT_MESSAGE) {
        toy_hear(toy, event, fx);
    } else if (event->kind == EVENT_TIMER) {
        toy->block[0] ^= toy_spoils;
        if (toy->deferred) {
            effects_resume(fx, toy->link);
        }
    } else if (event->kind == EVENT_KEYS) {
        toy_note_keys(toy, &event->keys);
    } else if (event->kind == EVENT_CLAIMED) {
        toy->claims++;
        toy->status = event->claimed.status;
        toy->record = event->claimed.record;
    }
}

static size_t toy_bytes(const struct sim_member *member)
{
    (void)member;
    return sizeof(struct toy) + 64;
}

static struct node *toy_create(struct sim_member *member, struct arena *arena)
{
    struct toy *toy = ARENA_ARRAY(arena, struct toy, 1);

    toy->node.step = toy_step;
    toys[member->number] = toy;
    return &toy->node;
}

static void toy_destroy(struct node *node)
{
    (void)node;
}

static const struct sim_kind toy_kind = {toy_bytes, toy_create, toy_destroy, NULL};

static struct sim *world_of(uint64_t seed, unsigned writes, bool dials)
{
    struct sim *sim = sim_create(seed);

    toy_writes = writes;
    toy_dials = dials;
    toy_spoils = false;
    toy_defers = 0;
    sim_add_member(sim, "one", 0, ROLE_REPLICA)->kind = &toy_kind;
    sim_add_member(sim, "other", 3, ROLE_PRIMARY)->kind = &toy_kind;
    return sim;
}

/* Over many seeds and moments: what was WRITTEN is there; of the rest, all, nothing or a part. */
TEST(a_power_cut_keeps_what_was_written_and_tears_the_rest)
{
    unsigned torn = 0, nameless = 0, complete = 0;

    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct sim *sim = world_of(seed, 9, false);
        struct sim_member *member = &sim->members[0];

        sim_start(sim, member);
        sim_run_until(sim, SPAN_US(50).ns * (seed % 20));

        const unsigned written = toys[0]->written;

        sim_crash(sim, member, SIM_POWER);
        const struct sim_file *file = sim_store_file(&member->store, 0);

        nameless += file == NULL;
        complete += written == 9;
        EXPECT(file != NULL || written == 0);
        for (uint64_t i = 0; file != NULL && i < 4096 * (uint64_t)written; i++) {
            NEED(file->disk[i] == 7 && file->cache[i] == 7);
        }
        torn += member->store.torn_sectors > 0;
        sim_destroy(sim);
    }
    EXPECT(torn > 10 && nameless > 10 && complete > 10);
}

TEST(a_killed_process_leaves_the_cache_which_a_later_power_cut_may_lose)
{
    unsigned shown = 0, gone = 0;

    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct sim *sim = world_of(seed, 9, false);
        struct sim_member *member = &sim->members[0];

        sim_start(sim, member);
        sim_run_until(sim, SPAN_US(400).ns);
        sim_crash(sim, member, SIM_KILL);
        const struct sim_file *file = sim_store_file(&member->store, 0);

        if (file != NULL && file->written > 4096
            && file->disk[file->written - 1] != file->cache[file->written - 1]) {
            shown++;
            sim_crash(sim, member, SIM_POWER);
            gone += file->cache[file->written - 1] == 0;
        }
        sim_destroy(sim);
    }
    EXPECT(shown > 10 && gone > 0 && gone < shown);
}

TEST(a_failed_write_fails_all_that_follow)
{
    struct sim *sim = world_of(3, 5, false);

    sim->members[0].store.fail_next = E_IO;
    sim_start(sim, &sim->members[0]);
    sim_run_until(sim, SPAN_S(1).ns);
    EXPECT(toys[0]->written == 0 && toys[0]->failed == 5);
    sim_destroy(sim);
}

TEST(a_node_that_changes_bytes_under_way_is_caught)
{
    struct sim *sim = world_of(3, 2, false);

    toy_spoils = true;
    sim_start(sim, &sim->members[0]);
    sim_run_until(sim, SPAN_S(1).ns);
    EXPECT(sim->failed);
    sim_destroy(sim);
}

static struct sim *two_up(uint64_t seed, unsigned defers)
{
    struct sim *sim = world_of(seed, 0, true);

    sim->net.jitter_ns = SPAN_MS(50).ns;
    toy_defers = defers;
    toy_dials = false;
    sim_start(sim, &sim->members[1]);
    toy_dials = true;
    sim_run_until(sim, SPAN_MS(1).ns);
    sim_start(sim, &sim->members[0]);
    sim_run_until(sim, SPAN_MS(1).ns + 6 * sim_region_delay_ns(0, 3));
    EXPECT(toys[1]->messages == 0);
    return sim;
}

static void expect_all_in_order(struct sim *sim)
{
    EXPECT(toys[1]->messages == 8);
    for (uint8_t i = 0; i < 8; i++) {
        EXPECT(toys[1]->seen[i] == i);
    }
    sim_destroy(sim);
}

TEST(messages_arrive_in_order_and_a_deferred_one_comes_again_first)
{
    for (unsigned defers = 0; defers < 3; defers++) {
        struct sim *sim = two_up(4, defers);

        sim_run_until(sim, SPAN_S(2).ns);
        EXPECT(toys[1]->deferred == (defers > 0));
        expect_all_in_order(sim);
    }
}

TEST(a_parted_region_gets_everything_in_order_once_it_is_healed)
{
    struct sim *sim = two_up(6, 0);

    sim_net_block(sim, 0, 3, SPAN_S(5).ns);
    sim_run_until(sim, SPAN_S(4).ns);
    EXPECT(toys[1]->messages == 0);
    sim_run_until(sim, SPAN_S(6).ns);
    expect_all_in_order(sim);
}

TEST(a_cut_is_heard_at_both_ends_and_a_dial_to_nobody_fails)
{
    struct sim *sim = two_up(7, 0);

    sim_run_until(sim, SPAN_S(3).ns);
    NEED(sim_net_any_link(sim) != 0);
    sim_net_cut(sim, sim_net_any_link(sim));
    sim_run_until(sim, SPAN_S(4).ns);
    EXPECT(toys[0]->downs == 1 && toys[1]->downs == 1 && sim_net_any_link(sim) == 0);
    sim_crash(sim, &sim->members[0], SIM_KILL);
    sim_crash(sim, &sim->members[1], SIM_KILL);
    sim_start(sim, &sim->members[0]);
    sim_run_until(sim, SPAN_S(6).ns);
    EXPECT(toys[0]->downs == 1 && toys[0]->ups == 0);
    sim_destroy(sim);
}

TEST(the_same_seed_is_the_same_run)
{
    uint64_t hashes[3];

    for (unsigned i = 0; i < 3; i++) {
        struct sim *sim = two_up(i < 2 ? 8 : 9, 0);

        sim_run_until(sim, SPAN_S(3).ns);
        hashes[i] = sim->hash;
        sim_destroy(sim);
    }
    EXPECT(hashes[0] == hashes[1] && hashes[0] != hashes[2]);
}

static enum status ask(struct sim *sim, enum keys_op op, unsigned key, struct bytes blob,
                       const char *cluster)
{
    struct effect_keys effect = {.ticket = 9, .request = {.op = op, .blob = blob}};
    const struct sim_kms_key *kms = &sim->keys.keys[key];

    snprintf(effect.request.region, sizeof effect.request.region, "%s",
             sim_region_name(kms->region));
    snprintf(effect.request.key, sizeof effect.request.key, "%s", kms->arn);
    snprintf(effect.request.context.cluster, sizeof effect.request.context.cluster, "%s", cluster);
    sim_keys_ask(sim, 0, &effect);
    sim_run_until(sim, sim->now + SPAN_S(2).ns);
    return toys[0]->status;
}

TEST(an_envelope_opens_with_its_own_key_and_context_only)
{
    struct sim *sim = world_of(1, 0, false);
    uint8_t dek[DEK_BYTES], blob[256];
    size_t size;

    sim_keys_add(&sim->keys, 0);
    sim_keys_add(&sim->keys, 3);
    sim_start(sim, &sim->members[0]);
    EXPECT_STATUS(ask(sim, KEYS_GENERATE, 0, bytes_none(), "a"), OK);
    memcpy(dek, toys[0]->plain, sizeof dek);
    size = toys[0]->key_event.answer.blob.size;
    memcpy(blob, toys[0]->blob, size);
    memset(toys[0]->plain, 0, sizeof toys[0]->plain);
    EXPECT_STATUS(ask(sim, KEYS_UNWRAP, 0, bytes_of(blob, size), "a"), OK);
    EXPECT(memcmp(dek, toys[0]->plain, sizeof dek) == 0);
    EXPECT_STATUS(ask(sim, KEYS_UNWRAP, 0, bytes_of(blob, size), "b"), E_KEY_CIPHERTEXT);
    EXPECT_STATUS(ask(sim, KEYS_UNWRAP, 1, bytes_of(blob, size), "a"), E_KEY_CIPHERTEXT);
    sim->keys.keys[0].refusal = E_KEY_DISABLED;
    EXPECT_STATUS(ask(sim, KEYS_UNWRAP, 0, bytes_of(blob, size), "a"), E_KEY_DISABLED);
    sim->keys.unreachable_until[3] = UINT64_MAX;
    EXPECT_STATUS(ask(sim, KEYS_GENERATE, 1, bytes_none(), "a"), E_KEY_UNREACHABLE);
    sim_destroy(sim);
}

static enum status claim(struct sim *sim, uint64_t version, epoch_t epoch)
{
    const struct effect_claim effect = {
        .record = {.version = version, .lineage = {{1}}, .epoch = epoch}};

    sim_claim_ask(sim, 0, &effect);
    sim_run_until(sim, sim->now + SPAN_S(2).ns);
    return toys[0]->status;
}

TEST(the_coordinator_changes_its_record_for_who_knows_its_version)
{
    struct sim *sim = world_of(1, 0, false);

    sim_start(sim, &sim->members[0]);
    EXPECT_STATUS(claim(sim, 0, 1), OK);
    EXPECT(toys[0]->record.version == 1);
    EXPECT_STATUS(claim(sim, 0, 2), E_CLAIM_LOST);
    EXPECT(toys[0]->record.epoch == 1);
    EXPECT_STATUS(claim(sim, 1, 2), OK);
    sim->claim.unreachable_until = UINT64_MAX;
    EXPECT_STATUS(claim(sim, 2, 3), E_COORDINATOR);
    sim_destroy(sim);
}

/* Found by two seeds: a writer was told that its change was accepted, with a record that had gone
 * back meanwhile. */
TEST(the_coordinator_answers_with_what_it_decided_whatever_happens_while_that_travels)
{
    struct sim *sim = world_of(1, 0, false);
    const struct effect_claim effect = {.record = {.lineage = {{1}}, .epoch = 5}};

    sim_start(sim, &sim->members[0]);
    sim_claim_ask(sim, 0, &effect);
    while (sim->claim.record.epoch != 5 && sim_next(sim)) {
    }
    NEED(toys[0]->claims == 0);
    memset(&sim->claim.record, 0, sizeof sim->claim.record);
    sim_run_until(sim, sim->now + SPAN_S(2).ns);
    EXPECT(toys[0]->claims == 1);
    EXPECT_STATUS(toys[0]->status, OK);
    EXPECT(toys[0]->record.epoch == 5 && toys[0]->record.version == 1);
    sim_destroy(sim);
}
