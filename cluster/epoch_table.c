/* A table is a list of starts; what lies between two of them is one epoch's range.
 *
 * A comparison walks both tables at once, range by range, from the first batch of which both know
 * the epoch up to the downstream's last. While the epochs are equal the bytes are equal, since
 * (epoch, batch) names a batch for ever; the first range that differs is where the histories part.
 *
 * How it goes wrong: the tables begin after the parting, or contradict themselves, or the upstream
 * is the one that is behind. Each of these is LOST, which moves no byte. */
#include "cluster/epoch_table.h"

#include <stddef.h>
#include <string.h>

enum status epoch_table_add(struct epoch_table *table, const struct epoch_entry *entry)
{
    const struct epoch_entry *last = table->count > 0 ? &table->entries[table->count - 1] : NULL;

    if (entry->epoch == 0 || entry->start_batch == 0) {
        return E_MALFORMED;
    }
    if (last != NULL && entry->epoch <= last->epoch) {
        const bool same = entry->epoch == last->epoch && entry->start_batch == last->start_batch
                          && entry->start_lsn == last->start_lsn;

        return same ? OK : E_STALE_EPOCH;
    }
    if (last != NULL
        && (entry->start_batch < last->start_batch || entry->start_lsn < last->start_lsn)) {
        return E_MALFORMED;
    }
    if (table->count == EPOCH_TABLE_MAX) {
        table->count--;
        memmove(&table->entries[0], &table->entries[1], table->count * sizeof *entry);
    }
    table->entries[table->count++] = *entry;
    return OK;
}

/* The first entry of at least this epoch; `count` where there is none. */
static uint32_t table_place(const struct epoch_table *table, epoch_t epoch)
{
    uint32_t low = 0;
    uint32_t high = table->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (table->entries[middle].epoch < epoch) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct epoch_entry *epoch_table_find(const struct epoch_table *table, epoch_t epoch)
{
    const uint32_t place = table_place(table, epoch);

    return place < table->count && table->entries[place].epoch == epoch ? &table->entries[place]
                                                                        : NULL;
}

/* The last of the first `count` entries that starts at or before the batch, as place + 1; 0 where
 * the batch is older than all. Of epochs that start together only the last has batches. */
static uint32_t range_of(const struct epoch_table *table, uint32_t count, batch_t batch)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (table->entries[middle].start_batch <= batch) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

epoch_t epoch_table_epoch_of(const struct epoch_table *table, batch_t batch)
{
    const uint32_t range = range_of(table, table->count, batch);

    return range == 0 ? 0 : table->entries[range - 1].epoch;
}

batch_t epoch_table_end(const struct epoch_table *table, epoch_t epoch)
{
    const uint32_t place = table_place(table, epoch);

    if (place == table->count || table->entries[place].epoch != epoch) {
        return 0;
    }
    return place + 1 == table->count ? BATCH_OPEN_END : table->entries[place + 1].start_batch - 1;
}

batch_t epoch_table_clamp(const struct epoch_table *table, struct position mark)
{
    const batch_t end = epoch_table_end(table, mark.epoch);

    return mark.batch < end ? mark.batch : end;
}

/* What a table says of batches up to a limit: its first `count` entries. */
struct history {
    const struct epoch_table *table;
    uint32_t count;
};

/* The last batch of the range that holds `batch`, but at most `limit`. */
static batch_t history_range_end(struct history history, batch_t batch, batch_t limit)
{
    const uint32_t range = range_of(history.table, history.count, batch);

    if (range == history.count) {
        return limit;
    }

    const batch_t end = history.table->entries[range].start_batch - 1;

    return end < limit ? end : limit;
}

static epoch_t history_epoch(struct history history, batch_t batch)
{
    const uint32_t range = range_of(history.table, history.count, batch);

    return range == 0 ? 0 : history.table->entries[range - 1].epoch;
}

static struct divergence_verdict verdict_of(enum divergence kind, epoch_t epoch, batch_t batch)
{
    return (struct divergence_verdict){kind, {epoch, batch}};
}

/* Walks from batch `first`, of which both sides know the epoch, to `last`. LOST where they agree
 * again after they had parted. */
static struct divergence_verdict histories_walk(struct history upstream, struct history own,
                                                batch_t first, batch_t last)
{
    struct divergence_verdict verdict = verdict_of(DIVERGENCE_NONE, 0, first - 1);

    for (batch_t batch = first; batch <= last;) {
        const epoch_t epoch = history_epoch(own, batch);
        const batch_t end = history_range_end(own, batch, history_range_end(upstream, batch, last));

        if (epoch != history_epoch(upstream, batch)) {
            verdict.kind = DIVERGENCE_CUT;
        } else if (verdict.kind == DIVERGENCE_CUT) {
            return verdict_of(DIVERGENCE_LOST, 0, 0);
        } else {
            verdict.keep = (struct position){epoch, end};
        }
        if (end == BATCH_OPEN_END) {
            break; /* one more would wrap */
        }
        batch = end + 1;
    }
    return verdict;
}

/* Where not one batch is held, at most an empty segment of `epoch`. */
static enum divergence empty_segment_verdict(const struct epoch_table *upstream, epoch_t epoch)
{
    if (epoch_table_find(upstream, epoch) != NULL) {
        return DIVERGENCE_NONE;
    }
    return upstream->entries[0].start_batch == 1 ? DIVERGENCE_CUT : DIVERGENCE_LOST;
}

/* The tables know all that is needed: `reign` is the entry of at.epoch in `own`. */
static struct divergence_verdict histories_compare(const struct epoch_table *upstream,
                                                   const struct epoch_table *own,
                                                   const struct epoch_entry *reign,
                                                   struct position at)
{
    /* Epochs above at.epoch may be known already, but nothing of them is held. */
    const struct history held = {own, (uint32_t)(reign - own->entries) + 1};
    const struct history theirs = {upstream, upstream->count};
    const batch_t own_first = own->entries[0].start_batch;
    const batch_t their_first = upstream->entries[0].start_batch;
    const batch_t first = own_first > their_first ? own_first : their_first;

    if (first > at.batch) {
        return verdict_of(DIVERGENCE_LOST, 0, 0);
    }

    struct divergence_verdict verdict = histories_walk(theirs, held, first, at.batch);

    if (verdict.keep.epoch == 0 && first > 1) {
        return verdict_of(DIVERGENCE_LOST, 0, 0); /* they parted before the tables begin */
    }
    if (verdict.kind == DIVERGENCE_NONE && epoch_table_find(upstream, at.epoch) == NULL) {
        verdict.kind = DIVERGENCE_CUT; /* an empty segment of an epoch that never was */
    }
    return verdict;
}

struct divergence_verdict epoch_table_compare(const struct epoch_table *upstream,
                                              const struct epoch_table *own, struct position at)
{
    const struct epoch_entry *reign = epoch_table_find(own, at.epoch);

    if (at.epoch == 0 && at.batch == 0) {
        return verdict_of(DIVERGENCE_NONE, 0, 0);
    }
    if (reign == NULL || upstream->count == 0
        || upstream->entries[upstream->count - 1].epoch < at.epoch) {
        return verdict_of(DIVERGENCE_LOST, 0, 0);
    }
    if (at.batch == 0) {
        return verdict_of(empty_segment_verdict(upstream, at.epoch), 0, 0);
    }
    return histories_compare(upstream, own, reign, at);
}
