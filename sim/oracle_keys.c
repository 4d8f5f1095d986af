/* The keyring is read from the disk as a power cut would leave it, not from the member's memory. */
#include "sim/oracle_keys.h"

#include "cluster/keyring.h"
#include "wal/segment.h"

void oracle_check_keyring(struct oracle *oracle, const struct sim_member *member,
                          struct bytes header)
{
    static _Thread_local struct keyring keyring; /* 400 KiB */
    const struct sim_small *small = &member->store.smalls[STORE_KEYRING];
    struct segment_header decoded;

    if (!oracle->encrypted || (oracle->members >> member->number & 1) == 0
        || segment_header_decode(&decoded, header) != OK) {
        return;
    }
    if (keyring_decode(&keyring, bytes_of(small->disk, small->disk_size)) != OK
        || keyring_find(&keyring, &decoded.dek) == NULL) {
        sim_fail(oracle->sim, 46,
                 "%s begins segment %llu under a DEK of which its disk has no envelope",
                 member->name, (unsigned long long)decoded.segment);
    }
}
