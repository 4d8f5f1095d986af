/* How does a row of the audit look as an event of CloudTrail?
 *
 * EventId is made of the row's digest; so are sealiftAuditNumber and sealiftAuditHash, which lead
 * back to the chain. Source: AWS CloudTrail User Guide, "CloudTrail record contents". */
#ifndef SEALIFT_KEYS_TRAIL_EVENT_H
#define SEALIFT_KEYS_TRAIL_EVENT_H

#include "keys/audit.h"

/* Texts live in the JSON arena. */
struct trail_entry {
    uint64_t number;
    struct digest digest;
    char event_id[KEY_ID_TEXT_MAX];
    uint64_t time_ns;
    const json_t *row;
    const char *principal, *account, *access_key, *operation, *key, *other_key, *error;
};

/* false: a row that is none of ours. */
bool trail_entry_read(struct trail_entry *entry, uint64_t number, struct bytes row);

/* Its own calls, and the calls of others with its keys. */
bool trail_entry_is_seen_by(const struct trail_entry *entry, const char *account);

bool trail_entry_is_read_only(const struct trail_entry *entry);

/* What is behind the last slash of the principal. */
const char *trail_entry_user(const struct trail_entry *entry);

/* The event as JSON; returns its size, which may be larger than `room`; 0: no memory. */
size_t trail_entry_write(const struct trail_entry *entry, const char *region, uint8_t *into,
                         size_t room);

#endif
