/* A slot is taken by the first who asks, carries its number as ticket, and is given back by its
 * owner. What goes wrong: the owner may be gone when the answer comes (then the slot is freed and
 * nobody hears of it), and the disk may fail (the status says so, the owner decides). */
#include "member/reads.h"

#include "base/check.h"

size_t reads_bytes(uint32_t count, uint64_t usual_bytes, uint64_t large_bytes)
{
    return arena_need(sizeof(struct read_slot) * count, _Alignof(struct read_slot))
           + (count - 1) * arena_need(usual_bytes, ARENA_ALIGN_MAX)
           + arena_need(large_bytes, ARENA_ALIGN_MAX);
}

void reads_init(struct reads *reads, struct arena *arena, uint32_t count, uint64_t usual_bytes,
                uint64_t large_bytes)
{
    CHECK(count >= 2 && usual_bytes <= large_bytes);

    *reads = (struct reads){.count = count, .slots = ARENA_ARRAY(arena, struct read_slot, count)};
    for (uint32_t i = 0; i < count; i++) {
        struct read_slot *slot = &reads->slots[i];

        slot->buffer_bytes = i + 1 < count ? usual_bytes : large_bytes;
        slot->buffer = arena_take(arena, slot->buffer_bytes, ARENA_ALIGN_MAX);
    }
}

uint64_t reads_large_bytes(const struct reads *reads)
{
    return reads->slots[reads->count - 1].buffer_bytes;
}

uint64_t reads_usual_bytes(const struct reads *reads)
{
    return reads->slots[0].buffer_bytes;
}

/* The large slot is last, so the usual ones go first. */
static struct read_slot *slot_for(struct reads *reads, uint64_t size)
{
    for (uint32_t i = 0; i < reads->count; i++) {
        struct read_slot *slot = &reads->slots[i];

        if (!slot->used && slot->buffer_bytes >= size) {
            return slot;
        }
    }
    return NULL;
}

struct read_slot *reads_ask(struct reads *reads, struct effects *fx, enum read_owner owner,
                            uint64_t value, struct store_read what)
{
    struct read_slot *slot = slot_for(reads, what.size);

    CHECK(what.size > 0 && what.size <= reads_large_bytes(reads));
    if (slot == NULL) {
        reads->wanting = true;
        return NULL;
    }
    slot->used = true;
    slot->answered = slot->leaving = slot->forgotten = false;
    slot->owner = owner;
    slot->value = value;
    slot->segment = what.segment;
    slot->offset = what.offset;
    slot->bytes = bytes_none();
    what.into = slot->buffer;
    effects_read(fx, (uint64_t)(slot - reads->slots), &what);
    return slot;
}

struct read_slot *reads_answered(struct reads *reads, const struct event_read *event)
{
    CHECK(event->ticket < reads->count);

    struct read_slot *slot = &reads->slots[event->ticket];

    CHECK(slot->used && !slot->answered);
    CHECK(event->size <= slot->buffer_bytes);
    slot->answered = true;
    slot->status = event->status;
    slot->bytes = event->status == OK ? bytes_of(slot->buffer, event->size) : bytes_none();
    if (slot->forgotten) {
        slot->used = false;
        return NULL;
    }
    return slot;
}

void reads_free(struct read_slot *slot)
{
    CHECK(slot->used && slot->answered);
    slot->leaving = true;
}

bool reads_turn(struct reads *reads)
{
    const bool was_wanting = reads->wanting;
    bool freed = false;

    reads->wanting = false;
    for (uint32_t i = 0; i < reads->count; i++) {
        if (reads->slots[i].leaving) {
            reads->slots[i].used = reads->slots[i].leaving = false;
            freed = true;
        }
    }
    return was_wanting && freed;
}

void reads_forget(struct reads *reads, enum read_owner owner, uint64_t value)
{
    for (uint32_t i = 0; i < reads->count; i++) {
        struct read_slot *slot = &reads->slots[i];

        if (!slot->used || slot->owner != owner || slot->value != value) {
            continue;
        }
        slot->forgotten = true;
        slot->leaving = slot->answered;
    }
}
