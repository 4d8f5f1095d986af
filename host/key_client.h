/* How does a member reach the key services of the regions?
 *
 * Performs ASK_KEYS (node/keys.h) by the AWS KMS API: JSON 1.1 over HTTPS, SigV4. Which endpoint
 * serves a region, and the CA of all of them, come from settings only: no peer can name one. Calls
 * run side by side and end by themselves after 10 s.
 *
 * Only an answer that came through TLS from that endpoint is a refusal; silence, a cut, an HTTP
 * 5xx, a signature that is too old or too new (clocks that differ may come together) and nonsense
 * are E_KEY_UNREACHABLE: nobody who only disturbs the network can make a key look lost. Credentials
 * or a signature that are refused otherwise are E_KEY_CREDENTIALS, a region without an endpoint is
 * E_KEY_NO_SERVICE: both are final for whoever starts, and say nothing of the key. */
#ifndef SEALIFT_HOST_KEY_CLIENT_H
#define SEALIFT_HOST_KEY_CLIENT_H

#include "base/status.h"
#include "base/trace.h"
#include "host/key_profile.h"
#include "node/keys.h"
#include "transport/http_client.h"

enum {
    KEY_SERVICES_MAX = 32, /* one a region; AWS has some 36 */
    KEY_WHY_MAX = 1280, /* two whole ARNs, and what a service says of them */
};

struct event_base;
struct key_client;

struct key_service {
    const char *region;
    const char *url; /* https://HOST:PORT */
};

struct key_client_settings {
    struct event_base *base;
    const char *ca; /* NULL: the system's store */
    const char *crl; /* NULL, or that CA's list of revoked certificates */
    struct key_service services[KEY_SERVICES_MAX];
    unsigned service_count;
    bool allow_plain; /* http:// to loopback, for tests: such answers authenticate nobody */
    struct key_credentials *keep; /* NULL, or where they wait for the next client of this process,
                                     which will not find them in the environment; what is there
                                     comes first of all; the owner wipes it */
    struct trace trace;
    /* Once a call, from the loop; never from inside key_client_ask. */
    void (*on_answer)(void *context, uint64_t ticket, enum status status,
                      const struct keys_answer *answer);
    /* The same for key_client_call; NULL where that is not used. E_KEY_NO_SERVICE and
     * E_KEY_CREDENTIALS as above; else what http_client.h has, and any HTTP code is an answer. */
    void (*on_reply)(void *context, uint64_t ticket, const struct http_answer *reply);
    void *context;
};

/* Credentials: those of `keep`, else of the environment, where they are wiped, else of the profile
 * (host/key_profile.h). E_USAGE, with `why` (KEY_WHY_MAX): there are none although a service is
 * named, a URL without form, a CA or CRL that cannot be read. Or what key_profile.h has. */
NODISCARD enum status key_client_open(struct key_client **client,
                                      const struct key_client_settings *settings, char *why);

/* Calls under way get no answer. Wipes the credentials. */
void key_client_close(struct key_client *client);

/* Copies the request. */
void key_client_ask(struct key_client *client, uint64_t ticket, const struct keys_request *request);

/* Any other operation of an AWS service at a region's endpoint, signed with the same credentials.
 * Copies the call. */
struct key_call {
    const char *region;
    const char *service; /* that is signed for: "kms", "cloudtrail" */
    const char *target; /* X-Amz-Target */
    struct bytes body;
};
void key_client_call(struct key_client *client, uint64_t ticket, const struct key_call *order);

/* What the last call to a service came to; OK before the first. For metrics. */
struct key_service_state {
    const char *region;
    enum status status;
};
unsigned key_client_states(const struct key_client *client,
                           struct key_service_state states[KEY_SERVICES_MAX]);

/* What a service's error name means; `message` decides between two states of KMSInvalidState, and
 * whether a signature was refused for its time. */
enum status key_client_status_of(const char *type, const char *message);

#endif
