/* Who asked the key service? A ticket says: its upper byte is the asker, the rest is the asker's
 * own. */
#ifndef SEALIFT_MEMBER_TICKETS_H
#define SEALIFT_MEMBER_TICKETS_H

#include <stdint.h>

enum ticket_asker {
    TICKET_GENESIS = 1, /* the primary makes a new cluster's DEK */
    TICKET_UNWRAP, /* member/unwrap.h; value: its attempt */
    TICKET_WATCH, /* member/key_watch.h; value: its attempt */
    TICKET_FEED, /* member/feed.h wraps for a replica's region; value: link of the feed */
    TICKET_REWRAP, /* member/rewrap.h; value: its attempt */
    TICKET_ROTATION, /* the primary makes another DEK; value: its attempt */
};

#define TICKET_VALUE_BITS 56

static inline uint64_t ticket_of(enum ticket_asker asker, uint64_t value)
{
    return (uint64_t)asker << TICKET_VALUE_BITS
           | (value & (((uint64_t)1 << TICKET_VALUE_BITS) - 1));
}

static inline enum ticket_asker ticket_asker(uint64_t ticket)
{
    return (enum ticket_asker)(ticket >> TICKET_VALUE_BITS);
}

static inline uint64_t ticket_value(uint64_t ticket)
{
    return ticket & (((uint64_t)1 << TICKET_VALUE_BITS) - 1);
}

#endif
