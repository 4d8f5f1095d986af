/* A member's state as Prometheus text (exposition format 0.0.4), made from struct member_status. */
#ifndef SEALIFT_HOST_METRICS_H
#define SEALIFT_HOST_METRICS_H

#include "base/bytes.h"
#include "host/expiry_watch.h"
#include "host/key_client.h"
#include "proto/control.h"

enum {
    METRICS_TEXT_MAX = 512 * 1024
}; /* 64 feeds and 64 pins, 4 lines of 300 bytes and more each */

/* What only the host knows. */
struct metrics_host {
    bool memory_locked;
    uint64_t link_count;
    uint64_t links_aged, links_lapsed, links_revoked;
    struct expiry certificate, crl;
    uint64_t crl_count;
    uint64_t spare_count;
    struct key_service_state services[KEY_SERVICES_MAX];
    unsigned service_count;
    uint64_t write_count, write_ns; /* of the disk: groups and the time they took */
};

/* `text` has room for METRICS_TEXT_MAX. */
struct bytes metrics_format(const struct member_status *status, const struct metrics_host *host,
                            char *text);

#endif
