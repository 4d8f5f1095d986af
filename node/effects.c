/* Each verb takes the next place in the list and fills it in. Small payloads are copied into the
 * scratch, so that a caller may build them on its stack; bulk is only pointed to. */
#include "node/effects.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

void effects_clear(struct effects *fx)
{
    fx->count = 0;
    fx->scratch_used = 0;
    fx->wake_at = INSTANT_NEVER;
}

bool effects_have_room(const struct effects *fx)
{
    return fx->count + EFFECTS_RESERVE < EFFECTS_MAX
           && fx->scratch_used + EFFECTS_SCRATCH_RESERVE < EFFECTS_SCRATCH_BYTES;
}

void *effects_scratch(struct effects *fx, size_t size)
{
    const size_t start = (fx->scratch_used + 15) & ~(size_t)15;

    CHECK(start <= EFFECTS_SCRATCH_BYTES && size <= EFFECTS_SCRATCH_BYTES - start);
    fx->scratch_used = start + size;
    return fx->scratch + start;
}

void effects_wake_at(struct effects *fx, struct instant when)
{
    fx->wake_at = instant_min(fx->wake_at, when);
}

static struct effect *effects_next(struct effects *fx, enum effect_kind kind)
{
    CHECK(fx->count < EFFECTS_MAX);

    struct effect *effect = &fx->list[fx->count++];
    effect->kind = kind;
    return effect;
}

void effects_dial(struct effects *fx, const char *address)
{
    struct effect_dial *dial = &effects_next(fx, EFFECT_DIAL)->dial;

    CHECK(strlen(address) < sizeof dial->address);
    memcpy(dial->address, address, strlen(address) + 1);
}

void effects_hang_up(struct effects *fx, link_t link, enum status why)
{
    effects_next(fx, EFFECT_HANG_UP)->hang_up = (struct effect_hang_up){link, why};
}

void effects_send(struct effects *fx, link_t link, unsigned type, struct bytes head)
{
    effects_send_tail(fx, link, type, head, bytes_none(), bytes_none());
}

void effects_send_tail(struct effects *fx, link_t link, unsigned type, struct bytes head,
                       struct bytes tail, struct bytes more)
{
    effects_next(fx, EFFECT_SEND)->send =
        (struct effect_send){.link = link, .type = type, .head = head, .tail = {tail, more}};
}

void effects_defer(struct effects *fx, link_t link)
{
    effects_next(fx, EFFECT_DEFER)->link = link;
}

void effects_resume(struct effects *fx, link_t link)
{
    effects_next(fx, EFFECT_RESUME)->link = link;
}

void effects_write(struct effects *fx, uint64_t ticket, const struct store_write *write)
{
    effects_next(fx, EFFECT_WRITE)->write = (struct effect_write){ticket, *write};
}

void effects_read(struct effects *fx, uint64_t ticket, const struct store_read *read)
{
    effects_next(fx, EFFECT_READ)->read = (struct effect_read){ticket, *read};
}

void effects_ask_keys(struct effects *fx, uint64_t ticket, const struct keys_request *request)
{
    struct effect_keys *keys = effects_scratch(fx, sizeof *keys);

    *keys = (struct effect_keys){ticket, *request};
    effects_next(fx, EFFECT_ASK_KEYS)->keys = keys;
}

void effects_claim(struct effects *fx, const struct claim_record *record)
{
    struct effect_claim *claim = effects_scratch(fx, sizeof *claim);

    claim->record = *record;
    effects_next(fx, EFFECT_CLAIM)->claim = claim;
}

void effects_save(struct effects *fx, uint64_t ticket, const struct save_row *rows, size_t count)
{
    struct save_row *copy = effects_scratch(fx, count * sizeof *rows);

    memcpy(copy, rows, count * sizeof *rows);
    effects_next(fx, EFFECT_SAVE)->save = (struct effect_save){ticket, copy, count};
}

void effects_halt(struct effects *fx, enum status why, const char *format, ...)
{
    char *text = effects_scratch(fx, HALT_TEXT_MAX);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, HALT_TEXT_MAX, format, arguments);
    va_end(arguments);
    effects_next(fx, EFFECT_HALT)->halt = (struct effect_halt){why, text};
}
