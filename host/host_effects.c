/* One effect, one call; and one step at a time.
 *
 * A claim waits in the host until the loop comes round, and until its lock is free: the node is
 * never stepped from inside its own step. An effect that this world has no part for (a SAVE
 * without a catalog, a WRITE without a store) is a bug of whoever put the two together. */
#include "host/host_parts.h"

#include "base/check.h"
#include "host/clock.h"

#include <stdio.h>
#include <string.h>

/* Performed when the loop comes round: a lock that somebody else holds must not stop the links. */
static void perform_claim(struct host *host, const struct effect_claim *claim)
{
    CHECK(host->claim_count < HOST_CLAIMS_MAX);

    host->claims[host->claim_count++] = (struct event_claimed){.record = claim->record};
    event_active(host->claim_ready, EV_TIMEOUT, 0);
}

static void ask_again_soon(struct host *host)
{
    const struct timeval gap = {0, CLAIM_LOCK_AGAIN_MS * 1000};

    if (host->claim_since.ns == 0) {
        host->claim_since = clock_now();
    }
    CHECK(event_add(host->claim_ready, &gap) == 0);
}

static bool has_waited_enough(const struct host *host)
{
    const struct span waited = instant_since(host->claim_since, clock_now());

    return host->claim_since.ns != 0 && waited.ns > SPAN_MS(CLAIM_LOCK_WAIT_MS).ns;
}

bool host_claim_next(struct host *host, struct event_claimed *answer)
{
    struct claim_file *file = host->settings.claim;

    if (host->claim_count == 0) {
        return false;
    }
    *answer = host->claims[0];
    if (file == NULL) {
        answer->status = E_COORDINATOR;
        memset(&answer->record, 0, sizeof answer->record);
    } else {
        answer->status = claim_file_change(file, &answer->record);
    }
    if (answer->status == E_LOCKED) {
        if (!has_waited_enough(host)) {
            ask_again_soon(host);
            return false;
        }
        answer->status = claim_file_give_up(file);
    }
    host->claim_since = (struct instant){0};
    host->claim_count--;
    memmove(host->claims, host->claims + 1, host->claim_count * sizeof host->claims[0]);
    return true;
}

static void perform_halt(struct host *host, const struct effect_halt *halt)
{
    host->halted = true;
    host->halted_why = halt->why;
    if (halt->why != OK && halt->why != E_PROMOTED) {
        fprintf(stderr, "%s: %s (%s)\n", host->settings.program, halt->text,
                status_name(halt->why));
    } else if (halt->text[0] != '\0') {
        fprintf(stderr, "%s: %s\n", host->settings.program, halt->text);
    }
    event_base_loopbreak(host->base);
}

static void perform(struct host *host, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_DIAL:
        host_links_dial(host, effect->dial.address);
        return;
    case EFFECT_HANG_UP:
        host_links_hang_up(host, &effect->hang_up);
        return;
    case EFFECT_SEND:
        host_links_send(host, &effect->send);
        return;
    case EFFECT_DEFER:
        host_links_defer(host, effect->link);
        return;
    case EFFECT_RESUME:
        host_links_resume(host, effect->link);
        return;
    case EFFECT_WRITE:
        CHECK(host->disk != NULL);
        disk_write(host->disk, effect->write.ticket, &effect->write.write);
        return;
    case EFFECT_READ:
        CHECK(host->disk != NULL);
        disk_read(host->disk, effect->read.ticket, &effect->read.read);
        return;
    case EFFECT_ASK_KEYS:
        CHECK(host->keys != NULL);
        key_client_ask(host->keys, effect->keys->ticket, &effect->keys->request);
        return;
    case EFFECT_CLAIM:
        perform_claim(host, effect->claim);
        return;
    case EFFECT_SAVE:
        UNREACHABLE(); /* members have a folder, not a catalog */
    case EFFECT_HALT:
        perform_halt(host, &effect->halt);
        return;
    case EFFECT_KINDS:
        break;
    }
    UNREACHABLE();
}

void host_perform(struct host *host, const struct effects *fx)
{
    for (unsigned i = 0; i < fx->count; i++) {
        perform(host, &fx->list[i]);
    }
}

void host_step(struct host *host, struct event *event)
{
    if (host->halted) {
        return;
    }
    CHECK(!host->stepping);
    host->stepping = true;
    event->now = clock_now();
    event->wall_ns = clock_wall_ns();
    event->disk_full =
        host->settings.store != NULL && spares_are_short(&host->settings.store->spares);
    effects_clear(&host->fx);
    host->settings.node->step(host->settings.node, event, &host->fx);
    host_perform(host, &host->fx);
    host->wake_at = host->fx.wake_at;
    host->stepping = false;
}
