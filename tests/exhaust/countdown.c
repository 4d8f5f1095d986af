/* primary_create and replica_create are wrapped, and the step of the node that they make is ours:
 * it counts, and comes back out of a failed CHECK by a long jump. What a step that never ended had
 * allocated went with its process: it stays in a list, so that a leak checker finds it there. */
#include "tests/exhaust/countdown.h"

#include "base/check.h"
#include "proto/message.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

typedef void step(struct node *node, const struct event *event, struct effects *fx);

static struct {
    struct world *world;
    struct sim_member *victim;
    enum countdown_of what;
    uint64_t place, count;
    bool inside; /* a step of the victim, or its making */
    bool struck; /* in this step */
    uint64_t stops;
    jmp_buf back;
    struct countdown_block blocks,
        lost; /* heads: allocated in this step; in one that never ended */
    uint8_t *heard;
} countdown;

static void join(struct countdown_block *head, struct countdown_block *block)
{
    block->previous = head;
    block->next = head->next;
    if (head->next != NULL) {
        head->next->previous = block;
    }
    head->next = block;
}

void countdown_keep(struct countdown_block *block)
{
    *block = (struct countdown_block){0};
    if (countdown.inside) {
        join(&countdown.blocks, block);
    }
}

void countdown_forget(struct countdown_block *block)
{
    if (block->previous != NULL) {
        block->previous->next = block->next;
    }
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
    *block = (struct countdown_block){0};
}

static void enter(void)
{
    CHECK(!countdown.inside);
    countdown.inside = true;
    countdown.struck = false;
}

/* The node has what was allocated, or nobody has it any more. */
static void leave(bool stopped)
{
    countdown.inside = false;
    countdown.stops += stopped;
    while (countdown.blocks.next != NULL) {
        struct countdown_block *block = countdown.blocks.next;

        countdown_forget(block);
        if (stopped) {
            join(&countdown.lost, block);
        }
    }
}

bool countdown_strikes(enum countdown_of what)
{
    if (!countdown.inside || countdown.what != what || ++countdown.count != countdown.place) {
        return false;
    }
    countdown.struck = true;
    return true;
}

void countdown_disbelieve(void)
{
    countdown.victim->store.read_failures++;
}

/* Only seal/ may stop over what libcrypto cannot do. */
static void listen(const char *text)
{
    if (countdown.inside && countdown.struck && strstr(text, "seal/") != NULL) {
        longjmp(countdown.back, 1);
    }
    fprintf(stderr, "CHECK failed: %s\n", text);
}

void countdown_begin(struct world *world, struct sim_member *victim, enum countdown_of what,
                     uint64_t place)
{
    CHECK(countdown.world == NULL);
    countdown.world = world;
    countdown.victim = victim;
    countdown.what = what;
    countdown.place = place;
    countdown.count = 0;
    check_listen(listen);
}

uint64_t countdown_count(void)
{
    return countdown.count;
}

uint64_t countdown_stops(void)
{
    return countdown.stops;
}

void countdown_end(void)
{
    countdown.world = NULL;
    countdown.victim = NULL;
}

/* ---- steps ---- */

static bool is_sealed(const struct event *event)
{
    const unsigned type = event->kind == EVENT_MESSAGE ? event->message.message.type : 0;

    return type == MESSAGE_BATCH || type == MESSAGE_SEGMENT || type == MESSAGE_REPAIR_IS;
}

/* One bit of its tail is another, where the place is in it. */
static void falsify(struct event *event)
{
    struct bytes *tail = &event->message.message.tail;
    const uint64_t before = countdown.count;

    if (countdown.what != COUNTDOWN_BYTES || !is_sealed(event)) {
        return;
    }
    countdown.count += tail->size;
    if (countdown.place <= before || countdown.place > countdown.count) {
        return;
    }
    free(countdown.heard);
    countdown.heard = malloc(tail->size);
    CHECK(countdown.heard != NULL);
    memcpy(countdown.heard, tail->data, tail->size);
    countdown.heard[countdown.place - before - 1] ^= (uint8_t)(1u << countdown.place % 8);
    tail->data = countdown.heard;
}

/* Its memory goes with the process, unwiped, so nobody looks for keys in it. */
static void stop(struct world *world, struct sim_member *member)
{
    struct sim_watch *watch = &world->sim->watch;
    const struct sim_watch as_it_was = *watch;

    watch->on_gone = NULL;
    sim_crash(world->sim, member, SIM_KILL);
    watch->on_gone = as_it_was.on_gone;
    world_start_later(world, member);
}

static void counted(step *real, struct node *node, const struct event *event, struct effects *fx)
{
    static struct event heard;

    if (countdown.victim == NULL || countdown.victim->node != node) {
        real(node, event, fx);
        return;
    }
    enter();
    if (setjmp(countdown.back) == 0) {
        heard = *event;
        falsify(&heard);
        real(node, &heard, fx);
        leave(false);
        return;
    }
    leave(true);
    effects_clear(fx);
    stop(countdown.world, countdown.victim);
}

static step *primary_step, *replica_step;

static void counted_primary_step(struct node *node, const struct event *event, struct effects *fx)
{
    counted(primary_step, node, event, fx);
}

static void counted_replica_step(struct node *node, const struct event *event, struct effects *fx)
{
    counted(replica_step, node, event, fx);
}

/* ---- how a node is made: where the process stops over it, it is started once more ---- */

static bool makes_victim(const void *settings)
{
    return countdown.victim != NULL
           && (settings == &countdown.victim->settings.primary
               || settings == &countdown.victim->settings.replica);
}

static void begin_again(struct arena *arena)
{
    leave(true);
    memset(arena->base, 0, arena->used);
    arena->used = 0;
}

struct node *__real_primary_create(const struct primary_settings *settings, struct arena *arena);
struct node *__wrap_primary_create(const struct primary_settings *settings, struct arena *arena);
struct node *__wrap_primary_create(const struct primary_settings *settings, struct arena *arena)
{
    if (makes_victim(settings)) {
        if (setjmp(countdown.back) != 0) {
            begin_again(arena);
        }
        enter();
    }
    struct node *node = __real_primary_create(settings, arena);

    if (makes_victim(settings)) {
        leave(false);
    }
    primary_step = node->step;
    node->step = counted_primary_step;
    return node;
}

struct node *__real_replica_create(const struct replica_settings *settings, struct arena *arena);
struct node *__wrap_replica_create(const struct replica_settings *settings, struct arena *arena);
struct node *__wrap_replica_create(const struct replica_settings *settings, struct arena *arena)
{
    if (makes_victim(settings)) {
        if (setjmp(countdown.back) != 0) {
            begin_again(arena);
        }
        enter();
    }
    struct node *node = __real_replica_create(settings, arena);

    if (makes_victim(settings)) {
        leave(false);
    }
    replica_step = node->step;
    node->step = counted_replica_step;
    return node;
}
