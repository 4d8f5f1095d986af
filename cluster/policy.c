/* A level is met for every batch that enough holders have: so the answer is the smallest acked
 * batch among the best K of them. For regions each counts once, with the best that it holds.
 *
 * The primary's own disk is part of every level, so nothing exceeds what is durable there; and the
 * home region never counts for `region:N`, however many replicas it has. */
#include "cluster/policy.h"

#include "base/check.h"

static void text_copy(char *into, size_t room, const char *text)
{
    const size_t size = strlen(text);

    CHECK(size > 0 && size < room);
    memcpy(into, text, size + 1);
}

void policy_init(struct policy *policy, const char *home_region)
{
    *policy = (struct policy){0};
    text_copy(policy->home, sizeof policy->home, home_region);
}

static uint32_t policy_place(const struct policy *policy, const char *name)
{
    uint32_t place = 0;

    while (place < policy->count && strcmp(policy->holders[place].name, name) != 0) {
        place++;
    }
    return place;
}

uint32_t policy_admit(struct policy *policy, const char *name, const char *region)
{
    const uint32_t place = policy_place(policy, name);

    if (place == CLAIM_MEMBERS_MAX) {
        return CLAIM_MEMBERS_MAX;
    }

    struct holder *holder = &policy->holders[place];

    if (place == policy->count) {
        policy->count++;
    } else if (strcmp(holder->region, region) == 0) {
        return place;
    }
    *holder = (struct holder){0};
    text_copy(holder->name, sizeof holder->name, name);
    text_copy(holder->region, sizeof holder->region, region);
    return place;
}

void policy_forget(struct policy *policy, const char *name)
{
    const uint32_t place = policy_place(policy, name);

    if (place < policy->count) {
        policy->holders[place].acked = 0;
    }
}

void policy_acked(struct policy *policy, uint32_t holder, batch_t batch)
{
    CHECK(holder < policy->count);
    if (batch > policy->holders[holder].acked) {
        policy->holders[holder].acked = batch;
    }
}

/* The best batches so far, greatest first. */
struct best {
    unsigned room;
    unsigned count;
    batch_t batches[LEVEL_COUNT_MAX];
};

static void best_add(struct best *best, batch_t batch)
{
    unsigned place = best->count < best->room ? best->count++ : best->room;

    while (place > 0 && best->batches[place - 1] < batch) {
        place--;
        if (place + 1 < best->room) {
            best->batches[place + 1] = best->batches[place];
        }
    }
    if (place < best->room) {
        best->batches[place] = batch;
    }
}

/* Whether this holder is the first of its region in the list. */
static bool region_is_new(const struct policy *policy, uint32_t place)
{
    for (uint32_t i = 0; i < place; i++) {
        if (strcmp(policy->holders[i].region, policy->holders[place].region) == 0) {
            return false;
        }
    }
    return true;
}

static batch_t region_acked(const struct policy *policy, const char *region)
{
    batch_t acked = 0;

    for (uint32_t i = 0; i < policy->count; i++) {
        const struct holder *holder = &policy->holders[i];

        if (strcmp(holder->region, region) == 0 && holder->acked > acked) {
            acked = holder->acked;
        }
    }
    return acked;
}

static bool counts_for_region(const struct policy *policy, uint32_t place)
{
    return strcmp(policy->holders[place].region, policy->home) != 0 && region_is_new(policy, place);
}

static struct best policy_best(const struct policy *policy, struct level level)
{
    struct best best = {.room = level.count};

    for (uint32_t i = 0; i < policy->count; i++) {
        if (level.kind == LEVEL_QUORUM) {
            best_add(&best, policy->holders[i].acked);
        } else if (counts_for_region(policy, i)) {
            best_add(&best, region_acked(policy, policy->holders[i].region));
        }
    }
    return best;
}

batch_t policy_reached(const struct policy *policy, struct level level, batch_t durable)
{
    CHECK(level_is_valid(level));
    if (level.kind == LEVEL_LOCAL) {
        return durable;
    }

    const struct best best = policy_best(policy, level);

    if (best.count < level.count) {
        return 0;
    }

    const batch_t held = best.batches[level.count - 1];

    return held < durable ? held : durable;
}

bool policy_can_meet(const struct policy *policy, struct level level)
{
    CHECK(level_is_valid(level));
    return level.kind == LEVEL_LOCAL || policy_best(policy, level).count == level.count;
}
