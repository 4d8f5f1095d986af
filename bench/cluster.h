/* A cluster of real processes: a key service, a primary and a replica of it, on loopback.
 *
 * Programs are those beside our own executable, settings are their defaults; certificates are made
 * in the cluster's folder, which is removed at the end. */
#ifndef SEALIFT_BENCH_CLUSTER_H
#define SEALIFT_BENCH_CLUSTER_H

#include "bench/bench.h"
#include "cli/local.h"
#include "client/session.h"

struct cluster_process {
    struct child child;
    unsigned port;
};

struct cluster {
    bool encrypted;
    const char *aes;
    char folder[512];
    char programs[512];
    char ca[CHILD_PATH_MAX], certificate[CHILD_PATH_MAX], key[CHILD_PATH_MAX]; /* the client's */
    char primary_address[64], replica_address[64];
    char
        client_address[600]; /* the primary's, for clients: its UNIX socket, unless asked for TLS */
    struct cluster_process keyd, primary, replica;
};

/* True once the replica follows. False: said why; close it all the same. */
bool cluster_open(struct cluster *cluster, const struct bench_options *options);
void cluster_close(struct cluster *cluster);

/* To the primary, as a client. NULL: said why. */
struct sealift *cluster_connect(const struct cluster *cluster);

/* "unix" or "tls". */
const char *cluster_client(const struct cluster *cluster);

/* Until the replica has made durable what the primary has up to `lsn`. */
bool cluster_wait_for_replica(const struct cluster *cluster, lsn_t lsn, int timeout_ms);

#endif
