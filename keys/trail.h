/* Which entries of the audit does somebody ask for? The CloudTrail call LookupEvents, JSON 1.1.
 *
 * A request is parsed, rows of the audit are offered to it newest first, and those that match
 * become events of the answer. An account sees its own calls and the calls of others with its keys.
 * A page ends after MaxResults events, TRAIL_ROWS_MAX rows, or where the answer is full; NextToken
 * goes on behind it, so a page may hold nothing and still not be the last.
 *
 * Pure; each function enters and leaves the JSON arena itself. */
#ifndef SEALIFT_KEYS_TRAIL_H
#define SEALIFT_KEYS_TRAIL_H

#include "keys/audit.h"
#include "keys/json_arena.h"

enum {
    TRAIL_REPLY_BYTES_MAX = 1 << 20,
    TRAIL_EVENT_BYTES_MAX = 512 * 1024, /* an audit row of 112 KiB, quoted twice */
    TRAIL_ROWS_MAX = 1000, /* some 10 ms: other requests wait meanwhile */
    TRAIL_VALUE_MAX = 2001, /* AWS: an attribute value has up to 2000 characters */
};

enum trail_attribute {
    TRAIL_ALL,
    TRAIL_EVENT_ID,
    TRAIL_EVENT_NAME,
    TRAIL_READ_ONLY,
    TRAIL_USERNAME,
    TRAIL_RESOURCE_TYPE,
    TRAIL_RESOURCE_NAME,
    TRAIL_EVENT_SOURCE,
    TRAIL_ACCESS_KEY,
    TRAIL_ATTRIBUTES
};

struct trail {
    const char *region;
    const char *account; /* who asks */
    struct json_arena *json;
    uint8_t *reply; /* room for TRAIL_REPLY_BYTES_MAX */
    size_t reply_size;
    enum trail_attribute attribute;
    char value[TRAIL_VALUE_MAX];
    uint64_t start_ns, end_ns; /* both inclusive */
    uint64_t before; /* offer rows with smaller numbers; UINT64_MAX at first */
    unsigned events_max, events, rows;
    bool more; /* rows may be left */
    const char *error; /* of a refusal: AWS's name */
    const char *why;
};

/* The first five fields come set. E_KMS_ERROR with `error` and `why`. */
NODISCARD enum status trail_open(struct trail *trail, struct bytes body);

/* The next older row. Returns false where the page is full: the row was not taken. */
bool trail_take(struct trail *trail, uint64_t number, struct bytes row);

/* The answer's body. */
struct bytes trail_close(struct trail *trail);

#endif
