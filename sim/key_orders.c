/* A tick: no link and no order under way: choose, and dial. Whatever comes back ends the link.
 *
 * How it goes wrong: an order is lost with its link, or refused: the cluster then goes on under the
 * keys that it has, and the next order comes later. */
#include "sim/key_orders.h"

#include "base/check.h"
#include "proto/keys_order.h"
#include "proto/message.h"
#include "sim/swarm.h"

enum {
    HEAD_ROOM = 256,
    PATIENCE_S = 30,
    NUMBER = WORKLOAD_CLIENTS_MAX + 1, /* of its puppet */
};

static struct key_orders *orders_of(struct puppet *puppet)
{
    return (struct key_orders *)puppet;
}

static void say(struct key_orders *orders, unsigned type, struct bytes head)
{
    const struct effect_send send = {
        .link = orders->puppet.link, .type = type, .head = head, .tail = {{0}, {0}}};

    sim_net_send(
        orders->world->sim,
        (struct sim_end){.member = -1, .puppet = &orders->puppet, .region = orders->puppet.region},
        &send);
}

static void hang_up(struct key_orders *orders)
{
    const link_t link = orders->puppet.link;

    orders->puppet.link = 0;
    sim_net_hang_up(orders->world->sim, (struct sim_end){.member = -1, .puppet = &orders->puppet},
                    link, OK);
}

static void on_up(struct sim *sim, struct puppet *puppet)
{
    uint8_t head[HEAD_ROOM];
    const struct hello hello = {.version = PROTOCOL_VERSION};

    (void)sim;
    say(orders_of(puppet), MESSAGE_HELLO, hello_encode(&hello, head));
}

static void on_down(struct sim *sim, struct puppet *puppet, enum status why)
{
    (void)sim, (void)puppet, (void)why;
}

static void on_answer(struct key_orders *orders, const struct message *message)
{
    struct sim *sim = orders->world->sim;
    static _Thread_local struct refused refused;

    if (message->type == MESSAGE_ROTATED) {
        sim_count(sim, FAULT_ROTATION);
        sim_say(sim, "key-operator", "rotated at %s", sim->members[orders->target].name);
    } else if (message->type == MESSAGE_REWRAPPED) {
        sim_count(sim, FAULT_REWRAP);
        sim_say(sim, "key-operator", "re-wrapped at %s", sim->members[orders->target].name);
    } else if (message->type == MESSAGE_REFUSED
               && refused_decode(&refused, message->head, &orders->world->oracle->scratch) == OK) {
        sim_say(sim, "key-operator", "refused why=%s: %s", status_name(refused.why), refused.text);
    } else {
        sim_fail(sim, 0, "a key operator hears a message of type %u", message->type);
    }
}

static void on_message(struct sim *sim, struct puppet *puppet, const struct message *message)
{
    struct key_orders *orders = orders_of(puppet);

    (void)sim;
    if (puppet->link == 0) {
        return;
    }
    if (message->type == MESSAGE_WELCOME) {
        say(orders, orders->rewraps ? MESSAGE_REWRAP : MESSAGE_ROTATE, bytes_none());
    } else {
        on_answer(orders, message);
        hang_up(orders);
    }
}

static void dial(struct key_orders *orders)
{
    struct world *world = orders->world;

    orders->rewraps = prng_chance(&orders->dice, 1, 3);
    orders->target = orders->rewraps ? (unsigned)prng_below(&orders->dice, world->sim->member_count)
                                     : succession_writer(world)->number;
    orders->asked_at = world->sim->now;
    sim_net_dial_puppet(world->sim, &orders->puppet, orders->target);
}

static void run_tick(struct sim *sim, const struct todo *todo)
{
    struct key_orders *orders = (struct key_orders *)(uintptr_t)todo->a;
    struct puppet *puppet = &orders->puppet;

    if (puppet->link != 0 && sim->now - orders->asked_at > SPAN_S(PATIENCE_S).ns) {
        hang_up(orders);
    }
    if (orders->world->calm) {
        return;
    }
    if (puppet->link == 0 && !puppet->dialing && !orders->world->lull) {
        dial(orders);
    }
    sim_after(sim, prng_between(&orders->dice, orders->gap_ns / 2, 2 * orders->gap_ns),
              (struct todo){run_tick, (uintptr_t)orders, 0, 0});
}

static void draw_limits(struct key_orders *orders)
{
    struct prng *dice = &orders->dice;
    const bool by_bytes = prng_chance(dice, 1, 3), by_age = prng_chance(dice, 1, 3);
    const uint64_t bytes = prng_between(dice, 1, 8) << 18;
    const struct span age = SPAN_MS(prng_between(dice, 500, 8000));
    const struct span hand = SPAN_MS(prng_below(dice, 3000));

    for (unsigned i = 0; i < orders->world->sim->member_count; i++) {
        struct sim_member *member = &orders->world->sim->members[i];
        struct member_settings *settings = member->kind == &sim_primary
                                               ? &member->settings.primary.member
                                               : &member->settings.replica.member;

        settings->dek_max_bytes = by_bytes ? bytes : 0;
        settings->dek_max_age = by_age ? age : (struct span){0};
        settings->hand_max = hand;
    }
}

void key_orders_begin(struct world *world, uint64_t seed)
{
    struct key_orders *orders = &world->key_orders;
    const struct sim_member *first = &world->sim->members[0];

    prng_seed(&orders->dice, seed ^ 0x4e1de7);
    if (!world->oracle->encrypted || !prng_chance(&orders->dice, 1, 2)) {
        return;
    }
    orders->world = world;
    orders->puppet = (struct puppet){.number = NUMBER,
                                     .self = first->self,
                                     .region = first->region,
                                     .on_up = on_up,
                                     .on_message = on_message,
                                     .on_down = on_down};
    orders->puppet.self.role = ROLE_OPERATOR;
    snprintf(orders->puppet.self.member, sizeof orders->puppet.self.member, "key-operator");
    draw_limits(orders);
    orders->gap_ns = SPAN_MS(150).ns << prng_below(&orders->dice, 6);
    sim_after(world->sim, orders->gap_ns, (struct todo){run_tick, (uintptr_t)orders, 0, 0});
}
