/* The simulated network: ordered bytes from a verified peer, until cut.
 *
 * That is what TLS over TCP promises a node, so nothing of TLS is simulated. A link has two ends, a
 * member or a puppet (a client, an impostor); each direction delays by half of the round trip
 * between the two regions, plus jitter and what the bandwidth costs. Regions can be parted, one way
 * or both: what is sent meanwhile waits, as TCP would. A cut loses what is in flight, and the two
 * ends hear of it at different times. */
#ifndef SEALIFT_SIM_SIM_NET_H
#define SEALIFT_SIM_SIM_NET_H

#include "base/prng.h"
#include "node/node.h"

struct sim;

enum {
    SIM_REGIONS = 9,
    SIM_LINKS_MAX = 65536, /* in the life of one world */
};

/* One who talks but is no node: clients and impostors of the workload. */
struct puppet {
    unsigned number;
    struct identity self;
    unsigned region;
    link_t link; /* 0: none, and no dial under way */
    bool dialing;
    void (*on_up)(struct sim *sim, struct puppet *puppet);
    void (*on_message)(struct sim *sim, struct puppet *puppet, const struct message *message);
    void (*on_down)(struct sim *sim, struct puppet *puppet, enum status why);
};

struct sim_end {
    int member; /* -1: a puppet */
    struct puppet *puppet;
    uint64_t life; /* of the member */
    unsigned region;
    bool up; /* has heard LINK_UP and nothing of an end yet */
    bool told; /* has heard something: a dialer always does, if only that its dial failed */
};

struct sim_packet {
    struct sim_packet *next;
    uint64_t arrives;
    unsigned type;
    uint32_t head_bytes, tail_bytes;
    uint8_t bytes[];
};

/* One direction, named after the end that receives. */
struct sim_way {
    struct sim_packet *first, *last;
    uint64_t bytes; /* in flight or unread */
    uint64_t busy_until;
    uint64_t last_arrival;
    bool kept; /* the receiver had no room for the first packet, whatever it has said since */
    bool deferred; /* the receiver has no room: the first packet is delivered again on RESUME */
    bool armed; /* a delivery is on the agenda */
    bool ends; /* after the last packet the receiver hears LINK_DOWN */
    enum status why;
};

struct sim_link {
    link_t id;
    struct sim_end ends[2]; /* the dialer, the listener */
    struct sim_way ways[2]; /* to the dialer, to the listener */
    uint8_t exporter[32];
    bool cut;
};

struct sim_net {
    struct prng dice;
    struct sim_link **links; /* by id - 1; NULL where it is over */
    link_t link_count;
    link_t oldest;
    uint64_t blocked_until[SIM_REGIONS][SIM_REGIONS]; /* from, to */
    uint32_t parted; /* members, one bit each, */
    uint64_t parted_until; /* who are cut off from all others */
    uint64_t bytes_per_s;
    uint64_t jitter_ns;
    unsigned dial_failures; /* in 1000 */
    uint64_t longest_way_bytes;
    uint64_t messages; /* that somebody was handed so far; the newest */
    link_t heard_on; /* this one */
};

const char *sim_region_name(unsigned region);

/* SIM_REGIONS where there is none of that name. */
unsigned sim_region_number(const char *name);
uint64_t sim_region_delay_ns(unsigned from, unsigned to);

void sim_net_init(struct sim_net *net, uint64_t seed);
void sim_net_drop(struct sim_net *net);

void sim_net_dial(struct sim *sim, unsigned member, const char *address);
void sim_net_dial_puppet(struct sim *sim, struct puppet *puppet, unsigned member);
void sim_net_send(struct sim *sim, struct sim_end from, const struct effect_send *send);
void sim_net_hang_up(struct sim *sim, struct sim_end from, link_t link, enum status why);
void sim_net_defer(struct sim *sim, unsigned member, link_t link);
void sim_net_resume(struct sim *sim, unsigned member, link_t link);

/* The process is gone: peers hear of it soon, or (power) only after a while. */
void sim_net_member_gone(struct sim *sim, unsigned member, bool silently);

/* Loses what is in flight; the ends hear of it at different times. */
void sim_net_cut(struct sim *sim, link_t link);

/* A random link that is up; 0 where there is none. */
link_t sim_net_any_link(struct sim *sim);

/* No packet arrives from `from` in `to` until then. */
void sim_net_block(struct sim *sim, unsigned from, unsigned to, uint64_t until_ns);

/* No packet passes between one of these members (one bit each) and one of the others. */
void sim_net_part(struct sim *sim, uint32_t members, uint64_t until_ns);
void sim_net_heal(struct sim *sim);

struct sim_link *sim_net_link(const struct sim_net *net, link_t link);

#endif
