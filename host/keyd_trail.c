/* LookupEvents: the audit, read by those whose keys and calls are in it.
 *
 * Answered between two turns of the loop, when no transaction is under way: what is told is
 * durable. Reading uses no key and leaves no row; it is counted in the metrics. */
#include "host/keyd_parts.h"

#include "base/check.h"
#include "keys/trail.h"

#include <stdlib.h>

struct keyd_trail {
    struct json_arena json;
    uint8_t arena[8 << 20]; /* one row of the audit at a time, as JSON twice over */
    uint8_t reply[TRAIL_REPLY_BYTES_MAX];
};

static bool on_row(void *context, const char *key, struct bytes row)
{
    struct trail *trail = context;
    uint64_t number;

    return audit_key_parse(key, &number) == OK && trail_take(trail, number, row);
}

static struct keyd_trail *take_room(struct keyd *keyd)
{
    if (keyd->trail == NULL) {
        keyd->trail = malloc(sizeof *keyd->trail);
        CHECK(keyd->trail != NULL);
        keyd->trail->json =
            (struct json_arena){.base = keyd->trail->arena, .size = sizeof keyd->trail->arena};
    }
    return keyd->trail;
}

struct bytes keyd_lookup(struct keyd *keyd, const char *account, struct bytes body,
                         struct keyd_lookup_refusal *refusal)
{
    struct keyd_trail *room = take_room(keyd);
    struct trail trail = {.region = keyd->settings.region,
                          .account = account,
                          .json = &room->json,
                          .reply = room->reply};

    keyd->lookups_total++;
    *refusal = (struct keyd_lookup_refusal){0};
    if (trail_open(&trail, body) != OK) {
        *refusal = (struct keyd_lookup_refusal){trail.error, trail.why};
        return bytes_none();
    }
    if (catalog_read_audit(keyd->settings.catalog, trail.before, on_row, &trail) != OK) {
        *refusal = (struct keyd_lookup_refusal){"InternalFailure", "The audit cannot be read."};
        return bytes_none();
    }
    return trail_close(&trail);
}

void keyd_trail_close(struct keyd *keyd)
{
    free(keyd->trail);
    keyd->trail = NULL;
}
