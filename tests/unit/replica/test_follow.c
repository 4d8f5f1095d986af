/* A replica and its upstream, both real, in fake worlds: what is sealed once arrives byte for byte,
 * from the window and from the disk, in every region and at every distance behind. */
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

#include <stdio.h>

static const char tokyo_key[] = "arn:aws:kms:ap-northeast-1:111122223333:key/0000";

static void expect_in_step(struct pair *pair, unsigned number)
{
    struct member_status one, other;

    pair_status(pair, 0, &one);
    pair_status(pair, number, &other);
    EXPECT(one.durable_batch == other.durable_batch && one.durable_lsn == other.durable_lsn);
    EXPECT(other.visible_lsn == one.committed_lsn);
    EXPECT(strcmp(other.state, "streaming") == 0);
    EXPECT(pair_disks_are_equal(pair, 0, number));
}

static void follow(bool encrypted, const char *region, const char *key)
{
    struct pair pair;

    pair_init(&pair, encrypted, 3);
    const unsigned replica = pair_add_replica(&pair, 0, region, key);

    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_run(&pair);
    for (unsigned i = 0; i < 30; i++) {
        pair_append(&pair, 1 + i % 7, 500);
    }
    pair_advance(&pair, SPAN_MS(50));
    expect_in_step(&pair, replica);
    EXPECT(pair.carried[MESSAGE_BYE] == 0);
    EXPECT(pair.carried[MESSAGE_PROOF] == (encrypted ? 2u : 0u));
    EXPECT(pair.carried[MESSAGE_KEYS] == (encrypted ? 1u : 0u));
    EXPECT(pair_read(&pair, replica, 1, 500) == pair.sequence);
    EXPECT(pair_read(&pair, replica, 40, 500) == pair.sequence - 39);
    pair_free(&pair);
}

TEST(the_same_bytes_in_the_same_region)
{
    follow(true, "us-east-1", "");
}

TEST(the_same_bytes_under_another_regions_key)
{
    follow(true, "ap-northeast-1", tokyo_key);
}

TEST(another_cluster_of_the_same_region_gets_an_envelope_of_its_own)
{
    struct member_status status;
    struct pair pair;

    pair_init(&pair, true, 4);
    const unsigned replica = pair_add_replica(&pair, 0, "us-east-1", "");

    snprintf(pair.members[replica].replica.member.cluster, CLUSTER_TEXT_MAX, "cluster-OTHER");
    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_append(&pair, 4, 100);
    pair_advance(&pair, SPAN_S(1));
    expect_in_step(&pair, replica);
    pair_status(&pair, replica, &status);
    EXPECT(strcmp(status.cluster, "cluster-OTHER") == 0);
    pair_crash(&pair, replica);
    pair_start(&pair, replica); /* it opens under its own context */
    pair_advance(&pair, SPAN_S(1));
    expect_in_step(&pair, replica);
    pair_free(&pair);
}

TEST(a_cluster_in_another_region_draws_its_own_id)
{
    struct member_status here, there;
    struct pair pair;

    pair_init(&pair, true, 4);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(1));
    pair_status(&pair, 0, &here);
    pair_status(&pair, replica, &there);
    EXPECT(strlen(there.cluster) == 34 && strncmp(there.cluster, "cluster-", 8) == 0);
    EXPECT(strcmp(here.cluster, there.cluster) != 0);
    EXPECT(strcmp(there.key_arn, tokyo_key) == 0 && id_equal(&here.dek, &there.dek));
    pair_free(&pair);
}

TEST(stop_says_goodbye_and_what_is_known_is_kept)
{
    struct member_status status;
    struct pair pair;

    pair_init(&pair, true, 4);
    const unsigned replica = pair_add_replica(&pair, 0, "us-east-1", "");
    struct fake_world *world = &pair.members[replica].world;

    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_append(&pair, 4, 100);
    pair_advance(&pair, SPAN_S(1));
    fake_stop(world);
    EXPECT(world->halted && world->halt_why == OK);
    pair_run(&pair);
    EXPECT(pair.carried[MESSAGE_BYE] == 1);
    pair_crash(&pair, replica);
    pair_start(&pair, replica);
    fake_run(world); /* before any word of the upstream's */
    pair_status(&pair, replica, &status);
    EXPECT(status.visible_lsn == 4 && status.committed_lsn == 4);
    pair_free(&pair);
}

/* A link that was renewed for its age was well: the same upstream again, and without a gap. */
TEST(an_old_link_is_made_anew_at_once_and_nothing_is_lost)
{
    struct pair pair;

    pair_init(&pair, true, 6);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);
    struct pair_member *member = &pair.members[replica];

    member->replica.upstream_count = 2;
    snprintf(member->replica.upstreams[1], ADDRESS_TEXT_MAX, "second:1");
    pair_start(&pair, 0);
    pair_start(&pair, replica);
    for (unsigned i = 0; i < 5; i++) {
        const unsigned dials = member->world.dials;

        pair_append(&pair, 4, 1000);
        pair_age(&pair, replica);
        pair_append(&pair, 4, 1000); /* no time has passed */
        EXPECT(member->world.dials == dials + 1);
        EXPECT(strcmp(member->world.dialed, "upstream:1") == 0);
        pair_advance(&pair, SPAN_MS(50));
        expect_in_step(&pair, replica);
    }
    pair_cut(&pair, replica);
    pair_heal(&pair, replica);
    pair_advance(&pair, SPAN_S(5));
    EXPECT(strcmp(member->world.dialed, "upstream:1") == 0); /* nor that of one that broke */
    EXPECT(pair_read(&pair, replica, 1, 1000) == 40);
    pair_free(&pair);
}

TEST(the_same_bytes_where_nothing_is_encrypted)
{
    follow(false, "us-east-1", "");
    follow(false, "ap-northeast-1", "");
}

/* Far beyond the window: 256 KiB there, several MiB on the disk. */
TEST(a_replica_that_was_cut_off_catches_up_from_the_disk)
{
    struct pair pair;

    pair_init(&pair, true, 5);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_append(&pair, 3, 1000);
    pair_cut(&pair, replica);
    for (unsigned i = 0; i < 300; i++) {
        pair_append(&pair, 5, 1000);
    }
    pair_heal(&pair, replica);
    pair_advance(&pair, SPAN_S(30));
    expect_in_step(&pair, replica);
    EXPECT(pair_read(&pair, replica, 1, 1000) == 1503);
    EXPECT(pair_read(&pair, 0, 700, 1000) == 1503 - 699);
    pair_free(&pair);
}

TEST(a_late_joiner_gets_everything)
{
    struct pair pair;

    pair_init(&pair, true, 6);
    const unsigned replica = pair_add_replica(&pair, 0, "us-east-1", "");

    pair_start(&pair, 0);
    for (unsigned i = 0; i < 100; i++) {
        pair_append(&pair, 9, 700);
    }
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(1));
    expect_in_step(&pair, replica);
    pair_free(&pair);
}

TEST(a_batch_larger_than_a_read_arrives_from_the_disk)
{
    struct pair pair;

    pair_init(&pair, true, 7);
    const unsigned replica = pair_add_replica(&pair, 0, "us-east-1", "");

    pair_start(&pair, 0);
    pair_append(&pair, 2, 60000);
    for (unsigned i = 0; i < 10; i++) {
        pair_append(&pair, 1, 60000);
    }
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(1));
    expect_in_step(&pair, replica);
    EXPECT(pair_read(&pair, replica, 1, 60000) == 12);
    EXPECT(pair_read(&pair, 0, 1, 60000) == 12);
    pair_free(&pair);
}

TEST(a_crash_at_either_end_loses_nothing_and_the_disks_stay_equal)
{
    struct pair pair;

    pair_init(&pair, true, 8);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

    pair_start(&pair, 0);
    pair_start(&pair, replica);
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned i = 0; i < 20; i++) {
            pair_append(&pair, 4, 900);
        }
        const unsigned victim = round % 2 == 0 ? replica : 0;

        pair_crash(&pair, victim);
        pair_start(&pair, victim);
        pair_advance(&pair, SPAN_S(20));
    }
    pair_append(&pair, 1, 900);
    pair_advance(&pair, SPAN_S(1));
    expect_in_step(&pair, replica);
    EXPECT(pair_read(&pair, replica, 1, 900) == pair.sequence);
    pair_free(&pair);
}

TEST(a_replica_feeds_a_replica)
{
    struct pair pair;

    pair_init(&pair, true, 9);
    const unsigned middle = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);
    const unsigned last = pair_add_replica(&pair, middle, "ap-northeast-1", "");

    pair_start(&pair, 0);
    pair_start(&pair, middle);
    pair_run(&pair);
    pair_start(&pair, last);
    for (unsigned i = 0; i < 50; i++) {
        pair_append(&pair, 4, 900);
    }
    pair_advance(&pair, SPAN_S(20));
    expect_in_step(&pair, middle);
    expect_in_step(&pair, last);
    pair_free(&pair);
}

/* It was once content for as long as it was fed: for ever, under load, and no voter meanwhile. */
TEST(who_follows_a_replica_finds_the_writer_under_load_too)
{
    struct pair pair;
    struct member_status status;

    pair_init(&pair, true, 11);
    const unsigned middle = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);
    const unsigned last = pair_add_replica(&pair, middle, "ap-northeast-1", "");
    struct replica_settings *settings = &pair.members[last].replica;

    pair.members[last].second = 0;
    snprintf(settings->upstreams[settings->upstream_count++], ADDRESS_TEXT_MAX, "second:1");
    pair_start(&pair, 0);
    pair_start(&pair, middle);
    pair_run(&pair);
    pair_start(&pair, last);
    for (unsigned i = 0; i < 100; i++) {
        pair_append(&pair, 1, 900);
        pair_advance(&pair, SPAN_MS(200));
    }
    pair_status(&pair, 0, &status);
    EXPECT(status.feed_count == 2);
    EXPECT(pair.members[0].world.record.member_count == 2);
    expect_in_step(&pair, last);
    pair_free(&pair);
}

static void pass(struct pair *pair, unsigned seconds)
{
    for (unsigned i = 0; i < 10 * seconds; i++) {
        pair_advance(pair, SPAN_MS(100));
    }
}

/* They once followed each other instead, for twenty seconds, and nobody voted. */
TEST(replicas_return_to_a_writer_that_is_back_and_turn_to_others_where_it_is_not)
{
    struct pair pair;
    struct member_status status;

    pair_init(&pair, true, 12);
    const unsigned middle = pair_add_replica(&pair, 0, "us-east-1", "");
    const unsigned last = pair_add_replica(&pair, 0, "us-east-1", "");
    struct replica_settings *settings = &pair.members[last].replica;

    pair.members[last].second = middle;
    snprintf(settings->upstreams[settings->upstream_count++], ADDRESS_TEXT_MAX, "second:1");
    pair_start(&pair, 0);
    pair_start(&pair, middle);
    pair_run(&pair);
    pair_start(&pair, last);
    pair_append(&pair, 4, 900);
    pass(&pair, 30); /* both have found the writer */
    for (unsigned i = 0; i < 3; i++) {
        pair_crash(&pair, 0);
        pass(&pair, 1);
        pair_start(&pair, 0);
        pass(&pair, 3);
        pair_status(&pair, 0, &status);
        EXPECT(status.feed_count == 2);
        EXPECT(strcmp(pair.members[last].world.dialed, "upstream:1") == 0);
    }
    pair_crash(&pair, 0);
    pass(&pair, 8);
    pair_status(&pair, middle, &status);
    EXPECT(status.feed_count == 1);
    pair_free(&pair);
}
