/* Clients that behave, clients that read, and peers that do not.
 *
 * A producer keeps a few appends in flight, at drawn levels and sizes, limits included, and after a
 * lost link says the same appends again under the same producer and sequences. A reader follows
 * from the first LSN and checks what it gets. Either asks its member to verify its copy now and
 * then (what it says is for the oracle to judge). A stranger sends messages that make no sense. */
#ifndef SEALIFT_SIM_WORKLOAD_H
#define SEALIFT_SIM_WORKLOAD_H

#include "sim/oracle.h"

enum {
    WORKLOAD_CLIENTS_MAX = 16,
    WORKLOAD_FLIGHT_MAX = 8,
};

enum client_kind { CLIENT_PRODUCER, CLIENT_READER, CLIENT_STRANGER };

struct client_flight {
    unsigned append; /* the oracle's number */
    uint64_t request, first_sequence;
    uint32_t count;
    bool has_level;
    struct level level;
    unsigned attempts;
};

struct workload_client {
    struct puppet puppet; /* first: it is found by its address */
    struct workload *workload;
    enum client_kind kind;
    unsigned target; /* member */
    bool ready;
    struct prng dice;
    struct prng curiosity; /* its own, so that who verifies does not change who appends what */
    uint64_t verify_request;

    uint64_t producer, next_sequence, next_request;
    unsigned appends_left;
    struct client_flight flight[WORKLOAD_FLIGHT_MAX]; /* in the order of their sequences */
    unsigned flight_count, flight_max;

    lsn_t next_lsn, visible_lsn;
    uint64_t read_request;
    uint64_t appended, refused, records_read;
};

struct workload {
    struct sim *sim;
    struct oracle *oracle;
    struct prng dice;
    uint32_t record_bytes_max; /* of the members */
    uint32_t record_bytes_usual;
    struct level levels[3]; /* that appends ask for, besides the cluster's */
    unsigned level_count;
    uint64_t think_ns;
    bool follows_writer; /* producers look for the primary, wherever it is by now */
    bool verifies; /* members are asked to verify their copies now and then */
    bool trespasses; /* readers try to append */
    bool rests; /* little is said and asked, for a while */
    bool calm; /* no more nonsense, no more new appends */
    struct workload_client clients[WORKLOAD_CLIENTS_MAX];
    unsigned client_count;
    uint8_t *memory;
};

void workload_init(struct workload *workload, struct sim *sim, struct oracle *oracle,
                   uint64_t seed);
void workload_drop(struct workload *workload);

/* Begins to dial at once and never stops. */
struct workload_client *workload_add(struct workload *workload, enum client_kind kind,
                                     unsigned target, unsigned appends);

/* NULL where every append has been answered and every reader has read all that is committed; else
 * who waits for what. */
const char *workload_unsettled(const struct workload *workload);

#endif
