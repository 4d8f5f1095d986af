/* The operator has a tick of his own: no link and no order under way: choose somebody and dial.
 * Whatever comes back ends the link; the next order comes later.
 *
 * How it goes wrong: an order is lost with its link, or refused, or both it and its outcome are
 * overtaken by a crash. Nothing is done about it: the next order, or the end of all faults, finds
 * the cluster as it is. */
#include "sim/succession.h"

#include "base/check.h"
#include "proto/message.h"
#include "sim/swarm.h"

enum {
    HEAD_ROOM = 256,
    PATIENCE_S = 20,
    BEYOND = 100000, /* LSNs that the old writer may give while it cannot be reached */
    ALONE_ONE_IN = 2, /* orders to somebody who has fallen behind, and is one answer short */
    ALONE_S = 8,
};

static struct operator* operator_of(struct puppet *puppet)
{
    return (struct operator*)puppet;
}

struct sim_member *succession_writer(struct world *world)
{
    const struct claim_record *record = &world->sim->claim.record;
    struct sim_member *writer =
        record->version == 0 ? NULL : sim_find_member(world->sim, record->writer);

    if (world->restoration.chosen != NULL) {
        return world->restoration.chosen;
    }
    return writer != NULL ? writer : &world->sim->members[0];
}

static void say(struct operator* operator, unsigned type, struct bytes head)
{
    const struct effect_send send = {
        .link = operator->puppet.link, .type = type, .head = head, .tail = {{0}, {0}}};

    sim_net_send(
        operator->world->sim,
        (struct sim_end){
            .member = -1, .puppet = &operator->puppet, .region = operator->puppet.region},
        &send);
}

static void hang_up(struct operator* operator)
{
    const link_t link = operator->puppet.link;

    operator->puppet.link = 0;
    sim_net_hang_up(operator->world->sim,
                    (struct sim_end){.member = -1, .puppet = &operator->puppet}, link, OK);
}

static void on_up(struct sim *sim, struct puppet *puppet)
{
    static uint8_t head[HEAD_ROOM];
    const struct hello hello = {.version = PROTOCOL_VERSION};

    (void)sim;
    say(operator_of(puppet), MESSAGE_HELLO, hello_encode(&hello, head));
}

static void on_down(struct sim *sim, struct puppet *puppet, enum status why)
{
    (void)sim, (void)puppet, (void)why;
}

static void on_welcome(struct operator* operator)
{
    static uint8_t head[HEAD_ROOM];
    const struct promote promote = {
        .accepts_loss = operator->accepts_loss,
        .loss_last_lsn = operator->accepts_loss ? operator->world->oracle->records_end +
                                                  BEYOND : 0 };

    sim_say(operator->world->sim, "operator",
            "promote %s%s",
            operator->world->sim->members[operator->target].name,
                                          operator->accepts_loss ? " accept-loss" : "");
    say(operator, MESSAGE_PROMOTE, promote_encode(&promote, head));
}

static void on_answer(struct operator* operator, const struct message * message)
{
    struct oracle *oracle = operator->world->oracle;
    static struct refused refused;
    struct promoted promoted;

    if (message->type == MESSAGE_PROMOTED
        && promoted_decode(&promoted, message->head, &oracle->scratch) == OK) {
        sim_say(operator->world->sim, "operator", "promoted epoch=%llu lsn=%llu%s",
                (unsigned long long)promoted.epoch, (unsigned long long)promoted.end_lsn,
                promoted.was_writer ? " already" : "");
    } else if (message->type == MESSAGE_REFUSED
               && refused_decode(&refused, message->head, &oracle->scratch) == OK) {
        sim_say(operator->world->sim, "operator", "refused why=%s: %s", status_name(refused.why),
                refused.text);
    } else {
        sim_fail(operator->world->sim, 0, "an operator hears a message of type %u", message->type);
    }
}

static void on_message(struct sim *sim, struct puppet *puppet, const struct message *message)
{
    struct operator* operator= operator_of(puppet);

    (void)sim;
    if (puppet->link == 0) {
        return;
    }
    if (message->type == MESSAGE_WELCOME) {
        on_welcome(operator);
    } else {
        on_answer(operator, message);
        hang_up(operator);
    }
}

/* Calm: only who has claimed and was not told so is promoted, so that the claim is finished. */
static bool choose(struct operator* operator)
{
    struct world *world = operator->world;
    const struct sim_member *writer = succession_writer(world);

    if (!operator->calm && !operator->world->lull) {
        operator->target =(unsigned) prng_below(&operator->dice, world->sim->member_count);
        operator->accepts_loss =
            world->oracle->accepts_losses && prng_chance(&operator->dice, 1, 3);
        return true;
    }
    operator->target = writer->number;
    operator->accepts_loss = false;
    return writer->state == SIM_UP && writer->kind == &sim_replica;
}

static void dial(struct operator* operator)
{
    struct sim *sim = operator->world->sim;

    operator->asked_at = sim->now;
    sim_net_dial_puppet(sim, &operator->puppet, operator->target);
}

/* Something is committed that none of those who can be asked holds; or, where just enough can be
 * asked, that whoever is to be promoted does not hold. */
static bool is_behind(const struct operator* operator)
{
    const struct oracle *oracle = operator->world->oracle;
    const struct oracle_batch *last = oracle_of_lsn(oracle, oracle->committed);
    const uint32_t target = (uint32_t)1 << operator->target;
    const uint32_t asked = operator->enough ? target : ~operator->world->sim->net.parted;

    return last != NULL && (last->holders & asked) == 0;
}

static void run_dial_alone(struct sim *sim, const struct todo *todo)
{
    struct operator* operator=(struct operator*)(uintptr_t) todo->a;
    const struct sim_member *target = &sim->members[operator->target];

    operator->waits = target->life == todo->b && !operator->world->calm && sim->now<todo->c;
    if (operator->waits && is_behind(operator)) {
        operator->waits = false;
        if (operator->enough) {
            sim_net_part(sim, operator->silent, sim->net.parted_until);
        }
        if (operator->puppet.link == 0 && !operator->puppet.dialing) {
            dial(operator);
        }
    }
    if (operator->waits) {
        sim_after(sim, SPAN_MS(20).ns, *todo);
    }
}

/* So many of the members that count (or of their regions) are to be silent, and the writer. 0:
 * there are not so many. */
static uint32_t draw_silent(struct operator* operator, unsigned wanted)
{
    struct sim *sim = operator->world->sim;
    const struct claim_record *record = &sim->claim.record;
    const struct level level = operator->world->oracle->level;
    const unsigned home = succession_writer(operator->world)->region;
    const unsigned begin = (unsigned)prng_below(&operator->dice, CLAIM_MEMBERS_MAX);
    bool taken[SIM_REGIONS] = {false};
    uint32_t silent = (uint32_t)1 << succession_writer(operator->world)->number;
    unsigned count = 0;

    for (unsigned i = 0; i < record->member_count; i++) {
        const unsigned place = (begin + i) % record->member_count;
        const struct sim_member *each = sim_find_member(sim, record->members[place].name);
        const bool counts = level.kind == LEVEL_QUORUM
                            || (each->region != home
                                && each->region != sim->members[operator->target].region);

        if (each->number == operator->target || !counts) {
            continue;
        }
        const bool is_more = level.kind == LEVEL_QUORUM || !taken[each->region];

        if (!is_more || count < wanted) {
            silent |= (uint32_t)1 << each->number;
            taken[each->region] = true;
            count += is_more;
        }
    }
    return count < wanted ? 0 : silent;
}

/* The worst of choices: the writer and enough others have gone on without it. Either nobody knows
 * what they have committed since, of those who can be asked, who then are one answer short; or just
 * enough can be asked, of whom one knows. */
static void dial_alone(struct operator* operator)
{
    struct world *world = operator->world;
    const struct sim_member *target = &world->sim->members[operator->target];
    const struct level level = world->oracle->level;
    const uint64_t end = world->sim->now + SPAN_S(ALONE_S).ns;

    operator->enough = level.kind == LEVEL_QUORUM && prng_chance(&operator->dice, 1, 2);
    operator->silent = draw_silent(operator, level.count - operator->enough);
    if (operator->silent == 0) {
        dial(operator);
        return;
    }
    sim_count(world->sim, FAULT_PARTITION);
    sim_say(world->sim, "operator", "waits for %s to fall behind", target->name);
    sim_net_part(world->sim, operator->enough ? (uint32_t)1 << target->number : operator->silent,
                 end);
    operator->waits = true;
    sim_after(world->sim, 0,
              (struct todo){run_dial_alone, (uintptr_t) operator, target->life,
                            world->sim->now + SPAN_S(ALONE_S / 4).ns});
}

/* A member that counts and follows the writer. */
static bool is_suited(struct world *world, const struct sim_member *member)
{
    const struct oracle *oracle = world->oracle;

    return member != succession_writer(world) && member->state == SIM_UP && oracle->reign_count > 0
           && oracle->reigns[oracle->reign_count - 1].acked[member->number] > 0;
}

static bool chooses_one_alone(struct operator* operator)
{
    struct world *world = operator->world;
    const struct claim_record *record = &world->sim->claim.record;
    const uint64_t begin = prng_below(&operator->dice, CLAIM_MEMBERS_MAX);

    if (operator->calm || world->oracle->level.kind == LEVEL_LOCAL || !prng_chance(
            &operator->dice, 1, ALONE_ONE_IN)) {
        return false;
    }
    for (uint32_t i = 0; i < record->member_count; i++) {
        const struct sim_member *member =
            sim_find_member(world->sim, record->members[(begin + i) % record->member_count].name);

        if (is_suited(world, member)) {
            operator->target = member->number;
            operator->accepts_loss = false; /* or it would be right to promote it */
            return true;
        }
    }
    return false;
}

static void give_order(struct operator* operator)
{
    struct sim *sim = operator->world->sim;

    if (operator->world->restoration.chosen != NULL) {
        return;
    }
    if (sim->net.parted_until > sim->now) {
        sim_net_part(sim, 0, sim->now); /* the one before is over: all are linked again */
    }
    if (!choose(operator)) {
        return;
    }
    if (chooses_one_alone(operator)) {
        dial_alone(operator);
    } else {
        dial(operator);
    }
}

static void run_tick(struct sim *sim, const struct todo *todo)
{
    struct operator* operator=(struct operator*)(uintptr_t) todo->a;
    struct puppet *puppet = &operator->puppet;

    operator->calm |= operator->world->calm;
    if (puppet->link != 0 && sim->now - operator->asked_at> SPAN_S(PATIENCE_S).ns) {
        hang_up(operator);
    }
    if (puppet->link == 0 && !puppet->dialing && !operator->waits) {
        give_order(operator);
    }
    sim_after(sim, prng_between(&operator->dice, operator->gap_ns / 2, 2 * operator->gap_ns),
              (struct todo){run_tick, (uintptr_t) operator, 0, 0});
}

void succession_promote(struct operator* operator, const struct sim_member * member)
{
    operator->target = member->number;
    dial(operator);
}

/* ---- members ---- */

static void name_upstreams(struct world *world, struct sim_member *member)
{
    struct replica_settings *settings = &member->settings.replica;

    for (unsigned i = 0; i < world->sim->member_count; i++) {
        const char *name = world->sim->members[i].name;

        if (i != member->number
            && (settings->upstream_count == 0 || strcmp(settings->upstreams[0], name) != 0)) {
            snprintf(settings->upstreams[settings->upstream_count++], ADDRESS_TEXT_MAX, "%s", name);
        }
    }
}

/* Both sets of settings, so that it can be started as either. */
static void equip(struct world *world, struct sim_member *member)
{
    struct primary_settings *primary = &member->settings.primary;
    struct replica_settings *replica = &member->settings.replica;

    if (member->kind == &sim_primary) {
        replica_settings_default(replica);
        replica->member = primary->member;
    } else {
        primary_settings_default(primary);
        primary->member = replica->member;
        primary->pending_max = world->sim->members[0].settings.primary.pending_max;
        primary->groups_max = world->sim->members[0].settings.primary.groups_max;
    }
    replica->has_coordinator = true;
    member->self.role = ROLE_PRIMARY;
    name_upstreams(world, member);
    world->oracle->voters |= 1u << member->number;
}

void succession_begin(struct world *world, struct operator* operator, uint64_t seed)
{
    const struct sim_member *first = &world->sim->members[0];

    *operator=(struct operator){.world = world,
                                .puppet = {.number = WORKLOAD_CLIENTS_MAX,
                                           .self = first->self,
                                           .region = first->region,
                                           .on_up = on_up,
                                           .on_message = on_message,
                                           .on_down = on_down}};
    operator->puppet.self.role = ROLE_OPERATOR;
    snprintf(operator->puppet.self.member, sizeof operator->puppet.self.member, "operator");
    prng_seed(&operator->dice, seed);
    world->promotes = world->oracle->succession = true;
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        equip(world, &world->sim->members[i]);
    }
    if (seed == 0) {
        return;
    }
    operator->gap_ns = SPAN_MS(100).ns << prng_below(&operator->dice, 6);
    sim_after(world->sim, operator->gap_ns, (struct todo){run_tick, (uintptr_t) operator, 0, 0});
}

void succession_on_start(struct world *world, struct sim_member *member)
{
    const bool is_writer = succession_writer(world) == member;

    const bool restores = world->restoration.chosen == member;

    if (member->kind == &sim_primary && !is_writer && !world->calm
        && world->restoration.chosen == NULL
        && world->operator.gap_ns> 0 && prng_chance(&world->succession_dice, 1, 4)) {
        return; /* it will be told */
    }
    member->kind = is_writer ? &sim_primary : &sim_replica;
    if (world->sim->claim.record.version > 0 || restores) {
        member->settings.primary.create = false;
        member->settings.primary.level_given = false;
    }
    if (restores) { /* as docs/PROMOTION.md says */
        member->settings.primary.adopt_folder = true;
        member->settings.primary.level = world->oracle->level;
        member->settings.primary.level_given = world->sim->claim.record.version == 0;
    } else if (member->halted_why != E_WENT_BACK && !world->adopts) {
        member->settings.primary.adopt_folder = false;
    }
}

bool succession_explains(const struct sim_member *member)
{
    switch ((unsigned)member->halted_why) {
    case E_PROMOTED:
        sim_count(member->sim, FAULT_PROMOTION);
        return true;
    case E_FENCED:
    case E_CLAIM_LOST:
    case E_COPIED_FOLDER:
        return member->kind == &sim_primary;
    case E_EXISTS: /* started as what it was, on the empty disk that replaced its own */
    case E_MISSING:
        return member->kind == &sim_primary && member->store.losses > 0;
    }
    return false;
}
