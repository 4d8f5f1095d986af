/* The table against a history written out batch by batch: every pair of small tables. */
#include "base/check.h"
#include "cluster/epoch_table.h"
#include "tests/support/test.h"

enum { EPOCHS = 3, BATCHES = 5, TABLES_MAX = 512 };

/* A history as people would write it down: which epoch has each batch? 0 = not known. */
struct story {
    epoch_t epoch_of[BATCHES + 2];
    epoch_t newest;
};

static struct epoch_table tables[TABLES_MAX];
static unsigned table_count;

static struct epoch_entry entry_of(epoch_t epoch, batch_t start)
{
    return (struct epoch_entry){.epoch = epoch, .start_batch = start, .start_lsn = start};
}

/* Every table of up to three epochs that start at 1 to BATCHES + 1; a start of 0 leaves one out. */
static void tables_make(void)
{
    const unsigned choices = BATCHES + 2;

    table_count = 0;
    for (unsigned shape = 0; shape < choices * choices * choices; shape++) {
        struct epoch_table *const table = &tables[table_count];
        unsigned rest = shape;
        bool good = true;

        table->count = 0;
        for (epoch_t epoch = 1; epoch <= EPOCHS; epoch++, rest /= choices) {
            const struct epoch_entry entry = entry_of(epoch, rest % choices);

            good = good && (entry.start_batch == 0 || epoch_table_add(table, &entry) == OK);
        }
        table_count += good;
    }
}

/* Written from the definition alone: each start overwrites what earlier epochs had from there
 * on. */
static struct story story_of(const struct epoch_table *table, epoch_t up_to)
{
    struct story story = {0};

    for (unsigned i = 0; i < table->count && table->entries[i].epoch <= up_to; i++) {
        story.newest = table->entries[i].epoch;
        for (batch_t batch = table->entries[i].start_batch; batch <= BATCHES + 1; batch++) {
            story.epoch_of[batch] = story.newest;
        }
    }
    return story;
}

static bool knows(const struct epoch_table *table, epoch_t epoch)
{
    bool known = false;

    for (unsigned i = 0; i < table->count; i++) {
        known = known || table->entries[i].epoch == epoch;
    }
    return known;
}

static struct divergence_verdict lost(void)
{
    return (struct divergence_verdict){.kind = DIVERGENCE_LOST};
}

static struct divergence_verdict model_batches(const struct story *theirs, const struct story *own,
                                               batch_t last)
{
    struct divergence_verdict verdict = {.kind = DIVERGENCE_NONE};
    batch_t first = 1;

    while (first <= last && (theirs->epoch_of[first] == 0 || own->epoch_of[first] == 0)) {
        first++;
    }
    if (first > last || (first > 1 && theirs->epoch_of[first] != own->epoch_of[first])) {
        return lost();
    }
    for (batch_t batch = first; batch <= last; batch++) {
        const bool same = theirs->epoch_of[batch] == own->epoch_of[batch];

        if (same && verdict.kind == DIVERGENCE_CUT) {
            return lost();
        }
        if (same) {
            verdict.keep = (struct position){own->epoch_of[batch], batch};
        } else {
            verdict.kind = DIVERGENCE_CUT;
        }
    }
    return verdict;
}

static struct divergence_verdict model(const struct epoch_table *upstream,
                                       const struct epoch_table *own, struct position at)
{
    const struct story theirs = story_of(upstream, UINT64_MAX);
    const struct story held = story_of(own, at.epoch);
    struct divergence_verdict verdict = {.kind = DIVERGENCE_NONE};

    if (at.epoch == 0 && at.batch == 0) {
        return verdict;
    }
    if (!knows(own, at.epoch) || theirs.newest < at.epoch) {
        return lost();
    }
    if (at.batch > 0) {
        verdict = model_batches(&theirs, &held, at.batch);
    } else if (!knows(upstream, at.epoch) && theirs.epoch_of[1] == 0) {
        return lost();
    }
    if (verdict.kind == DIVERGENCE_NONE && !knows(upstream, at.epoch)) {
        verdict.kind = DIVERGENCE_CUT;
    }
    return verdict;
}

static unsigned wrong_comparisons(const struct epoch_table *upstream, const struct epoch_table *own)
{
    unsigned wrong = 0;

    for (epoch_t epoch = 0; epoch <= EPOCHS + 1; epoch++) {
        for (batch_t batch = 0; batch <= BATCHES; batch++) {
            const struct position at = {epoch, batch};
            const struct divergence_verdict is = epoch_table_compare(upstream, own, at);
            const struct divergence_verdict must = model(upstream, own, at);

            wrong += is.kind != must.kind || is.keep.epoch != must.keep.epoch
                     || is.keep.batch != must.keep.batch;
        }
    }
    return wrong;
}

TEST(every_pair_of_small_tables_diverges_where_their_written_out_histories_do)
{
    unsigned wrong = 0;

    tables_make();
    NEED(table_count > 100);
    for (unsigned i = 0; i < table_count; i++) {
        for (unsigned j = 0; j < table_count; j++) {
            wrong += wrong_comparisons(&tables[i], &tables[j]);
        }
    }
    EXPECT(wrong == 0);
}

TEST(what_was_received_from_the_upstream_is_never_cut)
{
    tables_make();
    for (unsigned i = 0; i < table_count; i++) {
        for (batch_t batch = 1; batch <= BATCHES; batch++) {
            const epoch_t epoch = epoch_table_epoch_of(&tables[i], batch);

            if (epoch == 0) {
                continue;
            }

            const struct divergence_verdict is =
                epoch_table_compare(&tables[i], &tables[i], (struct position){epoch, batch});

            EXPECT(is.kind == DIVERGENCE_NONE && is.keep.epoch == epoch && is.keep.batch == batch);
        }
    }
}

/* The disasters that the table is for, by name. */
TEST(a_torn_suffix_a_failover_and_an_empty_reign_are_told_apart)
{
    static const struct epoch_table first = {1, {{1, 1, 1}}};
    static const struct epoch_table restarted = {2, {{1, 1, 1}, {2, 10, 30}}};
    static const struct epoch_table promoted = {2, {{1, 1, 1}, {3, 8, 20}}};
    struct divergence_verdict is;

    /* a replica ahead of its primary's disk, which restarted at 10 */
    is = epoch_table_compare(&restarted, &first, (struct position){1, 12});
    EXPECT(is.kind == DIVERGENCE_CUT && is.keep.epoch == 1 && is.keep.batch == 9);
    is = epoch_table_compare(&restarted, &first, (struct position){1, 9});
    EXPECT(is.kind == DIVERGENCE_NONE && is.keep.batch == 9);

    /* a deposed primary meets the one that was promoted at 8 */
    is = epoch_table_compare(&promoted, &restarted, (struct position){2, 14});
    EXPECT(is.kind == DIVERGENCE_CUT && is.keep.epoch == 1 && is.keep.batch == 7);

    /* an empty segment of a reign that never was */
    is = epoch_table_compare(&promoted, &restarted, (struct position){2, 9});
    EXPECT(is.kind == DIVERGENCE_CUT && is.keep.batch == 7);

    /* a stale upstream cuts nothing */
    is = epoch_table_compare(&first, &restarted, (struct position){2, 14});
    EXPECT(is.kind == DIVERGENCE_LOST);
}

static void lookups_are_right(const struct epoch_table *table)
{
    const struct story story = story_of(table, UINT64_MAX);

    for (batch_t batch = 0; batch <= BATCHES + 1; batch++) {
        EXPECT(epoch_table_epoch_of(table, batch) == story.epoch_of[batch]);
    }
    for (epoch_t epoch = 0; epoch <= EPOCHS + 1; epoch++) {
        const struct epoch_entry *const entry = epoch_table_find(table, epoch);
        const batch_t end = epoch_table_end(table, epoch);

        EXPECT((entry != NULL) == knows(table, epoch));
        EXPECT(epoch_table_clamp(table, (struct position){epoch, 3}) == (end < 3 ? end : 3));
        EXPECT(entry != NULL || end == 0);
        for (batch_t batch = entry == NULL ? 0 : entry->start_batch; batch <= BATCHES + 1;
             batch++) {
            EXPECT(entry == NULL || (batch <= end) == (story.epoch_of[batch] == epoch));
        }
    }
}

TEST(lookups_agree_with_the_written_out_history)
{
    tables_make();
    for (unsigned i = 0; i < table_count; i++) {
        lookups_are_right(&tables[i]);
    }
}

TEST(a_table_takes_only_what_is_newer_and_not_before_the_last_start)
{
    static struct epoch_table table;
    const struct epoch_entry five = entry_of(5, 10), same_but_later = entry_of(5, 11);
    const struct epoch_entry older = entry_of(4, 20), before = entry_of(6, 9);
    const struct epoch_entry six = entry_of(6, 10), zero = entry_of(0, 1), nowhere = entry_of(7, 0);

    table.count = 0;
    EXPECT_STATUS(epoch_table_add(&table, &zero), E_MALFORMED);
    EXPECT_STATUS(epoch_table_add(&table, &nowhere), E_MALFORMED);
    EXPECT_STATUS(epoch_table_add(&table, &five), OK);
    EXPECT_STATUS(epoch_table_add(&table, &five), OK);
    EXPECT(table.count == 1);
    EXPECT_STATUS(epoch_table_add(&table, &same_but_later), E_STALE_EPOCH);
    EXPECT_STATUS(epoch_table_add(&table, &older), E_STALE_EPOCH);
    EXPECT_STATUS(epoch_table_add(&table, &before), E_MALFORMED);
    EXPECT_STATUS(epoch_table_add(&table, &six), OK);
    EXPECT(epoch_table_end(&table, 5) == 9); /* ended before its first batch */
}

TEST(a_full_table_forgets_its_oldest_and_says_lost_for_what_it_forgot)
{
    static struct epoch_table full, old;

    full.count = old.count = 0;
    for (epoch_t epoch = 1; epoch <= EPOCH_TABLE_MAX + 1; epoch++) {
        const struct epoch_entry entry = entry_of(epoch, epoch * 10);

        EXPECT_STATUS(epoch_table_add(&full, &entry), OK);
        if (epoch == 1) {
            EXPECT_STATUS(epoch_table_add(&old, &entry), OK);
        }
    }
    EXPECT(full.count == EPOCH_TABLE_MAX && full.entries[0].epoch == 2);
    EXPECT(epoch_table_find(&full, 1) == NULL);
    EXPECT(epoch_table_compare(&full, &old, (struct position){1, 15}).kind == DIVERGENCE_LOST);
    EXPECT(epoch_table_compare(&full, &old, (struct position){1, 25}).kind == DIVERGENCE_LOST);

    const struct position last = {EPOCH_TABLE_MAX + 1, UINT64_MAX};

    EXPECT(epoch_table_compare(&full, &full, last).kind == DIVERGENCE_NONE);
}
