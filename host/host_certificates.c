/* Our certificates while we run: who we are, whom we trust, whom no more, and for how long.
 *
 * Everything is read at start and again at SIGHUP: CA, certificate, key, CRL, all or nothing. The
 * old ones serve on where the new ones cannot be had, and the trace says why. With the new ones
 * every link that is up is judged once more: whoever is revoked, or is of a CA that is trusted no
 * more, is cut at once.
 *
 * Our own certificate in the list is a reason not to start (daemon.c). At a reload the list counts
 * all the same: it may name others, and to ignore it would keep them in. */
#include "host/host_parts.h"

#include "base/check.h"

static void watch(struct host *host)
{
    expiry_watch_set(&host->expiry, tls_identity_expires_at(host->identity),
                     tls_identity_crl_expires_at(host->identity));
}

enum status host_certificates_open(struct host *host, char *why)
{
    if (host->settings.tls.certificate == NULL) {
        return OK;
    }
    TRY(tls_identity_load(&host->identity, &host->settings.tls, why));
    expiry_watch_start(&host->expiry, host->base, host->settings.trace);
    watch(host);
    return OK;
}

static void take_over(struct host *host, struct tls_identity *fresh)
{
    for (unsigned i = 0; i < host->settings.listen_count; i++) {
        listener_set_identity(host->listeners[i], fresh);
    }
    tls_identity_free(host->identity);
    host->identity = fresh;
}

void host_certificates_reload(struct host *host)
{
    struct tls_identity *fresh = NULL;
    char why[TRANSPORT_WHY_MAX];

    if (host->identity == NULL) {
        return;
    }
    if (tls_identity_load(&fresh, &host->settings.tls, why) != OK) {
        trace_event(&host->settings.trace, "reload.failed text=\"the old ones stay: %s\"", why);
        return;
    }
    take_over(host, fresh);
    trace_event(&host->settings.trace, "reload.done expires=%lld revoked=%u crl_expires=%lld",
                (long long)tls_identity_expires_at(fresh), tls_identity_crl_count(fresh),
                (long long)tls_identity_crl_expires_at(fresh));
    if (tls_identity_is_revoked(fresh)) {
        trace_event(&host->settings.trace,
                    "reload.revoked text=\"our own certificate is in the CRL: peers refuse us\"");
    }
    watch(host);
    host_links_recheck(host);
}

void host_certificates_close(struct host *host)
{
    expiry_watch_stop(&host->expiry);
    if (host->identity != NULL) {
        tls_identity_free(host->identity);
    }
}
