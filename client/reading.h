/* One reading under way: READ, RECORDS, CONSUMED; on a new link READ again from the next LSN. */
#ifndef SEALIFT_CLIENT_READING_H
#define SEALIFT_CLIENT_READING_H

#include "client/session.h"

struct reading_state {
    struct session *session;
    struct sealift_reading order;
    bool active;
    bool refused;
    uint64_t request; /* of the present READ; answers to older ones are skipped */
    lsn_t next;
    char why[SEALIFT_TEXT_MAX];
};

void reading_init(struct reading_state *reading, struct session *session);
void reading_begin(struct reading_state *reading, const struct sealift_reading *order);
void reading_end(struct reading_state *reading);
void reading_on_welcomed(struct reading_state *reading);

/* True where the message belongs to this or an earlier reading. */
bool reading_on_message(struct reading_state *reading, const struct message *message);

#endif
