/* The effects of one step, in the order in which they must begin.
 *
 * A list of fixed capacity and a scratch for small payloads (message heads, key requests, texts),
 * both emptied before each step. A node that pumps in a loop asks effects_have_room first and sets
 * wake_at to now where more is to be done; anything else running out is a bug. */
#ifndef SEALIFT_NODE_EFFECTS_H
#define SEALIFT_NODE_EFFECTS_H

#include "node/node.h"

enum {
    EFFECTS_MAX = 512,
    EFFECTS_RESERVE = 64, /* what pumps leave for those who cannot wait */
    EFFECTS_SCRATCH_BYTES = 512 * 1024, /* 64 KiB of GREET, a claim or two, heads of ~100 bytes */
    EFFECTS_SCRATCH_RESERVE = 192 * 1024,
    HALT_TEXT_MAX = 1792, /* last words may name a key and a principal by their whole ARNs */
};

struct effects {
    struct effect list[EFFECTS_MAX];
    unsigned count;
    struct instant wake_at; /* INSTANT_NEVER: nothing to wake for */
    size_t scratch_used;
    _Alignas(16) uint8_t scratch[EFFECTS_SCRATCH_BYTES];
};

/* Before each step. */
void effects_clear(struct effects *fx);

/* Whether a pump may go on. */
bool effects_have_room(const struct effects *fx);

/* Scratch that lives until the next step. */
void *effects_scratch(struct effects *fx, size_t size);

/* The earliest of all wishes wins. */
void effects_wake_at(struct effects *fx, struct instant when);

void effects_dial(struct effects *fx, const char *address);
void effects_hang_up(struct effects *fx, link_t link, enum status why);

/* `head` must live until the next step: take it from effects_scratch. */
void effects_send(struct effects *fx, link_t link, unsigned type, struct bytes head);
void effects_send_tail(struct effects *fx, link_t link, unsigned type, struct bytes head,
                       struct bytes tail, struct bytes more);

void effects_defer(struct effects *fx, link_t link);
void effects_resume(struct effects *fx, link_t link);
void effects_write(struct effects *fx, uint64_t ticket, const struct store_write *write);
void effects_read(struct effects *fx, uint64_t ticket, const struct store_read *read);
void effects_ask_keys(struct effects *fx, uint64_t ticket, const struct keys_request *request);
void effects_claim(struct effects *fx, const struct claim_record *record);
void effects_save(struct effects *fx, uint64_t ticket, const struct save_row *rows, size_t count);

__attribute__((format(printf, 3, 4))) void effects_halt(struct effects *fx, enum status why,
                                                        const char *format, ...);

#endif
