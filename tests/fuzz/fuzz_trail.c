/* A LookupEvents, by whoever may ask, over an audit of a few rows.
 *
 * It is refused by a name, or answered with JSON of at most as many events as rows; where there is
 * a token, asking with it goes on further back. */
#include "base/check.h"
#include "keys/json_arena.h"
#include "keys/trail.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 5, ROOM = 8 << 20 };

static struct json_arena arena;
static uint8_t reply[TRAIL_REPLY_BYTES_MAX];

static const char row[] =
    "{\"number\":1,\"previous\":\"00\",\"time_ns\":1700000000000000000,\"principal\":"
    "\"arn:aws:iam::111122223333:user/a\",\"access_key\":\"AKIDEXAMPLE\",\"account\":"
    "\"111122223333\",\"operation\":\"Decrypt\",\"key\":"
    "\"arn:aws:kms:us-east-1:111122223333:key/k\",\"context\":{\"a\":\"\\u0001\"},\"outcome\":"
    "\"denied\",\"error\":\"DisabledException\",\"message\":\"m\",\"request_id\":\"r\"}";

static void check_answer(const struct trail *trail, struct bytes answer)
{
    json_arena_enter(&arena);

    const json_t *object =
        json_loadb((const char *)answer.data, answer.size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *events = json_object_get(object, "Events");

    CHECK(json_is_array(events) && json_array_size(events) == trail->events);
    CHECK(trail->events <= trail->events_max && trail->events <= ROWS);
    CHECK(trail->more == json_is_string(json_object_get(object, "NextToken")));
    json_arena_leave(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trail trail = {
        .region = "us-east-1", .account = "111122223333", .json = &arena, .reply = reply};

    if (arena.base == NULL) {
        json_arena_install(7);
        arena = (struct json_arena){.base = malloc(ROOM), .size = ROOM};
        CHECK(arena.base != NULL);
    }
    if (size > KMS_REQUEST_BYTES_MAX) {
        return 0;
    }
    if (trail_open(&trail, bytes_of(data, size)) != OK) {
        CHECK(trail.error != NULL && trail.why != NULL);
        return 0;
    }
    for (uint64_t number = ROWS; number > 0; number--) {
        if (number < trail.before && !trail_take(&trail, number, bytes_text(row))) {
            break;
        }
    }
    check_answer(&trail, trail_close(&trail));
    return 0;
}
