/* Who may ask, when; and what a stop or a crash leaves of an election, wherever it strikes. */
#include "tests/support/test.h"
#include "tests/unit/replica/hand.h"
#include "wal/segment.h"

static struct hand hand;

/* ---- asking ---- */

TEST(only_a_member_that_may_write_and_knows_the_coordinator_is_promoted)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand_replica(&hand)->member.settings.self.role = ROLE_REPLICA;
    EXPECT_STATUS(hand_try(&hand), E_IDENTITY);
    hand_replica(&hand)->member.settings.self.role = ROLE_PRIMARY;
    hand_replica(&hand)->settings.has_coordinator = false;
    EXPECT_STATUS(hand_try(&hand), E_NO_COORDINATOR);
    hand_replica(&hand)->settings.has_coordinator = true;
    hand_replica(&hand)->receiver.joined = false;
    EXPECT_STATUS(hand_try(&hand), E_NOT_READY);
    hand_replica(&hand)->receiver.joined = true;
    EXPECT_STATUS(hand_try(&hand), OK);
    hand_free(&hand);
}

TEST(one_promotion_at_a_time)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].mute_at = MESSAGE_GREET;
    hand_promote(&hand);
    hand_run(&hand);
    const link_t first = hand.client;

    hand_promote(&hand);
    EXPECT_STATUS(hand_verdict(&hand), E_PROMOTING);
    hand.client = first;
    hand_advance(&hand, SPAN_S(60));
    EXPECT_STATUS(hand_verdict(&hand), E_NO_QUORUM);
    hand_free(&hand);
}

TEST(an_operator_who_hangs_up_changes_nothing)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand_promote(&hand);
    fake_link_down(hand.world, hand.client);
    hand_advance(&hand, SPAN_S(10));
    EXPECT(hand_is_writer(&hand));
    EXPECT_STATUS(hand.world->halt_why, E_PROMOTED);
    hand_free(&hand);
}

/* A call that is answered after its election is over is nobody's: neither the receiver's, nor the
 * next election's. */
TEST(an_answer_to_a_call_of_an_election_that_is_over_is_let_go)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.holds_dials = true;
    hand_promote(&hand);
    hand_advance(&hand, SPAN_S(16));
    EXPECT_STATUS(hand_verdict(&hand), E_NO_QUORUM);
    const unsigned dials = hand.world->dials;

    hand_advance(&hand, SPAN_S(60));
    EXPECT(hand.world->dials == dials);
    hand_promote(&hand);
    hand_run(&hand);
    hand.holds_dials = false;
    hand_advance(&hand, SPAN_S(60));
    EXPECT_STATUS(hand_verdict(&hand), OK);
    hand_free(&hand);
}

/* ---- stopping ---- */

TEST(a_stop_is_answered_and_obeyed_in_every_phase)
{
    static const unsigned mute[] = {MESSAGE_GREET, MESSAGE_PROOF, MESSAGE_FENCE};

    for (unsigned i = 0; i < 3; i++) {
        hand_init(&hand, true, "quorum:1", 1);
        hand.peers[1].mute_at = mute[i];
        hand_promote(&hand);
        hand_run(&hand);
        fake_stop(hand.world);
        EXPECT(hand.world->halted && hand.world->halt_why == OK);
        EXPECT_STATUS(hand_verdict(&hand), E_NOT_READY);
        EXPECT(hand_control(&hand).claim_asked == 0);
        hand_free(&hand);
    }
}

/* ---- a damaged copy ---- */

TEST(a_member_that_lacks_a_part_of_its_wal_does_not_lead)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.world->segments[0].data[SEGMENT_HEADER_BYTES + 100] ^= 1;
    NEED(repair_want(&hand_replica(&hand)->member, 0, E_CHECKSUM));
    EXPECT_STATUS(hand_try(&hand), E_DAMAGED);
    EXPECT(strstr(hand.text, "segment 0") != NULL && !hand_is_writer(&hand));
    EXPECT_STATUS(hand_try_with_loss(&hand, HAND_RECORDS), OK);
    hand_free(&hand);
}

/* ---- crashing ---- */

static struct claim_record astray; /* the claim that was under way at the crash */

/* After it was looked for in vain, and before the record is replaced by itself. */
static void arrive_late(struct hand *at)
{
    if (hand_replica(at)->candidate.claim_voided && astray.version == at->world->record.version) {
        at->world->record = astray;
        at->world->record.version++;
        astray.version = 0;
    }
}

enum claim_fate { CLAIM_NEVER, CLAIM_BEFORE, CLAIM_LATE, CLAIM_FATES };

/* What a start must make of it: either it is the writer, and says so, or nothing has happened. */
static void expect_decided(enum claim_fate fate)
{
    if (fate == CLAIM_BEFORE && astray.version == hand.world->record.version) {
        hand.world->record = astray;
        hand.world->record.version++;
    }
    hand.before = fate == CLAIM_LATE ? arrive_late : NULL;
    hand_start(&hand);
    hand_advance(&hand, SPAN_S(60));
    EXPECT(hand.world->halted == hand_is_writer(&hand));
    if (hand.world->halted) {
        EXPECT_STATUS(hand.world->halt_why, E_PROMOTED);
        EXPECT(hand_control(&hand).claim_asked == hand.world->record.epoch);
        return;
    }
    EXPECT(hand_control(&hand).claim_asked == 0 && hand_control(&hand).loss_pending == 0);
    EXPECT(hand_control(&hand).highest_epoch >= hand.peers[1].fence_epoch);
    EXPECT_STATUS(hand_try(&hand), OK);
    EXPECT(hand.world->record.epoch > hand.peers[0].highest_epoch);
}

/* False where the election was over before so many events. */
static bool crash_after(unsigned events, bool encrypted, enum claim_fate fate)
{
    hand_init(&hand, encrypted, "quorum:1", 1);
    hand_promote(&hand);
    hand.end = hand.world->events + events;
    hand_advance(&hand, SPAN_S(60));
    const bool is_over = hand.world->halted;

    hand.end = 0;
    astray = hand_asked_claim(&hand);
    hand_crash(&hand);
    expect_decided(fate);
    hand_free(&hand);
    return !is_over;
}

TEST(a_crash_at_any_event_leaves_an_election_won_or_undone)
{
    for (unsigned fate = CLAIM_NEVER; fate < CLAIM_FATES; fate++) {
        unsigned events = 0;

        while (crash_after(events, fate == CLAIM_NEVER, (enum claim_fate)fate)) {
            events++;
        }
        EXPECT(events > 6); /* look, dials, greetings, saves, fences, claim */
    }
}

TEST(a_crash_in_doubt_without_a_coordinator_halts_until_it_is_named)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.claim_is_lost = true;
    hand_promote(&hand);
    while (hand_control(&hand).claim_asked == 0) {
        hand.end = hand.world->events + 1;
        hand_advance(&hand, SPAN_MS(1));
    }
    hand.end = 0;
    hand_crash(&hand);
    hand.pair.members[1].replica.has_coordinator = false;
    hand_start(&hand);
    hand_advance(&hand, SPAN_S(5));
    EXPECT(hand.world->halted && hand.world->halt_why == E_NO_COORDINATOR);
    hand_crash(&hand);
    hand.pair.members[1].replica.has_coordinator = true;
    hand_start(&hand);
    hand_advance(&hand, SPAN_S(5));
    EXPECT(!hand.world->halted && hand_control(&hand).claim_asked == 0);
    hand_free(&hand);
}

/* False where the promoted member served before so many events of its first start as a writer. */
static bool die_as_a_new_writer(unsigned events)
{
    hand_init(&hand, false, "quorum:1", 1);
    NEED(hand_try(&hand) == OK);
    hand_crash(&hand);

    struct pair_member *member = &hand.pair.members[1];

    member->is_primary = true;
    primary_settings_default(&member->primary);
    member->primary.member = member->replica.member;
    member->primary.pending_max = 256;
    hand.world->halted = false;
    pair_start(&hand.pair, 1);
    hand.world->events_max = hand.world->events + events;
    const bool is_over = fake_run(hand.world);

    hand.world->events_max = UINT64_MAX;
    EXPECT(!is_over || !hand.world->halted);
    pair_crash(&hand.pair, 1);
    member->is_primary = false;
    hand.peers[1].answers = false;
    hand_start(&hand);
    hand_advance(&hand, SPAN_S(60));
    if (!hand.world->halted) {
        EXPECT_STATUS(hand_try(&hand), OK);
    }
    EXPECT(hand.world->halted && hand.world->halt_why == E_PROMOTED && hand_is_writer(&hand));
    hand_free(&hand);
    return !is_over;
}

/* It was once told that it might hold records which nobody who answers holds. */
TEST(the_writer_that_the_record_names_is_promoted_wherever_its_first_start_ended)
{
    unsigned events = 0;

    while (die_as_a_new_writer(events)) {
        events++;
    }
    EXPECT(events > 4); /* folder, claim, saves, header, first batch */
}
