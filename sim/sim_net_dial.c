/* How a link begins: a dial takes three round trips of handshakes, then both ends hear of it, each
 * in its own time. Where nobody listens, or the regions are parted, or the dice say so, the dialer
 * hears that it failed. */
#include "sim/sim_net_parts.h"

#include "base/check.h"

#include <stdlib.h>

static struct identity identity_of(struct sim *sim, const struct sim_end *end)
{
    struct identity shown = end->member < 0 ? end->puppet->self : sim->members[end->member].self;

    if (end->member >= 0 && !id_is_zero(&sim->members[end->member].certified)) {
        shown.lineage = sim->members[end->member].certified;
    }
    return shown;
}

static void tell_up(struct sim *sim, struct sim_link *link, unsigned side)
{
    struct sim_end *end = &link->ends[side];

    if (!sim_net_end_lives(sim, end)) {
        return;
    }
    end->up = end->told = true;
    if (end->member < 0) {
        end->puppet->dialing = false;
        end->puppet->link = link->id;
        end->puppet->on_up(sim, end->puppet);
        return;
    }
    struct event event = {.kind = EVENT_LINK_UP,
                          .link = {.link = link->id,
                                   .dialed = side == 0,
                                   .peer = identity_of(sim, &link->ends[1 - side])}};

    memcpy(event.link.exporter, link->exporter, sizeof event.link.exporter);
    sim_step(sim, &sim->members[end->member], &event);
}

static void run_up(struct sim *sim, const struct todo *todo)
{
    struct sim_link *link = sim_net_link(&sim->net, todo->a);
    const unsigned side = (unsigned)todo->b;

    if (link == NULL || link->cut || sim_net_end_is_paused(sim, &link->ends[side], todo)) {
        return;
    }
    if (!sim_net_end_lives(sim, &link->ends[side])) {
        sim_net_cut(sim, link->id);
        return;
    }
    tell_up(sim, link, side);
    link = sim_net_link(&sim->net, todo->a);
    if (link != NULL) {
        sim_net_arm(sim, link, side);
    }
}

static void run_dial_failed(struct sim *sim, const struct todo *todo)
{
    const struct sim_end end = {.member = (int)todo->a, .life = todo->b};

    if (sim_net_end_is_paused(sim, &end, todo)) {
        return;
    }
    sim_net_tell_down(sim, &end, 0, (enum status)todo->c);
}

static struct sim_link *link_make(struct sim *sim, struct sim_end dialer, struct sim_end listener)
{
    struct sim_net *net = &sim->net;
    struct sim_link *link = calloc(1, sizeof *link);

    CHECK(link != NULL && net->link_count < SIM_LINKS_MAX);
    link->id = ++net->link_count;
    link->ends[0] = dialer;
    link->ends[1] = listener;
    prng_fill(&net->dice, link->exporter, sizeof link->exporter);
    net->links[link->id - 1] = link;
    return link;
}

/* Three round trips of handshakes, then both ends hear of it. */
static bool connect_ends(struct sim *sim, struct sim_end dialer, struct sim_member *to)
{
    struct sim_net *net = &sim->net;
    const uint64_t delay = sim_region_delay_ns(dialer.region, to->region);

    if (to->state != SIM_UP || sim_net_is_parted(sim, dialer.member, (int)to->number)
        || net->blocked_until[dialer.region][to->region] > sim->now
        || net->blocked_until[to->region][dialer.region] > sim->now) {
        return false;
    }
    if (prng_chance(&net->dice, net->dial_failures, 1000)) {
        sim_count(sim, FAULT_DIAL);
        return false;
    }
    struct sim_link *link = link_make(
        sim, dialer,
        (struct sim_end){.member = (int)to->number, .life = to->life, .region = to->region});
    const uint64_t accepted = sim_net_jittered(net, 5 * delay);

    sim_after(sim, accepted, (struct todo){run_up, link->id, 1, 0});
    sim_after(sim, sim_net_jittered(net, accepted + delay), (struct todo){run_up, link->id, 0, 0});
    return true;
}

void sim_net_dial(struct sim *sim, unsigned member, const char *address)
{
    struct sim_member *from = &sim->members[member];
    struct sim_member *to = sim_find_member(sim, address);
    const struct sim_end dialer = {
        .member = (int)member, .life = from->life, .region = from->region};

    if (to == NULL || !connect_ends(sim, dialer, to)) {
        sim_after(sim, 2 * sim_region_delay_ns(from->region, to == NULL ? 0 : to->region) + 1000,
                  (struct todo){run_dial_failed, member, from->life, E_UNREACHABLE});
    }
}

static void run_puppet_failed(struct sim *sim, const struct todo *todo)
{
    struct puppet *puppet = (struct puppet *)(uintptr_t)todo->a;

    sim_net_tell_down(sim, &(struct sim_end){.member = -1, .puppet = puppet}, 0, E_UNREACHABLE);
}

void sim_net_dial_puppet(struct sim *sim, struct puppet *puppet, unsigned member)
{
    const struct sim_end dialer = {.member = -1, .puppet = puppet, .region = puppet->region};

    CHECK(puppet->link == 0 && !puppet->dialing);
    puppet->dialing = true;
    if (!connect_ends(sim, dialer, &sim->members[member])) {
        sim_after(sim, SPAN_MS(50).ns, (struct todo){run_puppet_failed, (uintptr_t)puppet, 0, 0});
    }
}
