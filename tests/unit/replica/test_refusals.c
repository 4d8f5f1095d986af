/* What must not happen, and the name under which it is refused: messages changed, dropped or made
 * up on their way, settings that contradict the cluster, keys that cannot be used. In each case
 * nothing is stored or shipped that should not be, and an honest link afterwards works. */
#include "cluster/control.h"
#include "seal/crc32c.h"
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

#include <stdlib.h>

static const char tokyo_key[] = "arn:aws:kms:ap-northeast-1:111122223333:key/0000";

static uint8_t memory[1 << 20];
static struct proto_scratch scratch = {.memory = memory, .size = sizeof memory};

/* Does its harm to one message, once. */
struct mischief {
    unsigned type;
    unsigned from; /* who said it */
    unsigned skip; /* so many of them pass */
    void (*harm)(struct pair_message *message);
    bool done;
};

static void on_message(void *context, struct pair_message *said)
{
    struct mischief *mischief = context;

    if (mischief->done || said->message->type != mischief->type || said->from != mischief->from) {
        return;
    }
    if (mischief->skip > 0) {
        mischief->skip--;
        return;
    }
    mischief->done = true;
    mischief->harm(said);
}

static void drop(struct pair_message *said)
{
    said->drop = true;
}

static void flip_head(struct pair_message *said)
{
    said->message->head[said->message->head_size - 1] ^= 1;
}

static void flip_tail(struct pair_message *said)
{
    said->message->tail[100] ^= 1;
}

static void cut_tail(struct pair_message *said)
{
    said->message->tail_size -= 4096;
}

static uint8_t crc_seed[4];

static void note_seed(void *context, struct pair_message *said)
{
    if (said->message->type == MESSAGE_SEGMENT) {
        memcpy(crc_seed, said->message->tail + 2780, sizeof crc_seed); /* commitment[0..3] */
    }
    on_message(context, said);
}

/* Someone who can compute a CRC, but has no key. */
static void forge(struct pair_message *said)
{
    struct fake_message *batch = said->message;
    const size_t end = batch->tail_size - 8;

    batch->tail[100] ^= 1;
    const uint32_t crc =
        crc32c(crc32c(crc32c(0, bytes_of(crc_seed, 4)), bytes_none()), bytes_of(batch->tail, end));

    memcpy(batch->tail + end, &crc, 4);
}

static void head_replace(struct fake_message *message, struct bytes head)
{
    free(message->head);
    message->head = malloc(head.size + 1);
    NEED(message->head != NULL);
    if (head.size > 0) {
        memcpy(message->head, head.data, head.size);
    }
    message->head_size = head.size;
}

static void say_old_epoch(struct pair_message *said)
{
    const struct batch_message stale = {.epoch = 0};
    uint8_t head[32];

    head_replace(said->message, batch_message_encode(&stale, head));
}

static struct resume resume_said;

static void say_resume(struct pair_message *said)
{
    uint8_t head[64];

    head_replace(said->message, resume_encode(&resume_said, head));
}

static void (*greet_edit)(struct greet *greet);

static void say_greet(struct pair_message *said)
{
    static struct greet greet;
    static uint8_t head[65536], copy[65536];
    struct fake_message *message = said->message;

    NEED(message->head_size <= sizeof copy);
    memcpy(copy, message->head, message->head_size);
    NEED(greet_decode(&greet, bytes_of(copy, message->head_size), &scratch) == OK);
    greet_edit(&greet);
    head_replace(message, greet_encode(&greet, head));
}

/* A pair that has shipped something, while `mischief` was at work; then without it. */
static void expect_refused(struct mischief mischief, enum status why)
{
    struct pair pair;
    struct member_status status;

    pair_init(&pair, true, 21);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

    pair.watch = note_seed;
    pair.context = &mischief;
    pair_start(&pair, 0);
    pair_start(&pair, replica);
    for (unsigned i = 0; i < 12; i++) {
        pair_append(&pair, 3, 700);
    }
    pair_advance(&pair, SPAN_MS(100));
    const uint64_t goodbyes = pair.carried[MESSAGE_BYE];

    EXPECT(mischief.done);
    EXPECT(goodbyes == 1 || goodbyes == 2); /* both sides may have noticed */
    EXPECT_STATUS(pair.last_bye.why, why);

    pair_advance(&pair, SPAN_S(10)); /* it calls again */
    pair_append(&pair, 1, 700);
    pair_advance(&pair, SPAN_MS(100));
    pair_status(&pair, replica, &status);
    EXPECT(status.visible_lsn == pair.sequence);
    EXPECT(pair_disks_are_equal(&pair, 0, replica));
    EXPECT(pair.carried[MESSAGE_BYE] == goodbyes);
    pair_free(&pair);
}

TEST(a_proof_that_is_wrong_is_refused_by_either_side)
{
    expect_refused((struct mischief){MESSAGE_PROOF, .from = 1, .harm = flip_head}, E_PROOF);
    expect_refused((struct mischief){MESSAGE_PROOF, .from = 0, .harm = flip_head}, E_PROOF);
}

static void edit_commit(struct greet *greet)
{
    greet->commit_lsn += 1;
}

TEST(a_greeting_that_was_changed_on_its_way_breaks_the_proof)
{
    greet_edit = edit_commit;
    expect_refused((struct mischief){MESSAGE_GREET, .from = 1, .harm = say_greet}, E_PROOF);
    expect_refused((struct mischief){MESSAGE_GREET, .from = 0, .harm = say_greet}, E_PROOF);
}

static void edit_lineage(struct greet *greet)
{
    greet->lineage.bytes[5] ^= 1;
}

static void edit_version(struct greet *greet)
{
    greet->version++;
}

static void edit_descriptor(struct greet *greet)
{
    greet->descriptor.bytes[0] ^= 1;
}

static void edit_region(struct greet *greet)
{
    memcpy(greet->region, "eu-west-1", sizeof "eu-west-1");
}

TEST(a_greeting_must_agree_in_lineage_version_descriptor_and_region)
{
    const struct {
        void (*edit)(struct greet *greet);
        enum status why;
    } cases[] = {
        {edit_lineage, E_LINEAGE},
        {edit_version, E_VERSION},
        {edit_descriptor, E_DESCRIPTOR},
        {edit_region, E_IDENTITY},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        greet_edit = cases[i].edit;
        expect_refused((struct mischief){MESSAGE_GREET, .from = 1, .harm = say_greet},
                       cases[i].why);
        expect_refused((struct mischief){MESSAGE_GREET, .from = 0, .harm = say_greet},
                       cases[i].why);
    }
}

TEST(batches_that_are_dropped_changed_cut_or_forged_are_refused_by_name)
{
    const unsigned type = MESSAGE_BATCH;

    expect_refused((struct mischief){type, .skip = 4, .harm = drop}, E_GAP);
    expect_refused((struct mischief){type, .skip = 4, .harm = flip_tail}, E_CHECKSUM);
    expect_refused((struct mischief){type, .skip = 4, .harm = cut_tail}, E_TRUNCATED);
    expect_refused((struct mischief){type, .skip = 4, .harm = forge}, E_FORGED);
    expect_refused((struct mischief){type, .skip = 4, .harm = say_old_epoch}, E_STALE_EPOCH);
}

TEST(segment_headers_that_are_dropped_or_changed_are_refused_by_name)
{
    expect_refused((struct mischief){MESSAGE_SEGMENT, .harm = drop}, E_GAP);
    expect_refused((struct mischief){MESSAGE_SEGMENT, .harm = flip_tail}, E_CHECKSUM);
}

TEST(a_place_that_is_not_in_the_upstreams_history_is_refused)
{
    resume_said = (struct resume){.position = {1, 1}, .segment = SEGMENT_NONE};
    expect_refused((struct mischief){MESSAGE_RESUME, .from = 1, .harm = say_resume}, E_PROTOCOL);
    resume_said = (struct resume){.position = {1, 900}, .segment = 0};
    expect_refused((struct mischief){MESSAGE_RESUME, .from = 1, .harm = say_resume}, E_NOT_READY);
    resume_said = (struct resume){.position = {7, 1}, .segment = 0};
    expect_refused((struct mischief){MESSAGE_RESUME, .from = 1, .harm = say_resume}, E_GAP);
    resume_said = (struct resume){.position = {1, 1}, .segment = 50};
    expect_refused((struct mischief){MESSAGE_RESUME, .from = 1, .harm = say_resume}, E_NOT_READY);
}

static struct ack ack_said;

static void say_ack(struct pair_message *said)
{
    uint8_t head[32];

    head_replace(said->message, ack_encode(&ack_said, head));
}

TEST(an_ack_beyond_what_was_sent_or_backwards_is_refused)
{
    ack_said = (struct ack){.epoch = 1, .batch = 5000};
    expect_refused((struct mischief){MESSAGE_ACK, .from = 1, .skip = 3, .harm = say_ack},
                   E_PROTOCOL);
    ack_said = (struct ack){.epoch = 1, .batch = 0};
    expect_refused((struct mischief){MESSAGE_ACK, .from = 1, .skip = 6, .harm = say_ack},
                   E_PROTOCOL);
}

TEST(a_writer_that_meets_a_higher_epoch_knows_that_it_is_superseded)
{
    struct mischief mischief = {MESSAGE_ACK, .from = 1, .skip = 3, .harm = say_ack};
    struct pair pair;

    ack_said = (struct ack){.epoch = 2, .batch = 1};
    pair_init(&pair, true, 22);
    const unsigned replica = pair_add_replica(&pair, 0, "us-east-1", "");

    pair.watch = on_message;
    pair.context = &mischief;
    pair_start(&pair, 0);
    pair_start(&pair, replica);
    for (unsigned i = 0; i < 6 && !pair.members[0].world.halted; i++) {
        pair_append(&pair, 3, 700);
    }
    pair_advance(&pair, SPAN_MS(100));
    EXPECT(pair.members[0].world.halted);
    EXPECT_STATUS(pair.members[0].world.halt_why, E_FENCED);
    pair_free(&pair);
}

static void see_epoch(struct pair *pair, unsigned replica, epoch_t epoch)
{
    static struct control control;
    struct fake_file *file = &pair->members[replica].world.files[STORE_CONTROL];

    pair_crash(pair, replica);
    NEED(control_decode(&control, bytes_of(file->data, file->size), NULL) == OK);
    control.highest_epoch = epoch;
    control_encode(&control, file->data);
    pair_start(pair, replica);
}

TEST(a_replica_that_proves_the_data_key_and_saw_a_higher_epoch_ends_the_writer)
{
    for (unsigned encrypted = 0; encrypted < 2; encrypted++) {
        struct member_status status;
        struct pair pair;

        pair_init(&pair, encrypted == 1, 24);
        const unsigned replica =
            pair_add_replica(&pair, 0, "ap-northeast-1", encrypted == 1 ? tokyo_key : "");

        pair_start(&pair, 0);
        pair_start(&pair, replica);
        pair_append(&pair, 3, 700);
        see_epoch(&pair, replica, 9);
        pair_advance(&pair, SPAN_S(5));
        EXPECT_STATUS(pair.members[0].world.halt_why, E_FENCED);
        EXPECT(pair.members[0].world.halted && !pair.members[replica].world.halted);
        pair_crash(&pair, 0);
        pair.members[0].world.record.asked = 9; /* by a candidate that showed it */
        pair_start(&pair, 0);
        pair_advance(&pair, SPAN_S(20));
        pair_append(&pair, 3, 700);
        pair_advance(&pair, SPAN_S(1));
        pair_status(&pair, replica, &status);
        EXPECT(status.epoch == 10 && status.visible_lsn == 6);
        pair_free(&pair);
    }
}

TEST(a_replica_with_a_full_index_stops_and_says_what_to_raise)
{
    struct pair pair;

    pair_init(&pair, true, 25);
    const unsigned replica = pair_add_replica(&pair, 0, "us-east-1", "");

    pair.members[replica].replica.member.segments_max = 6;
    pair_start(&pair, 0);
    pair_start(&pair, replica);
    for (unsigned i = 0; i < 60 && !pair.members[replica].world.halted; i++) {
        pair_append(&pair, 4, 900);
    }
    NEED(pair.members[replica].world.halted);
    EXPECT_STATUS(pair.members[replica].world.halt_why, E_WAL_FULL);
    EXPECT(strstr(pair.members[replica].world.halt_text, "--segments-max") != NULL);
    EXPECT(!pair.members[0].world.halted);
    pair_free(&pair);
}

/* ---- out of place ---- */

TEST(no_byte_of_the_wal_before_the_proofs)
{
    const unsigned early[] = {MESSAGE_SEGMENT, MESSAGE_BATCH, MESSAGE_COMMIT, MESSAGE_RESUME};

    for (size_t i = 0; i < sizeof early / sizeof *early; i++) {
        struct pair pair;

        pair_init(&pair, true, 23);
        const unsigned replica = pair_add_replica(&pair, 0, "us-east-1", "");
        struct pair_member *member = &pair.members[replica];

        pair_start(&pair, replica);
        fake_run(&member->world);
        const link_t link = fake_link_up(&member->world, &pair.members[0].self, true);

        fake_send(&member->world, link, early[i], bytes_none(), bytes_none());
        const struct fake_message *message = fake_take(&member->world, link, MESSAGE_BYE);
        struct bye bye;

        NEED(message != NULL && bye_decode(&bye, fake_head(message), &scratch) == OK);
        EXPECT_STATUS(bye.why, E_PROTOCOL);
        EXPECT(member->world.links[link].hung_up);
        EXPECT(!member->world.segments[0].exists && !member->world.files[0].exists);
        pair_free(&pair);
    }
}

static enum status said_goodbye(struct fake_world *world, link_t link)
{
    const struct fake_message *message = fake_take(world, link, MESSAGE_BYE);
    struct bye bye;

    NEED(message != NULL && bye_decode(&bye, fake_head(message), &scratch) == OK);
    return bye.why;
}

TEST(who_is_no_replica_of_this_lineage_is_turned_away_at_the_door)
{
    struct pair pair;

    pair_init(&pair, true, 24);
    pair_start(&pair, 0);
    pair_run(&pair);
    struct fake_world *world = &pair.members[0].world;
    struct identity peer = pair.members[0].self;

    peer.role = ROLE_REPLICA;
    peer.lineage.bytes[0] ^= 1;
    EXPECT_STATUS(said_goodbye(world, fake_link_up(world, &peer, false)), E_LINEAGE);
    peer.lineage = pair.members[0].self.lineage;
    peer.any_lineage = true;
    EXPECT_STATUS(said_goodbye(world, fake_link_up(world, &peer, false)), E_IDENTITY);
    peer.any_lineage = false;
    for (unsigned i = 0; i < 3; i++) { /* feeds_max */
        peer.member[0] = (char)('a' + i);
        EXPECT(fake_take(world, fake_link_up(world, &peer, false), MESSAGE_GREET) != NULL);
    }
    peer.member[0] = 'x';
    EXPECT_STATUS(said_goodbye(world, fake_link_up(world, &peer, false)), E_BUSY);
    pair_free(&pair);
}

TEST(a_caller_that_says_nothing_makes_room_again)
{
    struct pair pair;

    pair_init(&pair, true, 25);
    pair_start(&pair, 0);
    pair_run(&pair);
    struct fake_world *world = &pair.members[0].world;
    struct identity peer = pair.members[0].self;

    peer.role = ROLE_REPLICA;
    const link_t link = fake_link_up(world, &peer, false);

    fake_advance(world, SPAN_S(6));
    EXPECT(world->links[link].hung_up);
    EXPECT_STATUS(world->links[link].why, E_SILENT);
    pair_free(&pair);
}

static void drop_all(void *context, struct pair_message *said)
{
    said->drop = *(const bool *)context;
}

TEST(silence_ends_a_link_on_both_sides_and_heartbeats_keep_it)
{
    bool mute = false;
    struct pair pair;

    pair_init(&pair, true, 26);
    const unsigned replica = pair_add_replica(&pair, 0, "us-east-1", "");

    pair.watch = drop_all;
    pair.context = &mute;
    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(120));
    EXPECT(pair.members[replica].world.dials == 1);
    mute = true;
    pair_advance(&pair, SPAN_S(17));
    EXPECT(pair.members[replica].world.dials > 1);
    mute = false;
    pair_advance(&pair, SPAN_S(30));
    pair_append(&pair, 2, 100);
    pair_advance(&pair, SPAN_S(1));
    EXPECT(pair_disks_are_equal(&pair, 0, replica));
    pair_free(&pair);
}

/* ---- rules and keys ---- */

struct demand {
    bool encrypted; /* the cluster */
    const char *region, *key;
    enum wish wish;
    enum status why;
    const char *name; /* AWS's, at the start of the sentence */
};

static void expect_halt(const struct demand *demand)
{
    struct pair pair;

    pair_init(&pair, demand->encrypted, 27);
    const unsigned replica = pair_add_replica(&pair, 0, demand->region, demand->key);
    struct fake_world *world = &pair.members[replica].world;

    pair.members[replica].replica.member.encrypted = demand->wish;
    pair_start(&pair, 0);
    pair_run(&pair);
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(1));
    EXPECT(world->halted);
    EXPECT_STATUS(world->halt_why, demand->why);
    EXPECT(strstr(world->halt_text, demand->name) != NULL);
    for (unsigned i = 0; i < STORE_FILES; i++) {
        EXPECT(!world->files[i].exists);
    }
    pair_free(&pair);
}

TEST(demands_that_contradict_the_cluster_halt_with_the_rules_own_sentence)
{
    static const char combination[] = "InvalidParameterCombination: ";
    static const char not_accessible[] = "KMSKeyNotAccessibleFault: ";
    const struct demand demands[] = {
        {true, "us-east-1", "", WISH_NO, E_RULE, combination},
        {false, "us-east-1", "", WISH_YES, E_RULE, combination},
        {false, "eu-west-1", "arn:aws:kms:eu-west-1:1:key/a", WISH_UNSAID, E_RULE, combination},
        {true, "us-east-1", "arn:aws:kms:us-east-1:1:key/other", WISH_UNSAID, E_RULE, combination},
        {true, "eu-west-1", "arn:aws:kms:us-east-1:1:key/a", WISH_UNSAID, E_RULE, not_accessible},
        {true, "eu-west-1", "", WISH_UNSAID, E_KEY_NOT_NAMED, not_accessible},
    };

    for (size_t i = 0; i < sizeof demands / sizeof *demands; i++) {
        expect_halt(&demands[i]);
    }
}

static void swap_envelope(struct pair_message *said)
{
    static struct keys_message keys;
    static uint8_t head[65536], copy[65536];
    struct fake_message *message = said->message;

    memcpy(copy, message->head, message->head_size);
    NEED(keys_message_decode(&keys, bytes_of(copy, message->head_size), &scratch) == OK);
    keys.envelopes[0].check.bytes[0] ^= 1;
    head_replace(message, keys_message_encode(&keys, head));
}

TEST(an_envelope_with_another_check_value_is_not_accepted)
{
    struct mischief mischief = {MESSAGE_KEYS, .from = 0, .harm = swap_envelope};
    struct pair pair;

    pair_init(&pair, true, 29);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

    pair.watch = on_message;
    pair.context = &mischief;
    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(1));
    EXPECT(pair.members[replica].world.halted);
    EXPECT_STATUS(pair.members[replica].world.halt_why, E_KEY_MISMATCH);
    EXPECT(!pair.members[replica].world.files[STORE_DESCRIPTOR].exists);
    EXPECT(pair.carried[MESSAGE_BATCH] == 0);
    pair_free(&pair);
}
