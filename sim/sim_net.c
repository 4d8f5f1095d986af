/* A packet leaves when the link's direction is free, travels half of the round trip, and is handed
 * over in order. A direction has at most one delivery on the agenda: for its first packet. A block
 * between two regions keeps deliveries off the agenda until it is over, so that everything waits
 * and then comes in order; a cut throws it all away, and each end hears of it in its own time. */
#include "sim/sim_net_parts.h"

#include "base/check.h"
#include "proto/message.h"

#include <stdlib.h>

enum {
    PREFIX_BYTES = FRAME_PREFIX_BYTES,
    POISON = 0xdd,
};

void sim_net_init(struct sim_net *net, uint64_t seed)
{
    *net = (struct sim_net){.bytes_per_s = 125000000, .oldest = 1};
    prng_seed(&net->dice, seed);
    net->links = calloc(SIM_LINKS_MAX, sizeof *net->links);
    CHECK(net->links != NULL);
}

void sim_net_way_empty(struct sim_way *way)
{
    while (way->first != NULL) {
        struct sim_packet *packet = way->first;

        way->first = packet->next;
        memset(packet->bytes, POISON, packet->head_bytes + packet->tail_bytes);
        free(packet);
    }
    way->last = NULL;
    way->bytes = 0;
}

static void link_drop(struct sim_net *net, struct sim_link *link)
{
    net->links[link->id - 1] = NULL;
    sim_net_way_empty(&link->ways[0]);
    sim_net_way_empty(&link->ways[1]);
    free(link);
}

void sim_net_drop(struct sim_net *net)
{
    for (link_t id = 1; id <= net->link_count; id++) {
        if (net->links[id - 1] != NULL) {
            link_drop(net, net->links[id - 1]);
        }
    }
    free(net->links);
}

struct sim_link *sim_net_link(const struct sim_net *net, link_t link)
{
    return link == 0 || link > net->link_count ? NULL : net->links[link - 1];
}

bool sim_net_end_lives(struct sim *sim, const struct sim_end *end)
{
    return end->member < 0
           || (sim->members[end->member].state == SIM_UP
               && sim->members[end->member].life == end->life);
}

void sim_net_tell_down(struct sim *sim, const struct sim_end *end, link_t link, enum status why)
{
    if (!sim_net_end_lives(sim, end)) {
        return;
    }
    if (end->member < 0) {
        end->puppet->dialing = false;
        end->puppet->link = 0;
        end->puppet->on_down(sim, end->puppet, why);
        return;
    }
    struct event event = {.kind = EVENT_LINK_DOWN, .link = {.link = link, .why = why}};

    sim_step(sim, &sim->members[end->member], &event);
}

bool sim_net_end_is_paused(struct sim *sim, const struct sim_end *end, const struct todo *todo)
{
    return end->member >= 0 && sim_net_end_lives(sim, end)
           && sim_is_paused(sim, &sim->members[end->member], todo);
}

void sim_net_run_down(struct sim *sim, const struct todo *todo)
{
    struct sim_link *link = sim_net_link(&sim->net, todo->a);

    if (link == NULL || sim_net_end_is_paused(sim, &link->ends[todo->b], todo)) {
        return;
    }
    struct sim_end *known = &link->ends[todo->b];
    const struct sim_end end = *known;

    known->up = false;
    known->told = true;
    sim_net_way_empty(&link->ways[todo->b]);
    if (!link->ends[0].up && !link->ends[1].up
        && (link->ends[0].told || !sim_net_end_lives(sim, &link->ends[0]))) {
        link_drop(&sim->net, link);
    }
    if (end.up) {
        sim_net_tell_down(sim, &end, todo->a, (enum status)todo->c);
    } else if (todo->b == 0 && !end.told) {
        sim_net_tell_down(sim, &end, 0, E_UNREACHABLE);
    }
}

static struct message message_of(const struct sim_packet *packet)
{
    return (struct message){packet->type, bytes_of(packet->bytes, packet->head_bytes),
                            bytes_of(packet->bytes + packet->head_bytes, packet->tail_bytes)};
}

/* Hands over the first packet. Where the receiver has no room it stays. */
static void hand_over(struct sim *sim, struct sim_link *link, unsigned side)
{
    const link_t id = link->id;

    sim_tamper_order(sim, link, side);
    struct sim_way *way = &link->ways[side];
    struct sim_packet *packet = way->first;
    struct sim_end *end = &link->ends[side];
    struct message message = message_of(packet);
    const bool again = sim_tamper_message(sim, link, side, &message);

    sim->net.messages++;
    sim->net.heard_on = id;
    way->kept = false;
    if (end->member < 0) {
        end->puppet->on_message(sim, end->puppet, &message);
    } else {
        struct event event = {.kind = EVENT_MESSAGE, .message = {.link = id, .message = message}};

        sim_step(sim, &sim->members[end->member], &event);
    }
    sim->tamper.at_work = false;
    link = sim_net_link(&sim->net, id); /* the step may have ended it */
    if (link == NULL || link->ways[side].first != packet || link->ways[side].kept || again) {
        return;
    }
    way->first = packet->next;
    if (way->first == NULL) {
        way->last = NULL;
    }
    way->bytes -= packet->head_bytes + packet->tail_bytes + PREFIX_BYTES;
    memset(packet->bytes, POISON, packet->head_bytes + packet->tail_bytes);
    free(packet);
}

/* One of two members is among those who are parted from the others. */
bool sim_net_is_parted(const struct sim *sim, int a, int b)
{
    return a >= 0 && b >= 0 && sim->net.parted_until > sim->now
           && (sim->net.parted >> a & 1) != (sim->net.parted >> b & 1);
}

static bool is_blocked(const struct sim *sim, const struct sim_link *link, unsigned side)
{
    if (sim_net_is_parted(sim, link->ends[0].member, link->ends[1].member)) {
        return true;
    }
    return sim->net.blocked_until[link->ends[1 - side].region][link->ends[side].region] > sim->now;
}

static void run_deliver(struct sim *sim, const struct todo *todo)
{
    const unsigned side = (unsigned)todo->b;
    struct sim_link *link = sim_net_link(&sim->net, todo->a);

    if (link == NULL || sim_net_end_is_paused(sim, &link->ends[side], todo)) {
        return; /* still armed */
    }
    struct sim_way *way = &link->ways[side];

    way->armed = false;
    if (!link->ends[side].up || way->deferred || is_blocked(sim, link, side)) {
        return; /* RESUME or the end of the block arms it again */
    }
    if (way->first != NULL && sim_net_end_lives(sim, &link->ends[side])) {
        hand_over(sim, link, side);
        link = sim_net_link(&sim->net, todo->a);
    }
    if (link != NULL) {
        sim_net_arm(sim, link, side);
    }
}

void sim_net_arm(struct sim *sim, struct sim_link *link, unsigned side)
{
    struct sim_way *way = &link->ways[side];

    if (way->armed || way->deferred || !link->ends[side].up || is_blocked(sim, link, side)) {
        return;
    }
    if (way->first == NULL) {
        if (way->ends) {
            way->ends = false;
            sim_after(sim, 1000, (struct todo){sim_net_run_down, link->id, side, way->why});
        }
        return;
    }
    way->armed = true;
    sim_at(sim, way->first->arrives > sim->now ? way->first->arrives : sim->now,
           (struct todo){run_deliver, link->id, side, 0});
}

uint64_t sim_net_jittered(struct sim_net *net, uint64_t delay)
{
    return delay + (net->jitter_ns == 0 ? 0 : prng_below(&net->dice, net->jitter_ns));
}

static int side_of(const struct sim_link *link, const struct sim_end *end)
{
    for (int side = 0; side < 2; side++) {
        const struct sim_end *known = &link->ends[side];

        if (known->member == end->member && known->puppet == end->puppet
            && known->life == end->life) {
            return side;
        }
    }
    return -1;
}

static void check_frame(struct sim *sim, const struct effect_send *send, size_t tail_bytes)
{
    struct frame frame = {(uint16_t)send->type, (uint32_t)send->head.size, (uint32_t)tail_bytes};
    uint8_t prefix[FRAME_PREFIX_BYTES];

    frame_encode(&frame, prefix);
    if (frame_decode(&frame, bytes_of(prefix, sizeof prefix)) != OK) {
        sim_fail(sim, 0, "a message of type %u with %zu and %zu bytes fits no frame", send->type,
                 send->head.size, tail_bytes);
    }
}

void sim_net_send(struct sim *sim, struct sim_end from, const struct effect_send *send)
{
    struct sim_net *net = &sim->net;
    struct sim_link *link = sim_net_link(net, send->link);
    const int side = link == NULL ? -1 : side_of(link, &from);

    if (send->link > net->link_count) {
        sim_fail(sim, 0, "a message on link %llu, which never was", (unsigned long long)send->link);
    }
    if (side < 0 || link->cut || !link->ends[side].up) {
        return;
    }
    struct sim_way *way = &link->ways[1 - side];
    const size_t tail = send->tail[0].size + send->tail[1].size;
    const size_t total = PREFIX_BYTES + send->head.size + tail;
    struct sim_packet *packet = malloc(sizeof *packet + send->head.size + tail);
    const uint64_t delay =
        sim_region_delay_ns(link->ends[side].region, link->ends[1 - side].region);

    CHECK(packet != NULL);
    if (from.member >= 0) {
        check_frame(sim, send, tail);
    }
    *packet = (struct sim_packet){
        .type = send->type, .head_bytes = (uint32_t)send->head.size, .tail_bytes = (uint32_t)tail};
    uint8_t *into = packet->bytes;

    if (send->head.size > 0) {
        memcpy(into, send->head.data, send->head.size);
    }
    into += send->head.size;
    for (unsigned part = 0; part < 2; part++) {
        if (send->tail[part].size > 0) {
            memcpy(into, send->tail[part].data, send->tail[part].size);
        }
        into += send->tail[part].size;
    }
    way->busy_until = (way->busy_until > sim->now ? way->busy_until : sim->now)
                      + total * 1000000000u / net->bytes_per_s;
    packet->arrives = sim_net_jittered(net, way->busy_until + delay);
    if (packet->arrives < way->last_arrival) {
        packet->arrives = way->last_arrival;
    }
    way->last_arrival = packet->arrives;
    *(way->last == NULL ? &way->first : &way->last->next) = packet;
    way->last = packet;
    way->bytes += total;
    if (way->bytes > net->longest_way_bytes) {
        net->longest_way_bytes = way->bytes;
    }
    sim_net_arm(sim, link, (unsigned)(1 - side));
}

/* Our end is over at once; the other hears of it behind what was sent. */
void sim_net_hang_up(struct sim *sim, struct sim_end from, link_t id, enum status why)
{
    struct sim_link *link = sim_net_link(&sim->net, id);
    const int side = link == NULL ? -1 : side_of(link, &from);

    if (side < 0 || !link->ends[side].up) {
        return;
    }
    struct sim_way *way = &link->ways[1 - side];

    link->ends[side].up = false;
    sim_net_way_empty(&link->ways[side]);
    if (!link->ends[1 - side].up) {
        link->cut = true; /* it has not even heard of the beginning */
        sim_after(sim, 1000, (struct todo){sim_net_run_down, id, (uint64_t)(1 - side), E_CLOSED});
        return;
    }
    way->ends = true;
    way->why = why == OK ? E_CLOSED : E_CUT;
    sim_net_arm(sim, link, (unsigned)(1 - side));
}

static struct sim_way *way_to(struct sim *sim, unsigned member, struct sim_link *link)
{
    const struct sim_end end = {.member = (int)member, .life = sim->members[member].life};
    const int side = link == NULL ? -1 : side_of(link, &end);

    return side < 0 ? NULL : &link->ways[side];
}

void sim_net_defer(struct sim *sim, unsigned member, link_t id)
{
    struct sim_way *way = way_to(sim, member, sim_net_link(&sim->net, id));

    if (way != NULL) {
        way->deferred = way->kept = true;
    }
}

void sim_net_resume(struct sim *sim, unsigned member, link_t id)
{
    struct sim_link *link = sim_net_link(&sim->net, id);
    struct sim_way *way = way_to(sim, member, link);

    if (way != NULL && way->deferred) {
        way->deferred = false;
        sim_net_arm(sim, link, (unsigned)(way - link->ways));
    }
}
