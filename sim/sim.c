/* The loop: take the next item, run it. Most items end in sim_step, which hands one event to a node
 * and performs the effects in their order; the rest are the world's own business. A node that halts
 * or crashes is destroyed at the end of its step, and its life number makes void whatever the world
 * still had in store for it. */
#include "sim/sim.h"
#include "sim/sim_space.h"

#include "base/check.h"
#include "seal/crc32c.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

static const char *const fault_names[] = {
#define FAULT_NAME(name, text) text,
    SIM_FAULT_LIST(FAULT_NAME)
#undef FAULT_NAME
};

const char *sim_fault_name(enum sim_fault fault)
{
    return fault_names[fault];
}

void sim_count(struct sim *sim, enum sim_fault fault)
{
    sim->faults[fault]++;
}

void sim_mix(struct sim *sim, uint64_t value)
{
    sim->hash = (sim->hash ^ value) * 0x9e3779b97f4a7c15u;
    sim->hash ^= sim->hash >> 29;
}

struct sim *sim_create(uint64_t seed)
{
    struct sim *sim = calloc(1, sizeof *sim);

    CHECK(sim != NULL);
    sim->effects = malloc(sizeof *sim->effects);
    CHECK(sim->effects != NULL);
    sim->seed = seed;
    prng_seed(&sim->dice, seed);
    sim_net_init(&sim->net, prng_next(&sim->dice));
    sim_keys_init(&sim->keys, prng_next(&sim->dice));
    sim_claim_init(&sim->claim, prng_next(&sim->dice));
    return sim;
}

static void destroy_node(struct sim_member *member)
{
    const struct sim_watch *watch = &member->sim->watch;

    if (member->node != NULL) {
        member->kind->destroy(member->node);
        if (watch->on_gone != NULL) {
            watch->on_gone(watch->context, member);
        }
        munmap(member->block, member->block_bytes);
        member->node = NULL;
    }
}

void sim_destroy(struct sim *sim)
{
    for (unsigned i = 0; i < sim->member_count; i++) {
        destroy_node(&sim->members[i]);
        sim_store_drop(&sim->members[i].store);
    }
    sim_net_drop(&sim->net);
    sim_tamper_drop(&sim->tamper);
    agenda_drop(&sim->agenda);
    transcript_drop(&sim->transcript);
    free(sim->effects);
    free(sim);
}

struct sim_member *sim_add_member(struct sim *sim, const char *name, unsigned region,
                                  enum role role)
{
    CHECK(sim->member_count < SIM_MEMBERS_MAX);
    struct sim_member *member = &sim->members[sim->member_count];

    *member = (struct sim_member){.sim = sim, .number = sim->member_count++, .region = region};
    snprintf(member->name, sizeof member->name, "%s", name);
    snprintf(member->self.deployment, sizeof member->self.deployment, "sim");
    snprintf(member->self.region, sizeof member->self.region, "%s", sim_region_name(region));
    snprintf(member->self.member, sizeof member->self.member, "%s", name);
    member->self.role = role;
    member->self.lineage = (struct id){{0x5e, 0xa1, 0x1f, 0x70}};
    prng_seed(&member->entropy, prng_next(&sim->dice));
    member->clock_base_ns = prng_below(&sim->dice, SPAN_S(1000).ns);
    sim_store_init(&member->store, member->number, prng_next(&sim->dice));
    return member;
}

struct sim_member *sim_find_member(struct sim *sim, const char *name)
{
    for (unsigned i = 0; i < sim->member_count; i++) {
        if (strcmp(sim->members[i].name, name) == 0) {
            return &sim->members[i];
        }
    }
    return NULL;
}

void sim_at(struct sim *sim, uint64_t at_ns, struct todo todo)
{
    CHECK(at_ns >= sim->now);
    agenda_add(&sim->agenda, at_ns, todo);
}

void sim_after(struct sim *sim, uint64_t delay_ns, struct todo todo)
{
    agenda_add(&sim->agenda, sim->now + delay_ns, todo);
}

bool sim_is_paused(struct sim *sim, const struct sim_member *member, const struct todo *todo)
{
    if (member->state != SIM_UP || member->paused_until_ns <= sim->now) {
        return false;
    }
    sim_at(sim, member->paused_until_ns, *todo);
    return true;
}

bool sim_next(struct sim *sim)
{
    struct agenda_item item;

    if (sim->failed || !agenda_take(&sim->agenda, &item)) {
        return false;
    }
    CHECK(item.at >= sim->now);
    sim->now = item.at;
    item.todo.run(sim, &item.todo);
    return !sim->failed;
}

void sim_run_until(struct sim *sim, uint64_t at_ns)
{
    while (!sim->failed && sim->agenda.count > 0 && sim->agenda.heap[0].at <= at_ns) {
        sim_next(sim);
    }
    if (!sim->failed && sim->now < at_ns) {
        sim->now = at_ns;
    }
}

static void stopped(struct sim *sim, struct sim_member *member, enum sim_state state)
{
    member->state = state;
    member->life++;
    if (sim->watch.on_stopped != NULL) {
        sim->watch.on_stopped(sim->watch.context, member);
    }
    destroy_node(member);
}

static void perform_halt(struct sim *sim, struct sim_member *member, const struct effect_halt *halt)
{
    member->halted_why = halt->why;
    snprintf(member->halted_text, sizeof member->halted_text, "%s", halt->text);
    sim_say(sim, member->name, "HALT %s: %s", status_name(halt->why), halt->text);
    sim_store_crash(&member->store, SIM_KILL);
    sim_net_member_gone(sim, member->number, false);
    stopped(sim, member, halt->why == OK ? SIM_DOWN : SIM_HALTED);
    if (sim->on_halted != NULL) {
        sim->on_halted(sim, member);
    }
}

static void mix_send(struct sim *sim, const struct effect_send *send)
{
    uint32_t crc = crc32c(send->type, send->head);

    crc = crc32c(crc, send->tail[0]);
    sim_mix(sim, (uint64_t)send->link << 32 | crc32c(crc, send->tail[1]));
}

static void perform(struct sim *sim, struct sim_member *member, const struct effect *effect)
{
    const struct sim_end self = {
        .member = (int)member->number, .life = member->life, .region = member->region};

    sim_mix(sim, (uint64_t)effect->kind);
    if (sim->watch.on_effect != NULL) {
        sim->watch.on_effect(sim->watch.context, member, effect);
    }
    switch (effect->kind) {
    case EFFECT_DIAL:
        member->has_acted = true;
        sim_net_dial(sim, member->number, effect->dial.address);
        return;
    case EFFECT_HANG_UP:
        sim_net_hang_up(sim, self, effect->hang_up.link, effect->hang_up.why);
        return;
    case EFFECT_SEND:
        mix_send(sim, &effect->send);
        sim_net_send(sim, self, &effect->send);
        return;
    case EFFECT_DEFER:
        sim_net_defer(sim, member->number, effect->link);
        return;
    case EFFECT_RESUME:
        sim_net_resume(sim, member->number, effect->link);
        return;
    case EFFECT_WRITE:
        sim_mix(sim, (uint64_t)effect->write.write.op << 32
                         | sim_store_write(sim, &member->store, &effect->write));
        return;
    case EFFECT_READ:
        sim_store_read(sim, &member->store, &effect->read);
        return;
    case EFFECT_ASK_KEYS:
        sim_keys_ask(sim, member->number, effect->keys);
        return;
    case EFFECT_CLAIM:
        member->has_acted = true;
        sim_claim_ask(sim, member->number, effect->claim);
        return;
    case EFFECT_HALT:
        perform_halt(sim, member, &effect->halt);
        return;
    case EFFECT_SAVE:
    case EFFECT_KINDS:
        break;
    }
    sim_fail(sim, 0, "%s: an effect that members do not have", member->name);
}

static void run_wake(struct sim *sim, const struct todo *todo)
{
    struct sim_member *member = &sim->members[todo->a];
    struct event event = {.kind = EVENT_TIMER};

    if (member->state != SIM_UP || member->life != todo->b || member->wake_order != todo->c) {
        return;
    }
    if (sim_is_paused(sim, member, todo)) {
        return;
    }
    member->spins = member->woken_at == sim->now ? member->spins + 1 : 0;
    member->woken_at = sim->now;
    if (member->spins > SIM_SPINS_MAX) {
        sim_fail(sim, 36, "%s asks to be woken at once, again and again", member->name);
        return;
    }
    sim_step(sim, member, &event);
}

static void set_alarm(struct sim *sim, struct sim_member *member)
{
    const uint64_t wanted = sim->effects->wake_at.ns;
    const uint64_t base = member->clock_base_ns;

    member->wake_order++;
    if (wanted == UINT64_MAX) {
        return;
    }
    sim_at(sim, wanted > base + sim->now ? wanted - base : sim->now,
           (struct todo){run_wake, member->number, member->life, member->wake_order});
}

uint64_t sim_wall_ns(const struct sim *sim, const struct sim_member *member)
{
    return (uint64_t)((int64_t)(1764000000ull * 1000000000ull + sim->now) + member->wall_skew_ns);
}

void sim_step(struct sim *sim, struct sim_member *member, struct event *event)
{
    struct effects *fx = sim->effects;
    const uint64_t life = member->life;

    CHECK(member->state == SIM_UP && member->paused_until_ns <= sim->now);
    event->now = (struct instant){member->clock_base_ns + sim->now};
    event->disk_full = sim_space_is_short(&member->store);
    event->wall_ns = sim_wall_ns(sim, member);
    if (sim->watch.on_event != NULL) {
        sim->watch.on_event(sim->watch.context, member, event);
    }
    sim->steps++;
    member->steps++;
    sim_mix(sim, sim->now ^ ((uint64_t)member->number << 56) ^ ((uint64_t)event->kind << 48));
    effects_clear(fx);
    member->node->step(member->node, event, fx);
    for (unsigned i = 0; i < fx->count && member->life == life; i++) {
        perform(sim, member, &fx->list[i]);
    }
    if (member->life != life) {
        return;
    }
    set_alarm(sim, member);
    if (sim->watch.on_stepped != NULL) {
        sim->watch.on_stepped(sim->watch.context, member);
    }
}

void sim_start(struct sim *sim, struct sim_member *member)
{
    struct event event = {.kind = EVENT_START};
    struct arena arena;

    CHECK(member->state != SIM_UP);
    member->block_bytes = member->kind->memory_bytes(member);
    member->block =
        mmap(NULL, member->block_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(member->block != MAP_FAILED);
    arena = arena_of(member->block, member->block_bytes);
    member->state = SIM_UP;
    member->life++;
    member->starts++;
    member->paused_until_ns = 0;
    member->asked_to_stop = member->has_acted = false;
    member->node = member->kind->create(member, &arena);
    sim_say(sim, member->name, "START");
    if (sim->watch.on_start != NULL) {
        sim->watch.on_start(sim->watch.context, member);
    }
    event.start = sim_store_inventory(&member->store);
    member->store.space_told = (struct store_space){0};
    member->store.shortage_told = false;
    sim_step(sim, member, &event);
    sim_space_tell(sim, member);
    sim_store_inventory_drop(&event.start);
}

void sim_crash(struct sim *sim, struct sim_member *member, enum sim_crash crash)
{
    if (member->state != SIM_UP) {
        if (crash == SIM_POWER) {
            sim_store_crash(&member->store, crash);
        }
        return;
    }
    sim_say(sim, member->name, crash == SIM_KILL ? "KILLED" : "POWER CUT");
    sim_mix(sim, 0xdead + (uint64_t)crash);
    sim_store_crash(&member->store, crash);
    sim_net_member_gone(sim, member->number, crash == SIM_POWER);
    stopped(sim, member, SIM_DOWN);
}

void sim_say(struct sim *sim, const char *who, const char *format, ...)
{
    char text[TRANSCRIPT_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    transcript_line(&sim->transcript, sim->now, who, text);
}

void sim_fail(struct sim *sim, unsigned invariant, const char *format, ...)
{
    va_list arguments;

    if (sim->failed) {
        return;
    }
    sim->failed = true;
    sim->failed_invariant = invariant;
    va_start(arguments, format);
    vsnprintf(sim->failure, sizeof sim->failure, format, arguments);
    va_end(arguments);
    sim_say(sim, NULL, "FAILED (invariant %u): %s", invariant, sim->failure);
}
