/* The coordinator, at each step of an election: silent, forgetful, or somebody else's by now. */
#include "tests/support/test.h"
#include "tests/unit/replica/hand.h"

#include <stdio.h>

static struct hand hand;

/* ---- looking ---- */

TEST(a_coordinator_that_does_not_answer_the_look_ends_it_before_anything_has_happened)
{
    hand_init(&hand, false, "quorum:1", 1);
    const epoch_t before = hand_control(&hand).highest_epoch;

    hand.world->claim_status = E_COORDINATOR;
    EXPECT_STATUS(hand_try(&hand), E_COORDINATOR);
    EXPECT(hand.peers[1].greeted == 0 && hand_control(&hand).highest_epoch == before);
    hand.world->claim_status = OK;
    EXPECT_STATUS(hand_try(&hand), OK);
    hand_free(&hand);
}

TEST(a_coordinator_that_is_away_for_a_moment_is_asked_again)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.world->claim_status = E_COORDINATOR;
    hand_promote(&hand);
    hand_run(&hand);
    hand.world->claim_status = OK;
    hand_advance(&hand, SPAN_S(10));
    EXPECT_STATUS(hand_verdict(&hand), OK);
    hand_free(&hand);
}

TEST(a_coordinator_without_a_record_is_the_wrong_one_or_has_lost_it)
{
    hand_init(&hand, false, "quorum:1", 1);
    const struct claim_record record = hand.world->record;

    hand.world->record = (struct claim_record){0};
    EXPECT_STATUS(hand_try(&hand), E_NO_RECORD);
    EXPECT(hand.peers[1].greeted == 0);
    hand.world->record = record;
    hand.world->record.lineage.bytes[3] ^= 1;
    EXPECT_STATUS(hand_try(&hand), E_LINEAGE);
    hand.world->record = record;
    snprintf(hand.world->record.level, LEVEL_TEXT_MAX, "most");
    EXPECT_STATUS(hand_try(&hand), E_MALFORMED);
    hand.world->record = record;
    EXPECT_STATUS(hand_try(&hand), OK);
    hand_free(&hand);
}

TEST(who_is_not_in_the_record_may_lead_only_with_an_accepted_loss)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.world->record.members[0].folder.bytes[0] ^= 1; /* the name, with another folder */
    EXPECT_STATUS(hand_try(&hand), E_NOT_VOTER);
    EXPECT(hand.peers[1].greeted == 0);
    EXPECT_STATUS(hand_try_with_loss(&hand, 4), OK);
    hand_free(&hand);
}

/* ---- a coordinator that went back ---- */

TEST(a_record_older_than_what_this_member_has_seen_is_refused)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.world->record.epoch = 0; /* as it was before the writer's claim */
    EXPECT_STATUS(hand_try(&hand), E_WENT_BACK);
    EXPECT(hand.peers[1].fenced == 0 && hand.claims == 0 && hand.world->record.asked == 0);
    EXPECT_STATUS(hand_try_with_loss(&hand, HAND_RECORDS), OK);
    hand_free(&hand);
}

TEST(a_record_older_than_what_a_peer_has_seen_is_refused)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].highest_epoch = 17; /* somebody was promoted, and the coordinator forgot */
    EXPECT_STATUS(hand_try(&hand), E_WENT_BACK);
    EXPECT(strstr(hand.text, "peer1 has seen epoch 17") != NULL);
    EXPECT(hand.peers[1].fenced == 0 && hand.claims == 0 && hand.world->record.asked == 0);
    hand_free(&hand);
}

static void announce_rival(struct hand *at)
{
    if (at->peers[1].greeted > 0 && at->context == NULL) {
        at->context = at;
        at->world->record.version++;
        at->world->record.asked = 17;
    }
}

TEST(a_rival_that_asked_meanwhile_is_no_coordinator_that_went_back)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].highest_epoch = 17;
    hand.before = announce_rival;
    EXPECT_STATUS(hand_try(&hand), OK);
    EXPECT(hand.world->record.epoch == 18);
    hand_free(&hand);
}

static void be_away_at_announcement(struct hand *at)
{
    at->world->claim_status =
        hand_replica(at)->candidate.phase == CANDIDATE_ANNOUNCE ? E_COORDINATOR : OK;
}

TEST(a_coordinator_that_does_not_take_the_epoch_ends_it_before_anybody_is_fenced)
{
    hand_init(&hand, false, "quorum:1", 1);
    const epoch_t before = hand_control(&hand).highest_epoch;

    hand.before = be_away_at_announcement;
    EXPECT_STATUS(hand_try(&hand), E_COORDINATOR);
    EXPECT(hand.peers[1].fenced == 0 && hand_control(&hand).highest_epoch == before);
    hand_free(&hand);
}

/* Its own start as a writer had claimed once more, and stopped: nothing here tells that apart from
 * a disk that was rolled back, but for what sealift-primary looks at. */
TEST(the_writer_that_the_record_names_is_told_how_to_start)
{
    hand_init(&hand, false, "quorum:1", 1);
    struct claim_record *record = &hand.world->record;

    record->members[0] = record->members[1];
    record->member_count = 1;
    snprintf(record->writer, sizeof record->writer, "beta1");
    record->folder = hand_control(&hand).folder;
    record->epoch++;
    hand.peers[1].answers = false;
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    EXPECT(strstr(hand.text, "start sealift-primary on its folder") != NULL);
    EXPECT(hand.claims == 0);
    hand_free(&hand);
}

/* ---- claiming ---- */

static void take_over(struct hand *at)
{
    struct claim_record *record = &at->world->record;

    if (hand_replica(at)->candidate.phase == CANDIDATE_CLAIM && at->context == NULL) {
        at->context = at;
        record->version++;
        record->epoch += 4;
        record->folder = at->peers[1].folder;
        snprintf(record->writer, sizeof record->writer, "peer1");
    }
}

TEST(a_claim_that_is_lost_to_another_candidate_is_over)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.before = take_over;
    EXPECT_STATUS(hand_try(&hand), E_CLAIM_LOST);
    EXPECT(strstr(hand.text, "writer peer1") != NULL);
    EXPECT(!hand_is_writer(&hand) && hand.claims == 1);
    EXPECT(hand_control(&hand).claim_asked == 0);
    hand_free(&hand);
}

static void admit(struct hand *at)
{
    struct claim_record *record = &at->world->record;

    if (hand_replica(at)->candidate.phase == CANDIDATE_CLAIM && at->context == NULL) {
        at->context = at;
        record->version++;
        record->members[record->member_count] = record->members[1];
        snprintf(record->members[record->member_count++].name, MEMBER_TEXT_MAX, "newcomer");
    }
}

TEST(a_member_that_joined_meanwhile_is_counted_among_the_silent)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.before = admit;
    EXPECT_STATUS(hand_try(&hand), E_CLAIM_LOST);
    EXPECT(!hand_is_writer(&hand) && hand.claims == 1);
    hand_free(&hand);

    hand_init(&hand, false, "quorum:2", 1); /* where one may be silent it is claimed again */
    hand.before = admit;
    EXPECT_STATUS(hand_try(&hand), OK);
    EXPECT(hand.claims == 2 && hand.world->record.member_count == 3);
    hand_free(&hand);
}

static void raise_level(struct hand *at)
{
    if (hand_replica(at)->candidate.phase == CANDIDATE_CLAIM && at->context == NULL) {
        at->context = at;
        at->world->record.version++;
        snprintf(at->world->record.level, LEVEL_TEXT_MAX, "quorum:1");
    }
}

TEST(a_level_that_was_changed_meanwhile_is_what_answers_are_held_to)
{
    hand_init(&hand, false, "quorum:2", 1);
    hand.peers[1].answers = false; /* one of two: enough for quorum:2, not for quorum:1 */
    hand.before = raise_level;
    EXPECT_STATUS(hand_try(&hand), E_CLAIM_LOST);
    EXPECT(!hand_is_writer(&hand));
    hand_free(&hand);
}

TEST(a_claim_that_did_not_arrive_is_made_void_before_anything_else_is_done)
{
    hand_init(&hand, false, "quorum:1", 1);
    const struct claim_record before = hand.world->record;

    hand.claim_is_lost = true;
    EXPECT_STATUS(hand_try(&hand), E_CLAIM_LOST);
    EXPECT(!hand_is_writer(&hand) && hand.world->record.version == before.version + 2);
    EXPECT(hand_control(&hand).claim_asked == 0);
    EXPECT_STATUS(hand_try(&hand), OK);
    hand_free(&hand);
}

TEST(a_claim_whose_answer_was_lost_is_found_out)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.answer_is_lost = true;
    EXPECT_STATUS(hand_try(&hand), OK);
    EXPECT(hand_is_writer(&hand) && hand.claims == 1);
    hand_free(&hand);
}

/* Away from the claim on, for as long as it likes: nothing is decided, and nobody is followed. */
static void go_away(struct hand *at)
{
    if (hand_replica(at)->candidate.phase == CANDIDATE_CLAIM) {
        at->world->claim_status = E_COORDINATOR;
    }
}

TEST(a_claim_in_doubt_waits_for_the_coordinator_and_follows_nobody)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.before = go_away;
    EXPECT_STATUS(hand_try(&hand), STATUSES);
    const unsigned dials = hand.world->dials;

    hand_advance(&hand, SPAN_S(600));
    EXPECT(hand.world->dials == dials);
    EXPECT(strcmp(hand_replica(&hand)->member.state, "promoting") == 0);
    hand.before = NULL;
    hand.world->claim_status = OK;
    hand_advance(&hand, SPAN_S(60));
    EXPECT_STATUS(hand_verdict(&hand), E_CLAIM_LOST);
    hand_free(&hand);
}

/* ---- accepting a loss ---- */

static void expect_loss(lsn_t accepted, enum status why, lsn_t first, lsn_t last)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].answers = false;
    EXPECT_STATUS(hand_try_with_loss(&hand, accepted), why);
    if (why == OK) {
        EXPECT(hand.promoted.loss_first_lsn == first && hand.promoted.loss_last_lsn == last);
        EXPECT(hand_control(&hand).loss_pending == last);
    }
    EXPECT(hand_is_writer(&hand) == (why == OK));
    hand_free(&hand);
}

TEST(an_accepted_loss_ends_at_or_behind_what_is_held)
{
    expect_loss(3, E_LOSS, 0, 0);
    expect_loss(0, E_LOSS, 0, 0);
    expect_loss(4, OK, 0, 0); /* nothing beyond it is known: nothing is declared */
    expect_loss(5, OK, 5, 5);
    expect_loss(1000000, OK, 5, 1000000); /* nobody here can know better than who says so */
}

TEST(a_loss_is_not_needed_and_not_declared_where_enough_answer)
{
    hand_init(&hand, false, "quorum:1", 1);
    EXPECT_STATUS(hand_try_with_loss(&hand, 1000), OK);
    EXPECT(hand.promoted.loss_last_lsn == 0 && hand_control(&hand).loss_pending == 0);
    hand_free(&hand);
}

TEST(an_accepted_loss_covers_what_is_known_as_committed_or_is_refused)
{
    hand_init(&hand, false, "quorum:1", 2);
    hand.peers[1].commit_lsn = 7;
    hand.peers[2].answers = false;
    EXPECT_STATUS(hand_try_with_loss(&hand, 6), E_LACKING);
    EXPECT(!hand_is_writer(&hand));
    EXPECT_STATUS(hand_try_with_loss(&hand, 7), OK);
    EXPECT(hand.promoted.loss_first_lsn == 5 && hand.promoted.loss_last_lsn == 7);
    hand_free(&hand);
}

TEST(a_loss_that_was_refused_leaves_nothing_behind)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].answers = false;
    hand.before = take_over;
    EXPECT_STATUS(hand_try_with_loss(&hand, 50), E_CLAIM_LOST);
    EXPECT(hand_control(&hand).loss_pending == 0 && hand_control(&hand).claim_asked == 0);
    hand_free(&hand);
}
