/* From an Authorization header to a caller.
 *
 * The order is that of AWS: form, access key, scope, time, signature. Nothing is known of a caller
 * before the last of them has passed. Session tokens are for temporary credentials, of which there
 * are none here: a request with one is from a stranger. */
#include "host/clock.h"
#include "host/keyd_parts.h"
#include "transport/sigv4.h"

#include <stdio.h>

static enum keyd_refusal check_scope(const struct keyd *keyd, const char *service,
                                     const struct sigv4_claim *claim)
{
    return strcmp(claim->region, keyd->settings.region) == 0 && strcmp(claim->service, service) == 0
               ? KEYD_REFUSALS
               : KEYD_SCOPE;
}

static enum keyd_refusal check_secret(const struct credential *credential,
                                      const struct http_request *request,
                                      const struct sigv4_claim *claim)
{
    const uint64_t now = clock_wall_ns() / 1000000000u;
    const enum status status = sigv4_verify(request, claim, credential->secret_key, now);

    if (status == OK) {
        return KEYD_REFUSALS;
    }
    return status == E_SKEW ? KEYD_SKEW : KEYD_SIGNATURE;
}

/* "rds" in the file is the service of that name in this region. */
static void name_service(const struct keyd *keyd, const struct credential *credential, char *into)
{
    const char *service = credential->via_service;

    if (service[0] == '\0' || strchr(service, '.') != NULL) {
        snprintf(into, KMS_SERVICE_TEXT_MAX, "%s", service);
        return;
    }
    snprintf(into, KMS_SERVICE_TEXT_MAX, "%.16s.%s.amazonaws.com", service, keyd->settings.region);
}

enum keyd_refusal keyd_check_signature(const struct keyd *keyd, const struct http_request *request,
                                       const char *service, struct kms_request *caller)
{
    struct sigv4_claim claim;
    const enum status status = sigv4_parse(request, &claim);

    if (status != OK) {
        return status == E_UNSIGNED ? KEYD_UNSIGNED : KEYD_INCOMPLETE;
    }

    const struct credential *credential = credentials_find(keyd->credentials, claim.access_key);

    if (credential == NULL
        || http_header_find(request->headers, request->header_count, "X-Amz-Security-Token")
               != NULL) {
        return KEYD_STRANGER;
    }

    enum keyd_refusal refusal = check_scope(keyd, service, &claim);

    if (refusal == KEYD_REFUSALS) {
        refusal = check_secret(credential, request, &claim);
    }
    if (refusal == KEYD_REFUSALS) {
        snprintf(caller->account, sizeof caller->account, "%s", credential->account);
        snprintf(caller->principal, sizeof caller->principal, "%s", credential->principal);
        name_service(keyd, credential, caller->via_service);
        snprintf(caller->access_key, sizeof caller->access_key, "%s", credential->access_key);
    }
    return refusal;
}
