/* The real nodes, with entropy from the seed and traces into the transcript. */
#include "base/trace.h"
#include "sim/oracle_retention.h"
#include "sim/swarm.h"

static void draw(void *context, void *into, size_t size)
{
    struct sim_member *member = context;

    prng_fill(&member->entropy, into, size);
}

/* As member/opening_scan.c traces its verdict: SCAN_TAIL_LATER, a whole batch behind a torn one. */
static const char tail_later[] = " tail=3 ";

/* The recovery table says its case in the trace: "recover segment=3 case=torn action=...". */
static void count_recovery(struct sim *sim, const char *line)
{
    const char *found = strncmp(line, "recover ", 8) == 0 ? strstr(line, "case=") : NULL;

    for (unsigned i = 0; found != NULL && i < RECOVER_CASES; i++) {
        const char *name = recover_case_name((enum recover_case)i);
        const size_t size = strlen(name);

        if (strncmp(found + 5, name, size) == 0 && found[5 + size] == ' ') {
            sim->recoveries[i]++;
        }
    }
}

static void note(void *context, const char *line)
{
    struct sim_member *member = context;

    if (strstr(line, " case=torn ") != NULL && strstr(line, tail_later) != NULL) {
        sim_count(member->sim, FAULT_TORN_BEFORE);
    }
    count_recovery(member->sim, line);
    if (member->sim->world != NULL) {
        world_on_trace(member->sim->world, member, line);
    }
    const struct sim_store *store = &member->store;

    sim_say(member->sim, member->name, "%s", line);
    if (strncmp(line, "ALARM", 5) == 0
        && store->damage + store->io_failures + store->read_failures == 0) {
        sim_fail(member->sim, 44, "%s raises an alarm though its disk is good: %s", member->name,
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
