/* What must stay within bounds, and what must not stay at all: the size of segments, what is on its
 * way to a replica, and keys in the memory that a member leaves behind. */
#include "sim/oracle_bounds.h"

#include <sys/mman.h>

enum {
    BLOCK = 4096,
    TYPE_DATA = 1,
    SLACK = 64 << 10, /* COMMITs, frames and the like */
    PAGES_MAX = 1 << 16,
    SECRET_PART = 16,
    SEARCH_ONE_IN = 4,
};

static const struct member_settings *settings_of(const struct sim_member *member)
{
    return member->self.role == ROLE_PRIMARY ? &member->settings.primary.member
                                             : &member->settings.replica.member;
}

/* Any one batch of data may follow the checkpoint, however large; a second one only if there is
 * room for it, and for the final batch behind it. */
void oracle_check_segment(struct oracle *oracle, const struct sim_member *member,
                          const struct oracle_batch *added)
{
    const uint64_t end = added->offset + added->bytes + BLOCK;
    bool has_data = false;

    for (unsigned i = oracle->batch_count; i-- > 0 && !has_data;) {
        const struct oracle_batch *before = &oracle->batches[i];

        if (before->segment != added->segment) {
            break;
        }
        has_data = before != added && before->type == TYPE_DATA;
    }
    if (added->type == TYPE_DATA && has_data && end > settings_of(member)->segment_bytes) {
        sim_fail(oracle->sim, 22, "batch %llu ends its segment at %llu; the cap is %llu",
                 (unsigned long long)added->batch, (unsigned long long)end,
                 (unsigned long long)settings_of(member)->segment_bytes);
    }
}

/* The window bounds what a feed has sent and not seen acked; headers, at most one a batch, come on
 * top. */
void oracle_check_flight(struct oracle *oracle, const struct sim_member *member,
                         const struct effect_send *send)
{
    const struct sim_link *link = sim_net_link(&oracle->sim->net, send->link);
    const uint64_t window = settings_of(member)->feed_window_bytes;
    const uint64_t flight = link == NULL ? 0 : link->ways[0].bytes;

    if (flight > 2 * window + send->tail[0].size + SLACK) {
        sim_fail(oracle->sim, 36, "%s has %llu bytes on their way to a replica; its window is %llu",
                 member->name, (unsigned long long)flight, (unsigned long long)window);
    }
}

static bool holds_key(const struct oracle *oracle, struct bytes memory)
{
    const struct sim_keys *keys = &oracle->sim->keys;

    for (unsigned i = 0; i < keys->dek_count; i++) {
        if (memmem(memory.data, memory.size, keys->deks[i].secret.bytes, SECRET_PART) != NULL) {
            return true;
        }
    }
    return false;
}

/* Only pages that were ever touched: most of a member's memory never is. */
void oracle_check_memory(struct oracle *oracle, const struct sim_member *member)
{
    if (member->life % SEARCH_ONE_IN == 0) {
        oracle_check_memory_now(oracle, member);
    }
}

void oracle_check_memory_now(struct oracle *oracle, const struct sim_member *member)
{
    static unsigned char resident[PAGES_MAX];
    uint8_t *memory = member->block;
    const size_t pages = (member->block_bytes + BLOCK - 1) / BLOCK;
    size_t first = 0;

    if (pages > PAGES_MAX || mincore(memory, member->block_bytes, resident) != 0) {
        return;
    }
    for (size_t page = 0; page <= pages; page++) {
        if (page < pages && (resident[page] & 1) != 0) {
            continue;
        }
        if (page > first
            && holds_key(oracle, bytes_of(memory + first * BLOCK, (page - first) * BLOCK))) {
            sim_fail(oracle->sim, 31, "%s has or leaves a data key in its memory", member->name);
        }
        first = page + 1;
    }
}
