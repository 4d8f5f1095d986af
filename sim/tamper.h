/* What a member hears is not always what its peer has said.
 *
 * TLS keeps a link whole, so this stands for what TLS cannot: memory that rots on the way to the
 * node, a peer that lies, an old message said again. One message is changed, said twice, or
 * overtaken; the oracle then demands that nothing came of it. */
#ifndef SEALIFT_SIM_TAMPER_H
#define SEALIFT_SIM_TAMPER_H

#include "node/node.h"
#include "sim/faults.h"

struct sim;
struct sim_link;

struct sim_tamper {
    bool wanted;
    enum sim_fault what; /* befalls the next message that it fits */
    bool struck; /* already: then it goes on until */
    bool header; /* forges SEGMENTs, which are few; else BATCHes */
    uint64_t until_ns; /* lies and forgeries: all of them until then */
    bool at_work; /* the message that is being heard now was changed */
    epoch_t epoch; /* of an old epoch: that one; else UINT64_MAX */
    uint8_t *memory;
};

void sim_tamper_drop(struct sim_tamper *tamper);

/* Lets the second message of this way overtake the first, where that is wanted. */
void sim_tamper_order(struct sim *sim, struct sim_link *link, unsigned side);

/* May change the message that `side` is about to hear; true where it will hear it once more. */
bool sim_tamper_message(struct sim *sim, const struct sim_link *link, unsigned side,
                        struct message *message);

#endif
