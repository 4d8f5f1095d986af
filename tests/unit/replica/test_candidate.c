/* Who may lead: which answers are enough, and what an answer is worth. */
#include "tests/support/test.h"
#include "tests/unit/replica/hand.h"

#include <stdio.h>

static struct hand hand;

static void set_answering(unsigned others)
{
    for (unsigned i = 1; i < hand.count; i++) {
        hand.peers[i].answers = i <= others;
    }
}

/* Nothing of an election is left here, and nobody else has heard more than a greeting. */
static void expect_untouched(epoch_t epoch)
{
    const struct control control = hand_control(&hand);

    EXPECT(control.highest_epoch == epoch && control.claim_asked == 0 && control.loss_pending == 0);
    EXPECT(hand.claims == 0 && !hand_is_writer(&hand));
    for (unsigned i = 0; i < hand.count; i++) {
        EXPECT(hand.peers[i].fenced == 0);
    }
}

/* ---- how many ---- */

TEST(of_n_voters_n_minus_k_plus_1_are_enough_and_one_less_is_not)
{
    for (unsigned n = 1; n <= 5; n++) {
        for (unsigned k = 1; k <= n; k++) {
            char level[LEVEL_TEXT_MAX];

            snprintf(level, sizeof level, "quorum:%u", k);
            hand_init(&hand, false, level, n - 1);
            const epoch_t before = hand_control(&hand).highest_epoch;

            if (n - k > 0) { /* n - k answer: this member, and n - k - 1 others */
                set_answering(n - k - 1);
                EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
                expect_untouched(before);
            }
            set_answering(n - k);
            EXPECT_STATUS(hand_try(&hand), OK);
            EXPECT(hand_is_writer(&hand));
            EXPECT(hand.world->record.epoch == before + 1);
            EXPECT(hand.world->record.member_count == n); /* the old writer is one of them now */
            hand_free(&hand);
        }
    }
}

TEST(those_who_are_silent_are_named)
{
    hand_init(&hand, false, "quorum:1", 2);
    set_answering(0);
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    EXPECT(strstr(hand.text, "alpha, peer1, peer2 may hold records") != NULL);
    EXPECT(strstr(hand.text, "up to LSN 4") != NULL);
    hand_free(&hand);
}

TEST(at_level_local_nobody_but_the_writer_will_do)
{
    hand_init(&hand, false, "local", 3);
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    hand.peers[0].answers = true;
    set_answering(0);
    EXPECT_STATUS(hand_try(&hand), OK);
    hand_free(&hand);
}

TEST(a_writer_that_holds_nothing_of_its_reign_is_silent)
{
    hand_init(&hand, false, "local", 0);
    hand.peers[0].answers = true;
    hand.peers[0].position = (struct position){0};
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    hand_free(&hand);
}

TEST(silent_ones_in_fewer_regions_than_the_level_names_hide_nothing)
{
    hand_init(&hand, false, "region:2", 3); /* beta1 and three others, each in its region */
    set_answering(1);
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    snprintf(hand.world->record.members[3].region, REGION_TEXT_MAX, "region-2");
    EXPECT_STATUS(hand_try(&hand), OK); /* peer2 and peer3 share one: they cannot make two */
    hand_free(&hand);
}

/* ---- what an answer is worth ---- */

TEST(a_name_with_another_folder_is_silent)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].folder.bytes[0] = 0xee;
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    EXPECT(strstr(hand.text, "peer1") != NULL);
    hand_free(&hand);
}

TEST(who_answers_twice_counts_once)
{
    hand_init(&hand, false, "quorum:1", 2);
    hand.peers[1].answers_twice = true;
    hand.peers[2].mute_at = MESSAGE_FENCE;
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    EXPECT(strstr(hand.text, "alpha, peer2 may hold") != NULL);
    EXPECT_STATUS(hand.peers[1].bye, E_PROTOCOL);
    hand_free(&hand);
}

TEST(one_member_behind_two_addresses_counts_once)
{
    hand_init(&hand, false, "quorum:1", 2);
    hand.peers[2].identity = hand.peers[1].identity;
    hand.peers[2].folder = hand.peers[1].folder;
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    EXPECT(strstr(hand.text, "alpha, peer2 may hold") != NULL);
    hand_free(&hand);
}

TEST(its_own_address_among_them_counts_for_nothing)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].identity = hand.pair.members[1].self;
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    EXPECT(hand.peers[1].greeted == 0);
    hand_free(&hand);
}

TEST(a_certificate_of_another_lineage_or_role_is_hung_up_on)
{
    hand_init(&hand, false, "quorum:1", 2);
    hand.peers[1].identity.lineage.bytes[5] ^= 1;
    hand.peers[2].identity.role = ROLE_CLIENT;
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    EXPECT(hand.peers[1].greeted == 0 && hand.peers[2].greeted == 0);
    hand_free(&hand);
}

static void of_another_lineage(struct greet *greet)
{
    greet->lineage.bytes[5] ^= 1;
}

static void of_another_descriptor(struct greet *greet)
{
    greet->descriptor.bytes[5] ^= 1;
}

static void of_another_setting(struct greet *greet)
{
    greet->suite ^= 1;
}

static void of_another_version(struct greet *greet)
{
    greet->version++;
}

static void of_another_region(struct greet *greet)
{
    greet->region[0]++;
}

static void with_another_key(struct greet *greet)
{
    greet->deks[0].bytes[0] ^= 1;
}

static void with_a_newer_key_besides(struct greet *greet)
{
    greet->deks[greet->dek_count] = greet->deks[greet->dek_count - 1];
    greet->deks[greet->dek_count++].bytes[0] ^= 1;
}

static void without_a_key(struct greet *greet)
{
    greet->dek_count = 0;
}

static void expect_refused_greeting(bool encrypted, void (*lie)(struct greet *greet),
                                    enum status why)
{
    hand_init(&hand, encrypted, "quorum:1", 1);
    hand.peers[1].lie = lie;
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    EXPECT_STATUS(hand.peers[1].bye, why);
    EXPECT(hand.peers[1].fenced == 0);
    hand.peers[1].lie = NULL;
    EXPECT_STATUS(hand_try(&hand), OK);
    hand_free(&hand);
}

TEST(a_greeting_that_does_not_agree_is_no_answer)
{
    expect_refused_greeting(false, of_another_lineage, E_LINEAGE);
    expect_refused_greeting(false, of_another_descriptor, E_DESCRIPTOR);
    expect_refused_greeting(false, of_another_setting, E_DESCRIPTOR);
    expect_refused_greeting(false, of_another_version, E_VERSION);
    expect_refused_greeting(false, of_another_region, E_IDENTITY);
    expect_refused_greeting(true, with_another_key, E_WRONG_KEY);
    expect_refused_greeting(true, without_a_key, E_PROTOCOL);
}

/* Nothing that is sealed under it has to be read to be asked, or fenced. */
TEST(a_data_key_that_only_the_peer_holds_keeps_nobody_from_being_asked)
{
    hand_init(&hand, true, "quorum:1", 1);
    hand.peers[1].lie = with_a_newer_key_besides;
    EXPECT_STATUS(hand_try(&hand), OK);
    EXPECT(hand.peers[1].fenced == 1);
    hand_free(&hand);
}

TEST(who_cannot_prove_that_it_holds_the_key_is_no_answer)
{
    hand_init(&hand, true, "quorum:1", 1);
    hand.peers[1].wrong_proof = true;
    EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
    EXPECT_STATUS(hand.peers[1].bye, E_PROOF);
    EXPECT(hand.peers[1].fenced == 0);
    hand.peers[1].wrong_proof = false;
    EXPECT_STATUS(hand_try(&hand), OK);
    hand_free(&hand);
}

TEST(who_stops_in_the_middle_of_a_greeting_is_silent)
{
    static const unsigned at[] = {MESSAGE_GREET, MESSAGE_PROOF};

    for (unsigned i = 0; i < 2; i++) {
        hand_init(&hand, true, "quorum:1", 1);
        hand.peers[1].mute_at = at[i];
        EXPECT_STATUS(hand_try(&hand), E_NO_QUORUM);
        EXPECT(hand.peers[1].fenced == 0);
        hand_free(&hand);
    }
}

/* ---- epochs ---- */

TEST(the_epoch_is_above_all_that_anybody_has_seen)
{
    hand_init(&hand, false, "quorum:1", 2);
    hand.peers[1].highest_epoch = hand.world->record.asked = 17;
    EXPECT_STATUS(hand_try(&hand), OK);
    EXPECT(hand.world->record.epoch == 18);
    EXPECT(hand.peers[1].fence_epoch == 18 && hand.peers[2].fence_epoch == 18);
    hand_free(&hand);

    hand_init(&hand, false, "quorum:1", 1);
    hand.world->record.epoch = 30;
    EXPECT_STATUS(hand_try(&hand), OK);
    EXPECT(hand.world->record.epoch == 31);
    hand_free(&hand);
}

TEST(a_peer_that_has_seen_a_higher_epoch_meanwhile_ends_it)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].fence_refusal = E_STALE_EPOCH;
    EXPECT_STATUS(hand_try(&hand), E_STALE_EPOCH);
    EXPECT(hand.claims == 0);
    hand_free(&hand);

    hand_init(&hand, false, "quorum:1", 2); /* silence is another thing, and is said first */
    hand.peers[1].fence_refusal = E_STALE_EPOCH;
    hand.peers[2].mute_at = MESSAGE_FENCE;
    EXPECT_STATUS(hand_try(&hand), E_STALE_EPOCH);
    hand_free(&hand);
}

TEST(it_does_not_matter_where_the_others_are_enough)
{
    hand_init(&hand, false, "quorum:2", 2);
    hand.peers[1].fence_refusal = E_STALE_EPOCH;
    EXPECT_STATUS(hand_try(&hand), OK);
    hand_free(&hand);
}

static void fence_when_fenced(struct hand *at)
{
    const struct replica *replica = hand_replica(at);

    if (replica->candidate.phase == CANDIDATE_FENCE && at->context == NULL) {
        at->context = at;
        hand_fence(at, replica->candidate.epoch + 5);
    }
}

TEST(a_candidate_that_is_fenced_itself_gives_way)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.before = fence_when_fenced;
    EXPECT_STATUS(hand_try(&hand), E_STALE_EPOCH);
    EXPECT(hand.claims == 0 && hand_control(&hand).claim_asked == 0);
    hand_free(&hand);
}

/* ---- fencing ---- */

TEST(the_epoch_that_others_refuse_lower_ones_for_is_durable_here_first)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].mute_at = MESSAGE_FENCE;
    hand_promote(&hand);
    hand_advance(&hand, SPAN_S(60));
    EXPECT_STATUS(hand_verdict(&hand), E_NO_QUORUM);
    EXPECT(strstr(hand.text, "refuse the old writer from now on") != NULL);
    EXPECT(hand.peers[1].fenced == 1);
    EXPECT(hand_control(&hand).highest_epoch == hand.peers[1].fence_epoch);
    hand_free(&hand); /* which looks at every FENCE */
}

TEST(the_writer_is_fenced_first_and_alone)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[0].answers = true;
    hand.peers[0].mute_at = MESSAGE_FENCE;
    hand_promote(&hand);
    hand_advance(&hand, SPAN_S(1));
    EXPECT(hand.peers[0].fenced == 1 && hand.peers[1].fenced == 0);
    hand_free(&hand);
}

TEST(a_writer_that_greets_and_cannot_answer_does_not_keep_the_others_from_it)
{
    hand_init(&hand, false, "quorum:1", 1); /* its disk hangs, as one does that is replaced */
    hand.peers[0].answers = true;
    hand.peers[0].mute_at = MESSAGE_FENCE;
    EXPECT_STATUS(hand_try(&hand), OK);
    EXPECT(hand.peers[1].fenced == 1);
    hand_free(&hand);
}

TEST(a_loss_is_accepted_only_after_everybody_was_asked)
{
    hand_init(&hand, false, "local", 1);
    hand.peers[0].answers = true;
    hand.peers[0].mute_at = MESSAGE_FENCE;
    EXPECT_STATUS(hand_try_with_loss(&hand, 9), OK);
    EXPECT(hand.peers[1].fenced == 1);
    hand_free(&hand);
}

/* ---- catching up ---- */

TEST(who_holds_more_must_give_it_first)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].position.batch++;
    hand.peers[1].end_lsn++;
    EXPECT_STATUS(hand_try(&hand), E_BEHIND);
    EXPECT(strstr(hand.text, "LSN 5") != NULL);
    EXPECT(hand.claims == 0);
    hand.peers[1].position.batch--;
    hand.peers[1].end_lsn--;
    EXPECT_STATUS(hand_try(&hand), OK);
    hand_free(&hand);
}

/* Found by a seed: the claim was made beside the living writer, which nobody had fenced. */
static void try_left_behind(bool encrypted)
{
    hand_init(&hand, encrypted, "quorum:1", 1);
    hand.peers[1].position.batch++;
    hand.peers[1].end_lsn++;
    hand.peers[1].greet_refusal = E_LOST;
    EXPECT_STATUS(hand_try_with_loss(&hand, 100), E_BEHIND);
    EXPECT(strstr(hand.text, "peer1 holds up to LSN 5 and has let go of") != NULL);
    EXPECT(hand.claims == 0);
    EXPECT_STATUS(hand_try(&hand), E_BEHIND);
    hand.peers[1].answers = false; /* stopped */
    EXPECT_STATUS(hand_try_with_loss(&hand, 100), OK);
    hand_free(&hand);
}

TEST(no_loss_is_accepted_beside_a_living_member_that_has_let_go_what_it_lacks)
{
    try_left_behind(false);
    try_left_behind(true);
}

TEST(a_later_epoch_is_more_whatever_its_batch)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].position =
        (struct position){.epoch = hand.peers[1].position.epoch + 1, .batch = 1};
    EXPECT_STATUS(hand_try(&hand), E_BEHIND);
    hand_free(&hand);
}

TEST(what_is_known_as_committed_and_held_by_nobody_is_not_passed_over)
{
    hand_init(&hand, false, "quorum:1", 1);
    hand.peers[1].commit_lsn = 7;
    EXPECT_STATUS(hand_try(&hand), E_LACKING);
    EXPECT(strstr(hand.text, "up to LSN 7 are known as committed") != NULL);
    EXPECT(hand.claims == 0);
    hand_free(&hand);
}
