/* Find the primary, subtract, and take bytes and age from its feed to the replica.
 *
 * How it goes wrong: a primary that was fenced is behind its own replicas, and no measure for
 * them; a replica of an earlier epoch may hold a suffix that will be cut, and LSNs say nothing of
 * it; a feed that is being greeted has nothing under way and would look as if nothing was missing.
 * In each case the figure is left out. */
#include "cli/status_lag.h"

#include "base/check.h"
#include "node/identity.h"

#include <string.h>

/* A member's states while it hears from its upstream; a feed's are named likewise. */
static bool is_streaming(const char *state)
{
    return strcmp(state, "streaming") == 0 || strcmp(state, "catching up") == 0;
}

static const struct member_status *primary_for(const struct status_answer *answers, unsigned count,
                                               const struct member_status *replica)
{
    const struct member_status *found = NULL;

    for (unsigned i = 0; i < count; i++) {
        const struct member_status *status = &answers[i].status;

        if (answers[i].answered && status->role == ROLE_PRIMARY
            && id_equal(&status->lineage, &replica->lineage) && status->epoch >= replica->epoch
            && (found == NULL || status->epoch > found->epoch)) {
            found = status;
        }
    }
    return found;
}

static const struct feed_status *feed_to(const struct member_status *primary,
                                         const struct member_status *replica)
{
    for (uint32_t i = 0; i < primary->feed_count; i++) {
        const struct feed_status *feed = &primary->feeds[i];

        if (strcmp(feed->member, replica->member) == 0
            && strcmp(feed->region, replica->region) == 0) {
            return is_streaming(feed->state) ? feed : NULL;
        }
    }
    return NULL;
}

static uint64_t between(lsn_t from, lsn_t to)
{
    return to > from ? to - from : 0; /* the later answer may be the further one */
}

static struct status_lag lag_from_primary(const struct member_status *primary,
                                          const struct member_status *replica)
{
    const struct feed_status *feed = feed_to(primary, replica);
    struct status_lag lag = {.from = LAG_FROM_PRIMARY,
                             .records = between(replica->durable_lsn, primary->durable_lsn)};

    if (replica->epoch < primary->epoch && lag.records == 0) {
        return (struct status_lag){.from = LAG_UNKNOWN};
    }
    lag.has_bytes = lag.has_us = feed != NULL || lag.records == 0;
    if (feed != NULL) {
        lag.bytes = feed->lag_bytes;
        lag.us = feed->lag_us;
    }
    /* From disk one batch after the other is under way, each of them young; the replica knows since
     * when it has not had everything. */
    if (feed != NULL && is_streaming(replica->state) && replica->lag_us > lag.us) {
        lag.us = replica->lag_us;
    }
    return lag;
}

static struct status_lag lag_from_upstream(const struct member_status *replica)
{
    return (struct status_lag){.from = LAG_FROM_UPSTREAM,
                               .records = between(replica->durable_lsn, replica->upstream_lsn),
                               .us = replica->lag_us,
                               .has_us = true};
}

struct status_lag status_lag_of(const struct status_answer *answers, unsigned count, unsigned which)
{
    const struct member_status *status = &answers[which].status;

    CHECK(which < count && answers[which].answered);
    if (status->role == ROLE_PRIMARY) {
        return (struct status_lag){.from = LAG_UNKNOWN};
    }
    const struct member_status *primary = primary_for(answers, count, status);

    if (primary != NULL) {
        return lag_from_primary(primary, status);
    }
    return is_streaming(status->state) ? lag_from_upstream(status)
                                       : (struct status_lag){.from = LAG_UNKNOWN};
}

const char *status_lag_from_name(enum lag_from from)
{
    switch (from) {
    case LAG_UNKNOWN:
        return NULL;
    case LAG_FROM_UPSTREAM:
        return "upstream";
    case LAG_FROM_PRIMARY:
        return "primary";
    }
    UNREACHABLE();
}
