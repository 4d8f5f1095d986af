/* What the parts of the key service's world share: keyd.c (the loop), keyd_requests.c (HTTP in and
 * out), keyd_signed.c (who asks), keyd_trail.c (who asks what was done), keyd_metrics.c (what an
 * operator sees). */
#ifndef SEALIFT_HOST_KEYD_PARTS_H
#define SEALIFT_HOST_KEYD_PARTS_H

#include "host/expiry_watch.h"
#include "host/keyd.h"
#include "node/effects.h"
#include "transport/http_server.h"

#include <event2/event.h>

/* Refusals of this world: label in the metrics, HTTP status, AWS name, message. */
#define KEYD_REFUSAL_LIST(X) \
    X(KEYD_UNSIGNED, "unsigned", 400, "MissingAuthenticationTokenException", \
      "Missing Authentication Token") \
    X(KEYD_INCOMPLETE, "incomplete", 400, "IncompleteSignatureException", \
      "The request signature does not conform to AWS standards.") \
    X(KEYD_STRANGER, "stranger", 400, "UnrecognizedClientException", \
      "The security token included in the request is invalid.") \
    X(KEYD_SCOPE, "scope", 400, "InvalidSignatureException", \
      "Credential should be scoped to the region of this key service and to the service that is " \
      "asked: 'kms' or 'cloudtrail'.") \
    X(KEYD_SKEW, "skew", 400, "InvalidSignatureException", \
      "Signature expired or not yet current: it was made more than 15 minutes from now.") \
    X(KEYD_SIGNATURE, "signature", 400, "InvalidSignatureException", \
      "The request signature we calculated does not match the signature you provided. Check your " \
      "AWS Secret Access Key and signing method.") \
    X(KEYD_OPERATION, "operation", 400, "UnknownOperationException", \
      "A request is a POST to / with X-Amz-Target: TrentService.OPERATION, or CloudTrail's " \
      "LookupEvents.") \
    X(KEYD_BUSY, "busy", 400, "ThrottlingException", "Rate exceeded") \
    X(KEYD_STOPPING, "stopping", 503, "ServiceUnavailableException", \
      "This key service is stopping.") \
    X(KEYD_INTERNAL, "internal", 500, "KMSInternalException", "The request was given up.")

enum keyd_refusal {
#define KEYD_REFUSAL_ENUM(name, label, http, error, message) name,
    KEYD_REFUSAL_LIST(KEYD_REFUSAL_ENUM)
#undef KEYD_REFUSAL_ENUM
        KEYD_REFUSALS
};

/* A request on its way through the node; its link is up from the first delivery to the answer. */
struct keyd_request {
    link_t link; /* 0: the place is free */
    bool is_up;
    uint64_t token; /* of the HTTP server */
    struct kms_request caller;
    uint8_t *body; /* a copy, wiped: it may hold a plaintext */
    size_t body_size;
};

/* Places of requests, first in, first out. */
struct keyd_queue {
    unsigned places[KEYD_REQUESTS_MAX];
    unsigned first, count;
};

struct keyd {
    struct keyd_settings settings;
    struct event_base *base;
    struct event *timer, *sigterm, *sigint, *sighup;
    struct tls_identity *identity;
    struct expiry_watch expiry;
    struct credentials *credentials;
    struct http_server *https, *metrics;
    struct keyd_request requests[KEYD_REQUESTS_MAX];
    unsigned requests_under_way;
    uint64_t links_drawn;
    struct keyd_queue inbox; /* to be delivered in the next turn */
    link_t ended[KEYD_REQUESTS_MAX]; /* to be told as LINK_DOWN */
    unsigned ended_count;
    uint64_t saves[KEYD_REQUESTS_MAX]; /* tickets of the transaction under way */
    unsigned save_count;
    struct instant wake_at, timer_at;
    bool stepping, stopping, halted;
    enum status halted_why;
    uint64_t refusals[KEYD_REFUSALS];
    uint64_t requests_total, commits, commit_ns;
    uint64_t lookups_total;
    struct keyd_trail *trail; /* made by the first lookup */
    char *metrics_text;
    struct effects fx;
};

/* keyd.c */
void keyd_step(struct keyd *keyd, struct event *event);

/* keyd_requests.c */
NODISCARD enum status keyd_listen(struct keyd *keyd, char *why);
void keyd_deliver(struct keyd *keyd); /* what is in the inbox now */
void keyd_end_links(struct keyd *keyd);
void keyd_send(struct keyd *keyd, const struct effect_send *send);
void keyd_hang_up(struct keyd *keyd, link_t link);
void keyd_resume(struct keyd *keyd, link_t link);
void keyd_refuse_rest(struct keyd *keyd); /* the node has halted */

/* keyd_trail.c: the answer to LookupEvents, good until the next; or `error` and `why`. */
struct keyd_lookup_refusal {
    const char *error, *why;
};
struct bytes keyd_lookup(struct keyd *keyd, const char *account, struct bytes body,
                         struct keyd_lookup_refusal *refusal);
void keyd_trail_close(struct keyd *keyd);

/* keyd_signed.c: KEYD_REFUSALS where the signature is a caller's; `caller` gets account, principal
 * and access key. */
enum keyd_refusal keyd_check_signature(const struct keyd *keyd, const struct http_request *request,
                                       const char *service, struct kms_request *caller);

/* keyd_metrics.c */
NODISCARD enum status keyd_metrics_open(struct keyd *keyd, char *why);

#endif
