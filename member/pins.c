/* A replica RESUMEs and gets its row, or finds the one that it had; each ACK moves it on; when the
 * link goes, it stays.
 *
 * How it goes wrong: the table is full of replicas that are not lost. Then the newcomer is fed
 * without a pin, and the trace says so: what it needs may be deleted while it is away. A pin that
 * is over its bound is dropped with a trace; a replica that comes back in time takes it up again.
 */
#include "member/pins.h"

#include "base/check.h"
#include "member/member.h"

#include <stdio.h>

static struct pin *pin_find(struct pins *pins, const char *member)
{
    for (uint32_t i = 0; i < pins->count; i++) {
        if (strcmp(pins->list[i].member, member) == 0) {
            return &pins->list[i];
        }
    }
    return NULL;
}

static segment_t first_segment(const struct member *member)
{
    const struct index *index = &member->wal.index;

    return index->count == 0 ? 0 : index->rows[0].segment;
}

void pins_restore(struct member *member)
{
    const struct control *control = &member->control;
    struct pins *pins = &member->pins;

    pins->count = control->pin_count;
    for (uint32_t i = 0; i < pins->count; i++) {
        const struct control_pin *from = &control->pins[i];

        pins->list[i] = (struct pin){.segment = from->segment, .batch = from->batch};
        memcpy(pins->list[i].member, from->member, sizeof from->member);
    }
}

void pins_on_cut(struct member *member, segment_t segment, batch_t batch)
{
    for (uint32_t i = 0; i < member->pins.count; i++) {
        struct pin *pin = &member->pins.list[i];

        if (pin->batch > batch) {
            pin->batch = batch;
            pin->segment = pin->segment < segment ? pin->segment : segment;
        }
    }
}

void pins_store(struct member *member)
{
    struct control *control = &member->control;

    member->pins.moved = false;
    control->pin_count = member->pins.count;
    for (uint32_t i = 0; i < control->pin_count; i++) {
        const struct pin *pin = &member->pins.list[i];

        control->pins[i] = (struct control_pin){.segment = pin->segment, .batch = pin->batch};
        memcpy(control->pins[i].member, pin->member, sizeof pin->member);
    }
}

/* ---- rows ---- */

/* Who is lost gives up its row first, then who was dropped; nobody else does. */
static struct pin *pin_to_replace(struct member *member)
{
    struct pin *found = NULL;

    for (uint32_t i = 0; i < member->pins.count; i++) {
        struct pin *pin = &member->pins.list[i];
        const bool is_lost = pin->segment < first_segment(member);

        if (pin->link == 0 && (is_lost || (pin->dropped && found == NULL))) {
            found = pin;
        }
    }
    return found;
}

static struct pin *pin_add(struct member *member, const char *name)
{
    struct pins *pins = &member->pins;
    struct pin *pin =
        pins->count < CONTROL_PINS_MAX ? &pins->list[pins->count] : pin_to_replace(member);

    if (pin == NULL) {
        trace_event(&member->settings.trace, "pin_refused member=%s pins=%u", name, pins->count);
        return NULL;
    }
    pins->count += pin == &pins->list[pins->count];
    *pin = (struct pin){.segment = SEGMENT_NONE};
    snprintf(pin->member, sizeof pin->member, "%s", name);
    return pin;
}

static struct pin *pin_of(struct member *member, const struct identity *peer)
{
    struct pin *pin = pin_find(&member->pins, peer->member);

    pin = pin == NULL ? pin_add(member, peer->member) : pin;
    if (pin != NULL) {
        snprintf(pin->region, sizeof pin->region, "%s", peer->region);
    }
    return pin;
}

void pins_expect(struct member *member, const char *name)
{
    struct pin *pin = pin_find(&member->pins, name) == NULL ? pin_add(member, name) : NULL;

    if (pin != NULL) {
        pin->segment = first_segment(member);
    }
}

void pins_hold(struct member *member, struct feed *feed, segment_t segment, batch_t batch,
               struct effects *fx)
{
    const segment_t first = first_segment(member);
    struct pin *pin = pin_of(member, &feed->peer);

    feed->pin = PIN_NONE;
    if (pin == NULL) {
        return;
    }
    const segment_t needed = segment == SEGMENT_NONE || segment < first ? first : segment;

    feed->pin = (uint32_t)(pin - member->pins.list);
    pin->link = feed->link;
    pin->dropped = false;
    const bool is_less = needed < pin->segment || batch < pin->batch;

    pin->segment = needed;
    pin->batch = batch;
    if (is_less) { /* new, or its disk was lost or cut */
        saves_control(member, fx);
    }
}

void pins_on_ack(struct member *member, const struct feed *feed)
{
    if (feed->pin == PIN_NONE) {
        return;
    }
    struct pin *pin = &member->pins.list[feed->pin];
    const struct index_row *next = index_find(&member->wal.index, pin->segment + 1);

    pin->batch = feed->acked;
    while (next != NULL && next->first_batch <= feed->acked) {
        pin->segment++;
        member->pins.moved = true;
        next = index_find(&member->wal.index, pin->segment + 1);
    }
}

void pins_on_link_down(struct member *member, const struct feed *feed)
{
    if (feed->pin != PIN_NONE && member->pins.list[feed->pin].link == feed->link) {
        member->pins.list[feed->pin].link = 0;
    }
}

void pins_lose(struct member *member, const struct feed *feed, batch_t batch)
{
    const segment_t first = first_segment(member);
    struct pin *pin = first == 0 ? NULL : pin_of(member, &feed->peer);

    if (pin != NULL) {
        pin->segment = first - 1;
        pin->batch = batch;
        pin->dropped = true;
    }
}

/* ---- bounds ---- */

static uint64_t pin_bytes(const struct member *member, const struct pin *pin)
{
    const struct index_row *row = index_find(&member->wal.index, pin->segment);

    return row == NULL ? 0 : index_bytes_from(&member->wal.index, row);
}

static struct span pin_age(const struct member *member, const struct pin *pin, struct instant now)
{
    const struct index_row *row = index_find(&member->wal.index, pin->segment);

    return row == NULL ? (struct span){0} : instant_since(row->closed_at, now);
}

static bool is_over(const struct member *member, const struct pin *pin, struct instant now)
{
    const struct member_settings *settings = &member->settings;

    return pin_bytes(member, pin) > settings->pin_bytes
           || pin_age(member, pin, now).ns > settings->pin_age.ns;
}

enum pin_state pin_state_of(const struct member *member, const struct pin *pin, struct instant now)
{
    if (pin->segment < first_segment(member)) {
        return PIN_LOST;
    }
    if (pin->dropped) {
        return PIN_DROPPED;
    }
    return is_over(member, pin, now) ? PIN_OVER : PIN_HELD;
}

const char *pin_state_name(enum pin_state state)
{
    static const char *const names[PIN_STATES] = {
        [PIN_HELD] = "held",
        [PIN_OVER] = "over",
        [PIN_DROPPED] = "dropped",
        [PIN_LOST] = "lost",
    };

    return names[state];
}

static void drop(const struct member *member, struct pin *pin, struct instant now, const char *why)
{
    pin->dropped = true;
    trace_event(&member->settings.trace,
                "pin_dropped member=%s why=%s segment=%llu batch=%llu bytes=%llu age_s=%llu",
                pin->member, why, (unsigned long long)pin->segment, (unsigned long long)pin->batch,
                (unsigned long long)pin_bytes(member, pin),
                (unsigned long long)pin_age(member, pin, now).ns / 1000000000u);
}

void pins_review(struct member *member, struct instant now, bool tight)
{
    struct pin *worst = NULL;

    for (uint32_t i = 0; i < member->pins.count; i++) {
        struct pin *pin = &member->pins.list[i];

        if (pin_state_of(member, pin, now) != PIN_OVER) {
            continue;
        }
        if (pin->link == 0) {
            drop(member, pin, now, "away");
        } else if (worst == NULL || pin->segment < worst->segment) {
            worst = pin;
        }
    }
    if (tight && worst != NULL) {
        drop(member, worst, now, "space");
    }
}

segment_t pins_oldest(const struct member *member, struct instant now)
{
    segment_t oldest = SEGMENT_NONE;

    for (uint32_t i = 0; i < member->pins.count; i++) {
        const struct pin *pin = &member->pins.list[i];
        const enum pin_state state = pin_state_of(member, pin, now);

        if ((state == PIN_HELD || state == PIN_OVER) && pin->segment < oldest) {
            oldest = pin->segment;
        }
    }
    return oldest;
}

void pin_status_of(const struct member *member, const struct pin *pin, struct instant now,
                   struct pin_status *status)
{
    memcpy(status->member, pin->member, sizeof status->member);
    memcpy(status->region, pin->region, sizeof status->region);
    snprintf(status->state, sizeof status->state, "%s",
             pin_state_name(pin_state_of(member, pin, now)));
    status->connected = pin->link != 0;
    status->segment = pin->segment;
    status->batch = pin->batch;
    status->bytes = pin_bytes(member, pin);
    status->age_us = pin_age(member, pin, now).ns / 1000;
}
