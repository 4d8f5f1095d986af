/* Each piece has its size in front, so that it is known how much to wipe.
 *
 * How it goes wrong: a size that overflows is no memory; a piece of somebody else's allocator would
 * be wiped by a size that is none, so a mark beside the size must be there. */
#include "transport/wiping_memory.h"

#include "base/check.h"

#include <openssl/crypto.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MARK = 0x5ea11f7 };

struct head {
    alignas(max_align_t) size_t size;
    size_t mark;
};

static struct head *head_of(void *memory)
{
    struct head *head = (struct head *)memory - 1;

    CHECK(head->mark == MARK);
    return head;
}

void *wiping_malloc(size_t size)
{
    struct head *head = size > SIZE_MAX - sizeof *head ? NULL : malloc(sizeof *head + size);

    if (head == NULL) {
        return NULL;
    }
    *head = (struct head){.size = size, .mark = MARK};
    return head + 1;
}

void *wiping_calloc(size_t count, size_t size)
{
    void *memory = size != 0 && count > SIZE_MAX / size ? NULL : wiping_malloc(count * size);

    if (memory != NULL) {
        memset(memory, 0, count * size);
    }
    return memory;
}

/* Always elsewhere: realloc leaves a copy behind where it moves, and a tail where it shrinks. */
void *wiping_realloc(void *memory, size_t size)
{
    void *moved = wiping_malloc(size);

    if (moved != NULL && memory != NULL) {
        const size_t had = head_of(memory)->size;

        memcpy(moved, memory, had < size ? had : size);
        wiping_free(memory);
    }
    return moved;
}

char *wiping_strdup(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = wiping_malloc(size);

    return copy == NULL ? NULL : memcpy(copy, text, size);
}

void wiping_free(void *memory)
{
    if (memory != NULL) {
        struct head *head = head_of(memory);

        OPENSSL_cleanse(head, sizeof *head + head->size);
        free(head);
    }
}
