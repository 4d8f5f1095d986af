/* sealift-sim: tries to break Sealift, seed by seed.
 *
 * A failing seed is printed with the invariant, the newest lines of its transcript and the command
 * that replays it. The exit status is the verdict. */
#include "base/check.h"
#include "sim/heal.h"
#include "sim/oracle.h"
#include "sim/swarm.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct wish_list {
    uint64_t first, last;
    bool one;
    bool transcript;
    bool json;
    bool invariants;
    bool twice;
    bool first_failure;
    bool heals; /* the other kind of world */
    unsigned minutes;
    struct span length; /* of each world's faults; nothing: as drawn */
    const char *list; /* a file of seeds */
};

enum {
    OPTION_TRANSCRIPT = 256,
    OPTION_JSON,
    OPTION_INVARIANTS,
    OPTION_TWICE,
    OPTION_FIRST,
    OPTION_HEAL
};

static const struct argp_option options[] = {
    {"seeds", 's', "A..B", 0, "Run these seeds (1..100 if nothing is said)", 0},
    {"seed", 'n', "N", 0, "Run one seed", 0},
    {"list", 'l', "FILE", 0, "Run the seeds of a file: one at the start of each line", 0},
    {"transcript", OPTION_TRANSCRIPT, NULL, 0, "Print what happens, line by line", 0},
    {"minutes", 'm', "M", 0, "Run fresh seeds for so many minutes, from the first on", 0},
    {"json", OPTION_JSON, NULL, 0, "Sum up in one JSON object on the last line", 0},
    {"length", 'L', "S", 0,
     "Let faults strike for S simulated seconds, with lulls (else for 3 to 15, without)", 0},
    {"twice", OPTION_TWICE, NULL, 0, "Run each seed twice and compare the event hashes", 0},
    {"first-failure", OPTION_FIRST, NULL, 0, "Stop at the first seed that fails", 0},
    {"heal", OPTION_HEAL, NULL, 0, "Small clusters instead, in which one disk at a time rots", 0},
    {"invariants", OPTION_INVARIANTS, NULL, 0, "List what the oracle checks", 0},
    {0},
};

static uint64_t number_of(const char *text, struct argp_state *state)
{
    char *end;
    const uint64_t number = strtoull(text, &end, 10);

    if (end == text || *end != '\0') {
        argp_error(state, "'%s' is not a number", text);
    }
    return number;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct wish_list *wishes = state->input;
    char *end;

    switch (key) {
    case 's':
        wishes->first = strtoull(argument, &end, 10);
        if (strncmp(end, "..", 2) != 0) {
            argp_error(state, "--seeds takes A..B");
        }
        wishes->last = number_of(end + 2, state);
        return 0;
    case 'n':
        wishes->first = wishes->last = number_of(argument, state);
        wishes->one = true;
        return 0;
    case 'm':
        wishes->minutes = (unsigned)number_of(argument, state);
        return 0;
    case 'L':
        wishes->length = SPAN_S(number_of(argument, state));
        return 0;
    case 'l':
        wishes->list = argument;
        return 0;
    case OPTION_TRANSCRIPT:
        wishes->transcript = true;
        return 0;
    case OPTION_JSON:
        wishes->json = true;
        return 0;
    case OPTION_FIRST:
        wishes->first_failure = true;
        return 0;
    case OPTION_HEAL:
        wishes->heals = true;
        return 0;
    case OPTION_TWICE:
        wishes->twice = true;
        return 0;
    case OPTION_INVARIANTS:
        wishes->invariants = true;
        return 0;
    default: /* number: keys of argp */
        return ARGP_ERR_UNKNOWN;
    }
}

static void last_words(const char *text)
{
    if (swarm_current != NULL) {
        transcript_print_tail(&swarm_current->sim->transcript, stderr);
        fprintf(stderr, "CHECK failed: %s\nreplay: sealift-sim --seed %llu --transcript\n", text,
                (unsigned long long)swarm_current->sim->seed);
    } else {
        fprintf(stderr, "CHECK failed: %s\n", text);
    }
}

static void list_invariants(void)
{
    for (const struct oracle_invariant *each = oracle_invariants(); each->number != 0; each++) {
        printf("%3u  %s\n", each->number, each->text);
    }
}

enum { COUNTED_SEEDS = 2000 }; /* in so many, every class has its turn */

/* What the recovery table cannot say in these worlds: a wrong key needs another cluster's keyring;
 * whether a control file is there is decided before the table is asked. */
static bool is_reachable(enum recover_case found)
{
    return found != RECOVER_WRONG_KEY && found != RECOVER_HEADER_LOST
           && found != RECOVER_UNDECIDABLE;
}

struct totals {
    uint64_t seeds, failed, steps, virtual_ns, appended, records_read, batches, digests, acks,
        excused;
    uint64_t verified_segments, verified_damages, repairs, deletions, lost;
    uint64_t faults[SIM_FAULTS];
    uint64_t recoveries[RECOVER_CASES];
};

static void add(struct totals *totals, const struct swarm_result *result)
{
    totals->seeds++;
    totals->failed += result->failed;
    totals->steps += result->steps;
    totals->virtual_ns += result->virtual_ns;
    totals->appended += result->appended;
    totals->records_read += result->records_read;
    totals->batches += result->batches;
    totals->digests += result->digests;
    totals->acks += result->acks_checked + result->commits_checked;
    totals->excused += result->excused;
    totals->verified_segments += result->verified_segments;
    totals->verified_damages += result->verified_damages;
    totals->repairs += result->repairs;
    totals->deletions += result->deletions;
    totals->lost += result->lost;
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        totals->faults[i] += result->faults[i];
    }
    for (unsigned i = 0; i < RECOVER_CASES; i++) {
        totals->recoveries[i] += result->recoveries[i];
    }
}

static void print_totals(const struct totals *totals, double seconds)
{
    printf("%llu seeds, %llu failed, %.1f simulated hours, %llu events, %llu appends acked, "
           "%llu records read, %llu batches opened, %llu digests and %llu claims checked, %.0f "
           "seeds a minute\n"
           "members verified %llu of their segments while serving, and found %llu times damage\n",
           (unsigned long long)totals->seeds, (unsigned long long)totals->failed,
           (double)totals->virtual_ns / 3.6e12, (unsigned long long)totals->steps,
           (unsigned long long)totals->appended, (unsigned long long)totals->records_read,
           (unsigned long long)totals->batches, (unsigned long long)totals->digests,
           (unsigned long long)totals->acks, (double)totals->seeds * 60 / seconds,
           (unsigned long long)totals->verified_segments,
           (unsigned long long)totals->verified_damages);
    printf("%llu segments repaired, %llu deleted by retention, %llu replicas lost by right\n",
           (unsigned long long)totals->repairs, (unsigned long long)totals->deletions,
           (unsigned long long)totals->lost);
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        printf("  %-26s %llu\n", sim_fault_name((enum sim_fault)i),
               (unsigned long long)totals->faults[i]);
    }
    for (unsigned i = 0; i < RECOVER_CASES; i++) {
        printf("  recovery: %-16s %llu\n", recover_case_name((enum recover_case)i),
               (unsigned long long)totals->recoveries[i]);
    }
}

/* A class that never struck has tested nothing, whatever the verdict on the rest. */
static bool all_is_counted(const struct totals *totals)
{
    bool counted = true;

    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        if (totals->faults[i] == 0) {
            printf("no %s in %llu seeds\n", sim_fault_name((enum sim_fault)i),
                   (unsigned long long)totals->seeds);
            counted = false;
        }
    }
    for (unsigned i = 0; i < RECOVER_CASES; i++) {
        if (totals->recoveries[i] == 0 && is_reachable((enum recover_case)i)) {
            printf("no recovery of case %s in %llu seeds\n",
                   recover_case_name((enum recover_case)i), (unsigned long long)totals->seeds);
            counted = false;
        }
    }
    return counted;
}

static void print_json(const struct totals *totals, double seconds)
{
    printf("{\"seeds\": %llu, \"failed\": %llu, \"simulated_hours\": %.3f, \"events\": %llu, "
           "\"appends_acked\": %llu, \"seconds\": %.1f, \"faults\": {",
           (unsigned long long)totals->seeds, (unsigned long long)totals->failed,
           (double)totals->virtual_ns / 3.6e12, (unsigned long long)totals->steps,
           (unsigned long long)totals->appended, seconds);
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        printf("%s\"%s\": %llu", i == 0 ? "" : ", ", sim_fault_name((enum sim_fault)i),
               (unsigned long long)totals->faults[i]);
    }
    printf("}, \"recoveries\": {");
    for (unsigned i = 0; i < RECOVER_CASES; i++) {
        printf("%s\"%s\": %llu", i == 0 ? "" : ", ", recover_case_name((enum recover_case)i),
               (unsigned long long)totals->recoveries[i]);
    }
    printf("}}\n");
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct swarm_result run_world(uint64_t seed, const struct wish_list *wishes, FILE *print)
{
    return wishes->heals ? heal_run(seed, print) : swarm_run(seed, wishes->length, print);
}

static struct swarm_result run_seed(uint64_t seed, const struct wish_list *wishes)
{
    struct swarm_result result = run_world(seed, wishes, wishes->transcript ? stdout : NULL);

    if (wishes->twice && !result.failed) {
        const struct swarm_result again = run_world(seed, wishes, NULL);

        if (again.hash != result.hash || again.steps != result.steps) {
            result.failed = true;
            result.invariant = 42;
            snprintf(result.failure, sizeof result.failure, "two runs, two hashes");
        }
    }
    if (result.failed) {
        printf("seed %llu FAILED invariant %u: %s\n", (unsigned long long)seed, result.invariant,
               result.failure);
    } else if (wishes->one) {
        printf("seed %llu: hash %016llx, %llu events\n", (unsigned long long)seed,
               (unsigned long long)result.hash, (unsigned long long)result.steps);
    }
    return result;
}

/* Lines that begin with a number; everything else is for people. */
static bool run_list(const struct wish_list *wishes, struct totals *totals)
{
    FILE *file = fopen(wishes->list, "r");
    char line[512];

    if (file == NULL) {
        fprintf(stderr, "sealift-sim: cannot read %s: %s\n", wishes->list, strerror(errno));
        return false;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        char *end;
        const uint64_t seed = strtoull(line, &end, 10);

        if (end != line) {
            const struct swarm_result result = run_seed(seed, wishes);

            add(totals, &result);
        }
    }
    fclose(file);
    return true;
}

static void run_range(const struct wish_list *wishes, struct totals *totals, double begun)
{
    for (uint64_t seed = wishes->first; seed <= wishes->last; seed++) {
        const struct swarm_result result = run_seed(seed, wishes);

        add(totals, &result);
        if ((wishes->first_failure && result.failed)
            || (wishes->minutes > 0 && now_s() - begun > 60.0 * wishes->minutes)) {
            return;
        }
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        options, parse, NULL, "Simulated worlds full of faults, checked by an oracle.",
        NULL,    NULL,  NULL};
    struct wish_list wishes = {.first = 1, .last = 100};
    struct totals totals = {0};
    const double begun = now_s();

    check_listen(last_words);
    setvbuf(stdout, NULL, _IOLBF, 0);
    argp_parse(&argp, argc, argv, 0, NULL, &wishes);
    if (wishes.invariants) {
        list_invariants();
        return EXIT_SUCCESS;
    }
    if (wishes.minutes > 0) {
        wishes.last = UINT64_MAX - 1;
    }
    if (wishes.list == NULL) {
        run_range(&wishes, &totals, begun);
    } else if (!run_list(&wishes, &totals)) {
        return EXIT_FAILURE;
    }
    print_totals(&totals, now_s() - begun);
    if (wishes.json) {
        print_json(&totals, now_s() - begun);
    }
    if (wishes.list == NULL && !wishes.heals && totals.seeds >= COUNTED_SEEDS
        && !all_is_counted(&totals)) {
        return EXIT_FAILURE;
    }
    return totals.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
