/* A disk that keeps its promises, and not one byte more.
 *
 * Each file has two contents: what the running system shows (the page cache) and what a power cut
 * leaves (the disk). A WRITE goes into the cache when the disk thread gets to it and onto the disk
 * when it is WRITTEN. A killed process leaves the cache as it was; a power cut leaves any subset of
 * the unsynced 512-byte sectors and either side of each unsynced rename. After a failed sync the
 * cache shows bytes that the disk never gets. See docs/TESTING.md and the rules of durability. */
#ifndef SEALIFT_SIM_SIM_STORE_H
#define SEALIFT_SIM_SIM_STORE_H

#include "base/prng.h"
#include "node/node.h"

struct sim;

enum {
    SIM_SECTOR_BYTES = 512,
    SIM_PAGE_SECTORS = 8,
    SIM_OPS_MAX = 4096, /* unanswered operations of one member: beyond it, invariant 36 is broken */
};

enum sim_place { SIM_NOWHERE, SIM_IN_WAL, SIM_ASIDE };

/* A segment file, in the WAL or in quarantine. */
struct sim_file {
    segment_t segment;
    enum sim_place shown; /* where the running system shows it */
    enum sim_place on_disk; /* where it is after a power cut */
    uint8_t *cache, *disk;
    uint8_t *sectors; /* enum sim_sector, one for each 512 bytes */
    uint64_t size, room;
    uint64_t written; /* the end of what was ever written: behind it lie zeros or old bytes */
};

struct sim_small {
    uint8_t *cache, *disk;
    size_t cache_size, disk_size;
};

struct sim_op {
    bool is_read;
    uint64_t ticket;
    struct store_write write;
    struct store_read read;
    uint32_t crc; /* of write.data when it was asked for */
};

/* Whether these bytes of a file may be harmed: sim/atlas.h decides. */
struct sim_leave {
    bool (*may_harm)(const void *context, unsigned member, const struct sim_file *file,
                     uint64_t begin, uint64_t end);
    const void *context;
};

struct sim_store {
    unsigned member;
    struct prng dice;
    struct sim_small smalls[STORE_FILES];
    struct sim_file **files;
    unsigned file_count, file_room;
    struct sim_op *ops; /* a ring */
    uint64_t head, tail;
    uint64_t group; /* how many of them are under way */

    /* what the seed or a story says of this disk */
    uint64_t latency_ns;
    uint64_t slow_until_ns;
    bool recycles; /* spares hold old bytes instead of zeros */
    uint64_t spare_bytes; /* the size of a new segment file */
    uint64_t capacity_bytes, foreign_bytes; /* of the file system (sim_space.h); 0: it has no end */
    struct store_space space_told; /* last, in this life */
    bool shortage_told;
    uint64_t appended_when_full;
    enum status fail_next; /* the next group fails with this */
    uint64_t groups; /* of writes, so far */
    enum status fail_read; /* the next read fails with this */
    bool misdirects; /* the next batch goes into another file */
    bool broken; /* has failed: everything fails until the restart */
    bool failed; /* has failed in this life: nothing is written any more but the last word */
    struct sim_leave leave;
    unsigned damage; /* how often durable bytes were flipped, overwritten or lost */
    unsigned flips; /* how many of these were single bits that some mark covers */
    unsigned unseen; /* of these, batches that went elsewhere: their own place says nothing of it */
    bool no_control; /* one of these took every copy in the control file */
    unsigned spoilt; /* how often something changed by itself, harmful or not */
    unsigned read_failures;
    unsigned losses; /* how often all of it was lost */
    struct sim_file *repair; /* being written anew; it is nowhere yet */
    const struct sim_file *last_replaced; /* by a repair: it is in quarantine */
    unsigned repaired; /* segments that were replaced by a repair */
    unsigned io_failures; /* how many writes were made to fail */
    uint64_t longest_queue;
    uint64_t torn_sectors; /* lost to power cuts */
};

enum sim_crash {
    SIM_KILL, /* kill -9: the page cache survives */
    SIM_POWER, /* a power cut: only what was synced surely survives */
    SIM_CRASHES
};

void sim_store_init(struct sim_store *store, unsigned member, uint64_t seed);
void sim_store_drop(struct sim_store *store);

/* The checksum of what is written. */
uint32_t sim_store_write(struct sim *sim, struct sim_store *store,
                         const struct effect_write *write);
void sim_store_read(struct sim *sim, struct sim_store *store, const struct effect_read *read);

/* The node's memory may go afterwards. */
void sim_store_crash(struct sim_store *store, enum sim_crash crash);

/* What a starting node is told. Free with sim_store_inventory_drop. */
struct store_inventory sim_store_inventory(const struct sim_store *store);
void sim_store_inventory_drop(struct store_inventory *inventory);

/* As the running system shows it: NULL where it is not in the WAL. */
struct sim_file *sim_store_file(const struct sim_store *store, segment_t segment);

/* The end of what was written into that segment or will be, by WRITEs that are under way; 0 where
 * there is no such file and none was asked for. */
uint64_t sim_store_asked_end(const struct sim_store *store, segment_t segment);

/* Flips one bit of a committed byte at random, often in the last group that a mark covers; false
 * where there is none, or no leave. */
bool sim_store_rot(struct sim_store *store);

/* One segment file is gone; false where there is none, or no leave. */
bool sim_store_lose_file(struct sim_store *store);

/* A bit flips in so many of the copies in the control file; false where there is no such file. */
bool sim_store_spoil_control(struct sim_store *store, unsigned copies);

/* The disk is replaced by an empty one. Only while its member is down. */
void sim_store_lose_all(struct sim_store *store);

/* Of all that a reboot would still find, names included. */
uint64_t sim_store_hash(const struct sim_store *store);

#endif
