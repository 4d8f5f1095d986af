/* Each feed that streams is looked up in the record: there, it votes; not there, the record is
 * changed (one change at a time) and then it votes. What a holder has acked only grows, link or
 * no link: the batch is on its disk.
 *
 * How it goes wrong: the record is full, or names that member in another region while that one
 * still streams: such a feed is served, but does not vote. The coordinator does not answer: asked
 * again. */
#include "primary/voters.h"

#include "base/check.h"
#include "primary/primary_state.h"

#include <stdio.h>

static void admit_recorded(struct primary *primary)
{
    const struct claim_record *record = &primary->reign.record;
    struct policy *policy = &primary->voters.policy;

    for (uint32_t i = 0; i < record->member_count; i++) {
        (void)policy_admit(policy, record->members[i].name, record->members[i].region);
    }
}

void voters_begin(struct primary *primary)
{
    policy_init(&primary->voters.policy, primary->settings.member.self.region);
    primary->voters.begun = true;
    admit_recorded(primary);
}

static struct claim_member *member_of(struct claim_record *record, const char *name)
{
    for (uint32_t i = 0; i < record->member_count; i++) {
        if (strcmp(record->members[i].name, name) == 0) {
            return &record->members[i];
        }
    }
    return NULL;
}

static bool another_votes_as(const struct primary *primary, const struct feed *feed)
{
    const struct feeds *feeds = &primary->member.feeds;

    for (uint32_t i = 0; i < feeds->capacity; i++) {
        const struct feed *other = &feeds->list[i];

        if (other != feed && other->state != FEED_FREE && other->votes
            && strcmp(other->peer.member, feed->peer.member) == 0) {
            return true;
        }
    }
    return false;
}

/* By compare-and-swap: its acks count once the coordinator knows it. */
static void ask_to_record(struct primary *primary, const struct feed *feed, struct effects *fx)
{
    struct claim_record record = primary->reign.record;
    struct claim_member *member = member_of(&record, feed->peer.member);

    if (member == NULL) {
        if (record.member_count == CLAIM_MEMBERS_MAX) {
            return;
        }
        member = &record.members[record.member_count++];
        snprintf(member->name, sizeof member->name, "%s", feed->peer.member);
    } else if (another_votes_as(primary, feed)) {
        return;
    }
    snprintf(member->region, sizeof member->region, "%s", feed->peer.region);
    member->folder = feed->folder;
    if (reign_change(primary, &record, fx)) {
        trace_event(&primary->settings.member.trace, "voter_asked member=%s region=%s",
                    member->name, member->region);
    }
}

/* A name that comes back with another data folder has lost what it had: its place in the record is
 * another one's. That one takes it over when it holds everything that is committed; until then the
 * place stays, and never answers. */
static bool has_lost_its_folder(struct primary *primary, const struct claim_member *member,
                                const struct feed *feed)
{
    if (member == NULL || id_equal(&member->folder, &feed->folder)) {
        return false;
    }
    policy_forget(&primary->voters.policy, feed->peer.member);
    return feed->acked_lsn < primary->member.commit_lsn;
}

static void count_acks(struct primary *primary, struct feed *feed)
{
    struct voters *voters = &primary->voters;
    const uint32_t holder = policy_admit(&voters->policy, feed->peer.member, feed->peer.region);

    feed->votes = holder < CLAIM_MEMBERS_MAX;
    if (!feed->votes || feed->acked_epoch != primary->reign.epoch
        || feed->acked < primary->reign.start_batch) {
        return;
    }
    if (feed->acked > voters->policy.holders[holder].acked) {
        policy_acked(&voters->policy, holder, feed->acked);
        voters->lsns[holder] = feed->acked_lsn;
    }
}

void voters_on_feed(struct primary *primary, struct feed *feed, struct effects *fx)
{
    if (!primary->voters.begun || feed->state != FEED_STREAMING || primary->reign.is_fenced) {
        return;
    }
    const struct claim_member *member = member_of(&primary->reign.record, feed->peer.member);

    if (member != NULL && strcmp(member->region, feed->peer.region) == 0
        && id_equal(&member->folder, &feed->folder)) {
        count_acks(primary, feed);
        return;
    }
    feed->votes = false;
    if (!has_lost_its_folder(primary, member, feed)) {
        ask_to_record(primary, feed, fx);
    }
}

void voters_on_record(struct primary *primary, struct effects *fx)
{
    struct feeds *feeds = &primary->member.feeds;

    if (!primary->voters.begun) {
        return;
    }
    admit_recorded(primary);
    for (uint32_t i = 0; i < feeds->capacity; i++) {
        voters_on_feed(primary, &feeds->list[i], fx);
    }
}

batch_t voters_reached(const struct primary *primary, struct level level)
{
    const batch_t durable = primary->member.wal.durable;

    /* Nothing commits in an epoch before its first batch does. */
    if (!primary->voters.begun || durable < primary->reign.start_batch) {
        return 0;
    }
    return policy_reached(&primary->voters.policy, level, durable);
}

static lsn_t lsn_of_batch(const struct primary *primary, batch_t batch)
{
    const struct wal *wal = &primary->member.wal;
    const struct voters *voters = &primary->voters;
    const struct window_batch *found = window_find(&wal->window, batch);

    if (batch == wal->durable) {
        return wal->durable_lsn;
    }
    if (found != NULL) {
        return found->end_lsn;
    }
    for (uint32_t i = 0; i < voters->policy.count; i++) {
        if (voters->policy.holders[i].acked == batch) {
            return voters->lsns[i]; /* whose ack it was that the level was reached by */
        }
    }
    return 0;
}

void voters_commit(struct primary *primary)
{
    struct member *member = &primary->member;
    const batch_t reached = voters_reached(primary, member->level);
    const lsn_t lsn = reached == 0 ? 0 : lsn_of_batch(primary, reached);

    if (lsn > member->commit_lsn) {
        CHECK(lsn <= member->wal.durable_lsn);
        member->commit_lsn = member->visible_lsn = lsn;
        member->wal.commit_lsn = lsn;
    }
}
