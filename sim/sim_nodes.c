/* The real nodes, with entropy from the seed and traces into the transcript. */
#include "base/trace.h"
#include "sim/sim.h"

static void draw(void *context, void *into, size_t size)
{
    struct sim_member *member = context;

    prng_fill(&member->entropy, into, size);
}

/* As member/opening_scan.c traces its verdict: SCAN_TAIL_LATER, a whole batch behind a torn one. */
static const char tail_later[] = " tail=3 ";

static void note(void *context, const char *line)
{
    struct sim_member *member = context;

    if (strstr(line, " case=torn ") != NULL && strstr(line, tail_later) != NULL) {
        sim_count(member->sim, FAULT_TORN_BEFORE);
    }
    sim_say(member->sim, member->name, "%s", line);
    if (strncmp(line, "ALARM", 5) == 0 && member->store.damage + member->store.io_failures == 0) {
        sim_fail(member->sim, 38, "%s raises an alarm though its disk is good: %s", member->name,
                 line);
    }
}

static void equip(struct sim_member *member, struct member_settings *settings)
{
    settings->self = member->self;
    settings->entropy = (struct entropy){draw, member};
    settings->trace = (struct trace){note, member};
}

static size_t primary_bytes_of(const struct sim_member *member)
{
    return primary_memory_bytes(&member->settings.primary);
}

static struct node *create_primary(struct sim_member *member, struct arena *arena)
{
    equip(member, &member->settings.primary.member);
    return primary_create(&member->settings.primary, arena);
}

static size_t replica_bytes_of(const struct sim_member *member)
{
    return replica_memory_bytes(&member->settings.replica);
}

static struct node *create_replica(struct sim_member *member, struct arena *arena)
{
    equip(member, &member->settings.replica.member);
    return replica_create(&member->settings.replica, arena);
}

const struct sim_kind sim_primary = {primary_bytes_of, create_primary, primary_destroy,
                                     primary_status};
const struct sim_kind sim_replica = {replica_bytes_of, create_replica, replica_destroy,
                                     replica_status};
