/* Many HTTPS connections to one key service, each of them asking again as soon as it is answered.
 *
 * All are one thread's (epoll), TLS 1.3, kept alive. A request is signed once and its bytes are
 * sent again and again: signing is the client's matter and would only load the other processor.
 * What fails has been said on stderr. */
#ifndef SEALIFT_BENCH_KEYS_CLIENT_H
#define SEALIFT_BENCH_KEYS_CLIENT_H

#include "base/bytes.h"
#include "bench/histogram.h"

enum { KEYS_CLIENTS_MAX = 256, KEYS_ANSWER_BYTES_MAX = 16 * 1024 };

struct keys_service {
    unsigned port; /* on 127.0.0.1 */
    const char *ca;
    const char *region, *access_key, *secret_key;
};

struct keys_client;

/* Connected, handshakes done. NULL: said why. */
struct keys_client *keys_client_open(const struct keys_service *service, unsigned connections);
void keys_client_close(struct keys_client *client);

/* One call over the first connection. `answer` has room for KEYS_ANSWER_BYTES_MAX and is a text
 * then: the body of a 200. */
bool keys_client_call(struct keys_client *client, const char *operation, const char *body,
                      char *answer);

/* The same call over all connections, for so long; each time is one answer's. */
bool keys_client_run(struct keys_client *client, const char *operation, const char *body,
                     double seconds, struct histogram *times);

#endif
