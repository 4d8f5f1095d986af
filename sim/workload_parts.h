/* Internal to sim/workload*.c.
 *
 * workload.c           links, ticks, and what a client does with each message
 * workload_producer.c  appends
 * workload_reader.c    reads
 * workload_stranger.c  nonsense */
#ifndef SEALIFT_SIM_WORKLOAD_PARTS_H
#define SEALIFT_SIM_WORKLOAD_PARTS_H

#include "proto/control.h"
#include "sim/workload.h"

enum { /* of workload.memory */
       WORKLOAD_TAIL_ROOM = 1 << 20,
       WORKLOAD_HEAD_ROOM = 4096,
};

/* Over its link. */
void client_send(struct workload_client *client, unsigned type, struct bytes head,
                 struct bytes tail);
void client_hang_up(struct workload_client *client);

/* A new append; one that is in flight, once more; what became of it. */
void producer_begin(struct workload_client *client);
void producer_send(struct workload_client *client, struct client_flight *flight);
struct client_flight *producer_flight(struct workload_client *client, uint64_t request);
void producer_on_appended(struct workload_client *client, const struct message *message);
void producer_on_refused(struct workload_client *client, struct client_flight *flight,
                         const struct refused *refused);

void reader_begin(struct workload_client *client);
void reader_on_records(struct workload_client *client, const struct message *message);

/* A WAL may begin later than it did: where retention was allowed to shorten it. */
void reader_skip(struct workload_client *client, lsn_t first_lsn);

/* A reader may not append, well-formed or not. */
void reader_trespass(struct workload_client *client);

void stranger_speak(struct workload_client *client);

#endif
