/* Looks a name up without stopping the loop. (Inside of dialer.) */
#ifndef SEALIFT_TRANSPORT_RESOLVER_H
#define SEALIFT_TRANSPORT_RESOLVER_H

#include "base/status.h"
#include "transport/address.h"

struct resolver_answer {
    struct addrinfo *list; /* NULL: no such name. Whoever reads the answer frees it */
    int error; /* EAI_* */
};

/* Starts a thread that writes one struct resolver_answer into a pipe whose reading end (not
 * blocking) is returned. Closing it early is fine: the thread then cleans up alone.
 * E_UNREACHABLE: neither pipe nor thread could be made. */
NODISCARD enum status resolver_start(const struct address *address, int *file);

#endif
