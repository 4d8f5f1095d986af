/* Tickets are places in a ring; answers come in order or the world is broken. */
#include "wal/writes.h"

size_t writes_bytes(uint32_t capacity)
{
    return arena_need(sizeof(struct write_asked) * capacity, _Alignof(struct write_asked));
}

void writes_init(struct writes *writes, struct arena *arena, uint32_t capacity)
{
    writes->ring = ring_of(capacity);
    writes->slots = ARENA_ARRAY(arena, struct write_asked, capacity);
}

void writes_ask(struct writes *writes, struct effects *fx, enum write_kind kind, uint64_t value,
                const struct store_write *write)
{
    const uint64_t ticket = writes->ring.tail;

    writes->slots[ring_push(&writes->ring)] = (struct write_asked){kind, value};
    effects_write(fx, ticket, write);
}

struct write_asked writes_answered(struct writes *writes, uint64_t ticket)
{
    CHECK(ticket == writes->ring.head);
    return writes->slots[ring_pop(&writes->ring)];
}
