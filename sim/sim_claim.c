/* The question travels, is decided, and the answer travels back. Where the coordinator is out of
 * reach, the answer after a while is E_COORDINATOR, whatever was decided. */
#include "sim/sim_claim.h"

#include "base/check.h"
#include "sim/sim.h"

void sim_claim_init(struct sim_claim *claim, uint64_t seed)
{
    *claim = (struct sim_claim){.latency_ns = SPAN_MS(2).ns};
    prng_seed(&claim->dice, seed);
}

static enum status decide(struct sim_claim *claim, const struct claim_record *wanted)
{
    if (id_is_zero(&wanted->lineage)) {
        return OK;
    }
    if (wanted->version != claim->record.version) {
        return E_CLAIM_LOST;
    }
    if (claim->changes % 3 == 0) {
        claim->backup = claim->record;
    }
    claim->record = *wanted;
    claim->record.version++;
    claim->changes++;
    return OK;
}

static void run_answer(struct sim *sim, const struct todo *todo)
{
    struct sim_claiming *asked = &sim->claim.asked[todo->a];
    struct sim_member *member = &sim->members[asked->member];
    struct event event = {.kind = EVENT_CLAIMED};

    if (member->life == asked->life && sim_is_paused(sim, member, todo)) {
        return;
    }
    asked->used = false;
    event.claimed.status = asked->lost ? E_COORDINATOR : (enum status)todo->b;
    event.claimed.record = asked->record;
    if (member->state == SIM_UP && member->life == asked->life) {
        sim_step(sim, member, &event);
    }
}

static void run_decide(struct sim *sim, const struct todo *todo)
{
    struct sim_claim *claim = &sim->claim;
    struct sim_claiming *asked = &claim->asked[todo->a];
    enum status status = OK;
    uint64_t wait = claim->latency_ns;

    if (claim->unreachable_until > sim->now) {
        asked->lost = true;
        wait = SPAN_MS(500).ns;
    }
    if (!asked->lost || prng_chance(&claim->dice, 1, 2)) {
        status = decide(claim, &asked->record);
    }
    /* What becomes of the record while the answer travels is not in it. */
    asked->record = claim->record;
    sim_after(sim, wait, (struct todo){run_answer, todo->a, status, 0});
}

bool sim_claim_is_asked_by(const struct sim_claim *claim, unsigned member)
{
    for (unsigned i = 0; i < SIM_CLAIMS_MAX; i++) {
        if (claim->asked[i].used && claim->asked[i].member == member) {
            return true;
        }
    }
    return false;
}

void sim_claim_ask(struct sim *sim, unsigned member, const struct effect_claim *ask)
{
    struct sim_claim *claim = &sim->claim;
    unsigned slot = 0;

    while (slot < SIM_CLAIMS_MAX && claim->asked[slot].used) {
        slot++;
    }
    CHECK(slot < SIM_CLAIMS_MAX);
    claim->asked[slot] = (struct sim_claiming){
        .used = true, .member = member, .life = sim->members[member].life, .record = ask->record};
    sim_after(sim, claim->latency_ns + prng_below(&claim->dice, claim->latency_ns + 1),
              (struct todo){run_decide, slot, 0, 0});
}
