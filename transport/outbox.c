/* A singly linked list of blocks; put fills the last, drop empties the first.
 *
 * A block that becomes empty is kept as a spare, last in first out while it is in cache, so that a
 * link which sends and drains in turn allocates nothing. Nothing can go wrong but memory. */
#include "transport/outbox.h"

#include "transport/allocate.h"

struct outbox_block {
    struct outbox_block *next;
    size_t begin;
    size_t end;
    uint8_t data[OUTBOX_BLOCK_BYTES];
};

static struct outbox_block *block_take(struct outbox *outbox)
{
    struct outbox_block *block = outbox->spares;

    if (block == NULL) {
        block = malloc(sizeof *block);
        CHECK(block != NULL);
    } else {
        outbox->spares = block->next;
        outbox->spare_count--;
    }
    block->next = NULL;
    block->begin = 0;
    block->end = 0;
    return block;
}

static struct outbox_block *outbox_room(struct outbox *outbox)
{
    struct outbox_block *last = outbox->last;

    if (last != NULL && last->end < sizeof last->data) {
        return last;
    }
    struct outbox_block *block = block_take(outbox);

    if (last == NULL) {
        outbox->first = block;
    } else {
        last->next = block;
    }
    outbox->last = block;
    return block;
}

void outbox_put(struct outbox *outbox, struct bytes bytes)
{
    while (bytes.size > 0) {
        struct outbox_block *block = outbox_room(outbox);
        const size_t room = sizeof block->data - block->end;
        const size_t size = bytes.size < room ? bytes.size : room;

        memcpy(block->data + block->end, bytes.data, size);
        block->end += size;
        outbox->bytes += size;
        bytes = bytes_of(bytes.data + size, bytes.size - size);
    }
}

unsigned outbox_show(const struct outbox *outbox, struct iovec *parts, unsigned max)
{
    unsigned count = 0;

    for (struct outbox_block *block = outbox->first; block != NULL && count < max;
         block = block->next) {
        if (block->end > block->begin) {
            parts[count++] = (struct iovec){.iov_base = block->data + block->begin,
                                            .iov_len = block->end - block->begin};
        }
    }
    return count;
}

static void outbox_drop_block(struct outbox *outbox)
{
    struct outbox_block *block = outbox->first;

    outbox->first = block->next;
    if (outbox->first == NULL) {
        outbox->last = NULL;
    }
    if (outbox->spare_count < OUTBOX_SPARES_MAX) {
        block->next = outbox->spares;
        outbox->spares = block;
        outbox->spare_count++;
    } else {
        free(block);
    }
}

void outbox_drop(struct outbox *outbox, size_t size)
{
    CHECK(size <= outbox->bytes);
    outbox->bytes -= size;
    while (size > 0) {
        struct outbox_block *block = outbox->first;
        const size_t here = block->end - block->begin;
        const size_t dropped = size < here ? size : here;

        block->begin += dropped;
        size -= dropped;
        if (block->begin == block->end) {
            outbox_drop_block(outbox);
        }
    }
}

void outbox_trim(struct outbox *outbox)
{
    while (outbox->spares != NULL) {
        struct outbox_block *block = outbox->spares;

        outbox->spares = block->next;
        free(block);
    }
    outbox->spare_count = 0;
}

void outbox_free(struct outbox *outbox)
{
    while (outbox->first != NULL) {
        outbox_drop_block(outbox);
    }
    outbox_trim(outbox);
    *outbox = (struct outbox){0};
}
