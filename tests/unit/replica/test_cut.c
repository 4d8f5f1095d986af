/* Where histories part: what only the replica holds goes aside and the copies are equal again; what
 * was committed is never cut. */
#include "cluster/control.h"
#include "replica/receiver.h"
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

#include <stdlib.h>

static const char tokyo_key[] = "arn:aws:kms:ap-northeast-1:111122223333:key/0000";

/* The primary ships `appends` batches that its own disk never gets, and dies. */
static void ship_and_die(struct pair *pair, unsigned appends, size_t size)
{
    pair->members[0].world.hold_writes = true;
    for (unsigned i = 0; i < appends; i++) {
        pair_append(pair, 4, size);
    }
    pair_crash(pair, 0);
}

static epoch_t control_epoch(const struct fake_world *world)
{
    static struct control control;
    const struct fake_file *file = &world->files[STORE_CONTROL];

    return control_decode(&control, bytes_of(file->data, file->size), NULL) == OK
               ? control.highest_epoch
               : 0;
}

static void expect_equal_again(struct pair *pair, unsigned replica, size_t size)
{
    struct member_status one, other;

    pair_advance(pair, SPAN_S(20));
    pair_append(pair, 3, size);
    pair_advance(pair, SPAN_S(1));
    pair_status(pair, 0, &one);
    pair_status(pair, replica, &other);
    EXPECT(!pair->members[replica].world.halted);
    EXPECT(one.durable_batch == other.durable_batch && one.durable_lsn == other.durable_lsn);
    EXPECT(other.visible_lsn == one.committed_lsn);
    EXPECT(pair_read(pair, replica, 1, size) == other.visible_lsn);
}

static void cut_of(bool encrypted, unsigned before, unsigned lost, bool restart_replica)
{
    struct pair pair;

    pair_init(&pair, encrypted, 11);
    const unsigned replica =
        pair_add_replica(&pair, 0, "ap-northeast-1", encrypted ? tokyo_key : "");

    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_run(&pair);
    for (unsigned i = 0; i < before; i++) {
        pair_append(&pair, 4, 900);
    }
    ship_and_die(&pair, lost, 900);
    pair.sequence -= 4 * lost;
    if (restart_replica) {
        pair_crash(&pair, replica);
        pair_start(&pair, replica);
    }
    pair_start(&pair, 0);
    expect_equal_again(&pair, replica, 900);
    EXPECT(lost == 0 || pair.members[replica].world.quarantined > 0);
    pair_free(&pair);
}

static void cut(unsigned before, unsigned lost, bool restart_replica)
{
    cut_of(true, before, lost, restart_replica);
}

TEST(what_the_primary_lost_is_set_aside_within_a_segment)
{
    cut(5, 3, false);
    cut(5, 3, true);
}

TEST(what_the_primary_lost_is_set_aside_over_many_segments)
{
    cut(20, 45, false);
    cut(20, 45, true);
}

TEST(what_the_primary_lost_is_set_aside_to_the_first_record)
{
    cut(0, 2, false);
    cut(0, 20, true);
}

TEST(an_unencrypted_copy_is_cut_alike)
{
    cut_of(false, 5, 3, false);
    cut_of(false, 5, 3, true);
    cut_of(false, 20, 45, true);
    cut_of(false, 0, 20, false);
}

/* Its claim and all before it are durable, and nothing more becomes so. */
static void be_born_without_a_header(struct pair *pair)
{
    struct fake_world *world = &pair->members[0].world;

    pair_start(pair, 0);
    while (!world->segments[0].exists) {
        const bool born = world->files[STORE_DESCRIPTOR].exists && world->record.epoch == 1;

        world->hold_writes = born && control_epoch(world) == 1;
        if (world->hold_writes) {
            break;
        }
        world->events_max = world->events + 1;
        (void)fake_run(world);
    }
    world->events_max = UINT64_MAX;
    NEED(world->hold_writes);
}

/* A primary that dies in the very moment of its birth: its first header, too, never reached its own
 * disk, but a replica. Nothing of that reign stays: the WAL begins again at segment 0. */
static void cut_everything(bool encrypted, bool restart_replica)
{
    struct member_status status;
    struct pair pair;

    pair_init(&pair, encrypted, 14);
    const unsigned replica =
        pair_add_replica(&pair, 0, "ap-northeast-1", encrypted ? tokyo_key : "");
    struct fake_world *world = &pair.members[0].world;

    be_born_without_a_header(&pair);
    pair_start(&pair, replica);
    pair_append(&pair, 4, 900);
    pair_advance(&pair, SPAN_MS(100));
    pair_status(&pair, replica, &status);
    NEED(status.durable_lsn == 4 && !world->segments[0].exists);
    pair_crash(&pair, 0);
    pair.sequence -= 4;
    if (restart_replica) {
        pair_crash(&pair, replica);
        pair_start(&pair, replica);
    }
    pair_start(&pair, 0);
    expect_equal_again(&pair, replica, 900);
    EXPECT(pair.members[replica].world.quarantined > 0);
    EXPECT(pair_disks_are_equal(&pair, 0, replica));
    pair_free(&pair);
}

TEST(a_cut_to_nothing_begins_the_wal_again)
{
    cut_everything(true, false);
    cut_everything(true, true);
    cut_everything(false, false);
    cut_everything(false, true);
}

/* Found by a seed: the next start took the new segments 0 to 2 for what retention had been about to
 * delete. */
TEST(a_cut_to_nothing_ends_the_mark_of_retention)
{
    struct pair pair;
    struct member_status status;

    pair_init(&pair, true, 14);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);
    struct pair_member *member = &pair.members[replica];

    be_born_without_a_header(&pair);
    pair_start(&pair, replica);
    pair_append(&pair, 4, 900);
    pair_advance(&pair, SPAN_MS(100));
    struct control *control = &((struct replica *)member->world.node)->member.control;

    control->first_segment = 3;
    control->before_epoch = 1;
    pair_crash(&pair, 0);
    pair.sequence -= 4;
    pair_start(&pair, 0);
    expect_equal_again(&pair, replica, 900);
    pair_crash(&pair, replica);
    pair_start(&pair, replica);
    expect_equal_again(&pair, replica, 900);
    pair_status(&pair, replica, &status);
    EXPECT(status.first_segment == 0 && pair_disks_are_equal(&pair, 0, replica));
    pair_free(&pair);
}

/* ---- a deletion by retention, and a cut ---- */

struct both {
    struct pair pair;
    unsigned replica;
    struct member *member;
};

/* A replica holds segments of a reign that its primary's disk never got, but for `kept` records and
 * (if it keeps the start) the batch before them. They were committed, and somebody has given them
 * up since: the next reign, which begins behind those, says so. The replica may let go what is
 * behind the commit, of which it has not heard. */
static void begin_both(struct both *both, bool keeps_the_start, lsn_t kept)
{
    static struct control control;
    struct pair *pair = &both->pair;

    pair_init(pair, true, 14);
    both->replica = pair_add_replica(pair, 0, "ap-northeast-1", tokyo_key);
    struct member_settings *settings = &pair->members[both->replica].replica.member;
    struct fake_file *file = &pair->members[0].world.files[STORE_CONTROL];

    settings->retain_bytes = settings->segment_bytes;
    settings->retain_gap = SPAN_MS(1);
    if (keeps_the_start) {
        pair_start(pair, 0);
        pair_run(pair);
    } else {
        be_born_without_a_header(pair);
    }
    pair_start(pair, both->replica);
    if (kept > 0) {
        pair_append(pair, (unsigned)kept, 900);
    }
    pair_advance(pair, SPAN_MS(300));
    pair->members[0].world.hold_writes = true;
    for (unsigned i = 0; i < 8; i++) {
        pair_append(pair, 1, 20000);
    }
    pair_advance(pair, SPAN_S(1));
    pair_crash(pair, 0);
    both->member = &((struct replica *)pair->members[both->replica].world.node)->member;
    NEED(both->member->wal.index.count > 3);
    NEED(control_decode(&control, bytes_of(file->data, file->size), NULL) == OK);
    control_add_loss(&control,
                     &(struct epoch_loss){.epoch = 2, .first_lsn = kept + 1, .last_lsn = 100});
    control_encode(&control, file->data);
    pair->sequence = kept;
    pair->context = both;
}

static void end_both(struct both *both)
{
    struct pair *pair = &both->pair;
    const struct fake_world *world = &pair->members[both->replica].world;

    pair->watch = NULL;
    both->member->settings.retain_bytes = 0;
    pair->members[both->replica].replica.member.retain_bytes = 0;
    expect_equal_again(pair, both->replica, 900);
    EXPECT(world->quarantined > 0 && world->segments[0].exists);
    EXPECT(pair_disks_are_equal(pair, 0, both->replica));
    pair_crash(pair, both->replica);
    pair_start(pair, both->replica);
    expect_equal_again(pair, both->replica, 900);
    pair_free(pair);
}

/* The replica hears of the commit, and it is time to look. */
static void let_go(struct both *both)
{
    both->member->commit_lsn = both->member->wal.durable_lsn;
    both->member->retention.look_at = (struct instant){0};
}

static void let_go_at_the_greeting(void *context, struct pair_message *message)
{
    struct both *both = context;

    if (message->message->type == MESSAGE_GREET && message->to == both->replica) {
        both->pair.members[both->replica].world.hold_writes = true; /* the disk hangs */
        let_go(both);
    }
}

static void let_go_in_the_cut(void *context, struct pair_message *message)
{
    struct both *both = context;

    if (message->message->type == MESSAGE_PROOF && message->to == both->replica) {
        let_go(both);
    }
}

/* `crash_after`: so many events of the replica after its disk goes on; 0: never. */
static void delete_and_cut(bool keeps_the_start, lsn_t kept, uint64_t crash_after)
{
    struct both both;
    struct fake_world *world = &both.pair.members[1].world;

    begin_both(&both, keeps_the_start, kept);
    both.pair.watch = let_go_at_the_greeting;
    pair_start(&both.pair, 0);
    pair_advance(&both.pair, SPAN_S(3));
    EXPECT(world->hold_writes && both.member->retention.step == RETENTION_MARK);
    EXPECT(((struct replica *)world->node)->receiver.state == RECEIVER_CUTTING);
    world->hold_writes = false;
    world->events_max = crash_after == 0 ? UINT64_MAX : world->events + crash_after;
    pair_advance(&both.pair, SPAN_MS(300));
    world->events_max = UINT64_MAX;
    if (crash_after > 0) {
        both.pair.watch = NULL;
        pair_crash(&both.pair, both.replica);
        pair_start(&both.pair, both.replica);
        both.member = &((struct replica *)world->node)->member;
    } else {
        EXPECT(both.member->retention.deleted == 1);
    }
    end_both(&both);
}

TEST(a_deletion_under_way_ends_before_a_cut_and_spares_the_new_segment_of_that_number)
{
    delete_and_cut(false, 0, 0);
    delete_and_cut(true, 0, 0);
}

TEST(a_crash_at_any_moment_of_a_deletion_and_a_cut_is_recovered_from)
{
    for (uint64_t after = 1; after < 40; after++) {
        delete_and_cut(false, 0, after);
        delete_and_cut(true, 0, after);
        delete_and_cut(true, 4, after);
    }
}

/* Found by a seed: the loss that had been accepted was held against all of the WAL. */
TEST(a_cut_behind_what_retention_let_go_needs_no_more_of_a_loss_than_there_is)
{
    delete_and_cut(true, 4, 0);
}

TEST(nothing_goes_while_a_cut_looks_for_its_place)
{
    struct both both;

    begin_both(&both, true, 4);
    both.pair.watch = let_go_in_the_cut;
    pair_start(&both.pair, 0);
    pair_advance(&both.pair, SPAN_S(3));
    EXPECT(both.member->retention.deleted == 0);
    end_both(&both);
}

/* The middle one cuts, hangs up on those whom it fed, and they cut after it. */
static void cut_cascade(bool encrypted, unsigned before, unsigned lost, bool restart_last)
{
    struct member_status status;
    struct pair pair;

    pair_init(&pair, encrypted, 15);
    const char *key = encrypted ? tokyo_key : "";
    const unsigned middle = pair_add_replica(&pair, 0, "ap-northeast-1", key);
    const unsigned last = pair_add_replica(&pair, middle, "ap-northeast-1", "");

    pair_start(&pair, 0);
    pair_start(&pair, middle);
    pair_advance(&pair, SPAN_S(1));
    pair_start(&pair, last);
    pair_advance(&pair, SPAN_S(5));
    for (unsigned i = 0; i < before; i++) {
        pair_append(&pair, 4, 900);
    }
    ship_and_die(&pair, lost, 900);
    pair_advance(&pair, SPAN_MS(200));
    pair.sequence -= 4 * lost;
    pair_status(&pair, last, &status);
    EXPECT(status.durable_lsn > 4 * before); /* some of it came all the way */
    if (restart_last) {
        pair_crash(&pair, last);
        pair_start(&pair, last);
    }
    pair_start(&pair, 0);
    expect_equal_again(&pair, middle, 900);
    expect_equal_again(&pair, last, 900);
    EXPECT(pair.members[middle].world.quarantined > 0);
    EXPECT(pair.members[last].world.quarantined > 0);
    EXPECT(pair_disks_are_equal(&pair, 0, middle) && pair_disks_are_equal(&pair, 0, last));
    pair_free(&pair);
}

TEST(a_cut_is_handed_down_a_cascade)
{
    cut_cascade(true, 5, 3, false);
    cut_cascade(true, 20, 45, true);
    cut_cascade(false, 5, 3, true);
    cut_cascade(false, 0, 20, false);
}

TEST(a_crash_of_the_replica_after_any_write_of_a_cut_is_recovered_from)
{
    for (uint64_t extra = 1; extra < 40; extra++) {
        struct pair pair;

        pair_init(&pair, true, 12);
        const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

        pair_start(&pair, 0);
        pair_start(&pair, replica);
        pair_append(&pair, 4, 900);
        pair_advance(&pair, SPAN_MS(100));
        ship_and_die(&pair, 35, 900);
        pair.sequence -= 4 * 35;

        struct fake_world *world = &pair.members[replica].world;

        pair_start(&pair, 0);
        world->events_max = world->events + extra;
        pair_advance(&pair, SPAN_MS(300));
        world->events_max = UINT64_MAX;
        pair_crash(&pair, replica);
        pair_start(&pair, replica);
        expect_equal_again(&pair, replica, 900);
        pair_free(&pair);
    }
}

/* What the primary seals does not come through, but for its COMMITs. */
static void let_commits_through(void *context, struct pair_message *message)
{
    const unsigned type = message->message->type;

    message->drop = message->from == 0 && message->to == *(const unsigned *)context
                    && (type == MESSAGE_SEGMENT || type == MESSAGE_BATCH);
}

/* Found by a seed: whoever heard of a commit, and then got a dead end of the WAL from another
 * member, showed that to its readers. */
TEST(a_commit_that_was_heard_elsewhere_says_nothing_of_what_comes_next)
{
    struct member_status status;
    struct pair pair;

    pair_init(&pair, true, 17);
    const unsigned stale = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

    pair_start(&pair, 0);
    pair_start(&pair, stale);
    pair_append(&pair, 4, 900);
    pair_advance(&pair, SPAN_S(1));
    ship_and_die(&pair, 3, 900); /* LSN 5 to 16 are on the stale one's disk only */
    pair_cut(&pair, stale);
    pair.sequence -= 12;
    pair_start(&pair, 0);
    pair.local = true;
    for (unsigned i = 0; i < 10; i++) {
        pair_append(&pair, 4, 900);
    }
    pair.watch = let_commits_through;
    pair.context = (void *)&replica;
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(2));
    pair_status(&pair, replica, &status);
    NEED(status.committed_lsn == 44 && status.durable_lsn == 0);

    pair.members[replica].upstream = stale;
    pair_crash(&pair, 0);
    pair_advance(&pair, SPAN_S(20));
    pair_status(&pair, replica, &status);
    EXPECT(status.durable_lsn == 16);
    EXPECT(status.visible_lsn <= 4 && pair_read(&pair, replica, 1, 900) <= 4);
    pair_free(&pair);
}

static void copy_file(struct fake_file *to, const struct fake_file *from)
{
    *to = *from;
    if (from->exists) {
        to->data = malloc(from->size + 1);
        NEED(to->data != NULL);
        memcpy(to->data, from->data, from->size);
    }
}

TEST(a_history_that_would_cut_what_was_committed_halts_the_replica)
{
    static struct fake_file files[STORE_FILES], segments[FAKE_SEGMENTS_MAX];
    struct pair pair;

    pair_init(&pair, true, 13);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_append(&pair, 4, 900);
    pair_advance(&pair, SPAN_MS(100));

    struct fake_world *world = &pair.members[0].world;

    for (unsigned i = 0; i < FAKE_SEGMENTS_MAX; i++) {
        copy_file(&segments[i], &world->segments[i]);
    }
    for (unsigned i = 0; i < STORE_FILES; i++) {
        copy_file(&files[i], &world->files[i]);
    }
    pair_append(&pair, 4, 900);
    pair_advance(&pair, SPAN_MS(100)); /* committed, and the replica knows */
    pair_crash(&pair, 0);
    for (unsigned i = 0; i < FAKE_SEGMENTS_MAX; i++) {
        free(world->segments[i].data);
        world->segments[i] = segments[i];
    }
    for (unsigned i = 0; i < STORE_FILES; i++) {
        free(world->files[i].data);
        world->files[i] = files[i];
    }
    pair_start(&pair, 0);
    pair_advance(&pair, SPAN_S(5));
    EXPECT(pair.members[replica].world.halted);
    EXPECT_STATUS(pair.members[replica].world.halt_why, E_CUT_COMMITTED);
    EXPECT(pair.members[replica].world.quarantined == 0);
    EXPECT(strstr(pair.members[replica].world.halt_text, "LSN 4") != NULL);

    struct member_status status; /* and its primary raises an alarm: it has lost them */

    pair_status(&pair, 0, &status);
    EXPECT(status.lost_lsn == 8);
    pair_free(&pair);
}

/* It heard of the second epoch where that would have begun elsewhere, and never got any of it. */
static void hear_of_another_epoch(struct fake_world *world)
{
    static struct control control;
    struct fake_file *file = &world->files[STORE_CONTROL];

    NEED(control_decode(&control, bytes_of(file->data, file->size), NULL) == OK);
    NEED(epoch_table_add(&control.epochs,
                         &(struct epoch_entry){.epoch = 2, .start_batch = 100, .start_lsn = 500})
         == OK);
    control.highest_epoch = 2;
    control_encode(&control, file->data);
}

TEST(whoever_takes_over_a_table_of_epochs_has_seen_its_newest)
{
    struct pair pair;

    pair_init(&pair, true, 12);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_append(&pair, 4, 900);
    pair_advance(&pair, SPAN_S(1));
    pair_crash(&pair, replica);
    hear_of_another_epoch(&pair.members[replica].world);
    for (unsigned i = 0; i < 2; i++) { /* the writer comes to epoch 3 */
        pair_crash(&pair, 0);
        pair_start(&pair, 0);
        pair_advance(&pair, SPAN_S(1));
    }
    pair_start(&pair, replica);
    expect_equal_again(&pair, replica, 900);
    EXPECT(control_epoch(&pair.members[replica].world) == 3);
    pair_free(&pair);
}
