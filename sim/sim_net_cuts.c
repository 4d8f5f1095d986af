/* How links end, one by one or all of a member's, and how regions and members part and find each
 * other again. A cut throws away what is on its way; a block only keeps it. */
#include "sim/sim_net_parts.h"

void sim_net_member_gone(struct sim *sim, unsigned member, bool silently)
{
    struct sim_net *net = &sim->net;

    for (link_t id = net->oldest; id <= net->link_count; id++) {
        struct sim_link *link = net->links[id - 1];

        for (unsigned side = 0; link != NULL && side < 2; side++) {
            if (link->ends[side].member != (int)member) {
                continue;
            }
            const uint64_t wait = silently ? prng_between(&net->dice, SPAN_S(1).ns, SPAN_S(20).ns)
                                           : prng_below(&net->dice, SPAN_MS(300).ns);

            link->cut = true;
            link->ends[side].up = false;
            sim_net_way_empty(&link->ways[side]);
            sim_after(sim, wait, (struct todo){sim_net_run_down, id, 1 - side, E_CUT});
            break;
        }
    }
    while (net->oldest <= net->link_count && net->links[net->oldest - 1] == NULL) {
        net->oldest++;
    }
}

void sim_net_cut(struct sim *sim, link_t id)
{
    struct sim_link *link = sim_net_link(&sim->net, id);

    if (link == NULL || link->cut) {
        return;
    }
    link->cut = true;
    for (unsigned side = 0; side < 2; side++) {
        sim_net_way_empty(&link->ways[side]);
        sim_after(sim, prng_below(&sim->net.dice, SPAN_MS(500).ns),
                  (struct todo){sim_net_run_down, id, side, E_CUT});
    }
}

link_t sim_net_any_link(struct sim *sim)
{
    struct sim_net *net = &sim->net;
    link_t chosen = 0;
    unsigned seen = 0;

    for (link_t id = net->oldest; id <= net->link_count; id++) {
        const struct sim_link *link = net->links[id - 1];

        if (link != NULL && !link->cut && prng_below(&net->dice, ++seen) == 0) {
            chosen = id;
        }
    }
    return chosen;
}

static void arm_all(struct sim *sim)
{
    for (link_t id = sim->net.oldest; id <= sim->net.link_count; id++) {
        struct sim_link *link = sim->net.links[id - 1];

        for (unsigned side = 0; link != NULL && side < 2; side++) {
            sim_net_arm(sim, link, side);
        }
    }
}

static void run_arm_all(struct sim *sim, const struct todo *todo)
{
    (void)todo;
    arm_all(sim);
}

void sim_net_block(struct sim *sim, unsigned from, unsigned to, uint64_t until_ns)
{
    if (from != to && sim->net.blocked_until[from][to] < until_ns) {
        sim->net.blocked_until[from][to] = until_ns;
        if (until_ns != UINT64_MAX) {
            sim_at(sim, until_ns, (struct todo){run_arm_all, 0, 0, 0});
        }
    }
}

void sim_net_part(struct sim *sim, uint32_t members, uint64_t until_ns)
{
    sim->net.parted = members;
    sim->net.parted_until = until_ns;
    sim_at(sim, until_ns, (struct todo){run_arm_all, 0, 0, 0});
}

void sim_net_heal(struct sim *sim)
{
    sim->net.parted_until = 0;
    memset(sim->net.blocked_until, 0, sizeof sim->net.blocked_until);
    arm_all(sim);
}
