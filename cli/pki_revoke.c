/* `sealift pki revoke` and `crl`: the list of certificates that are no longer good.
 *
 *   sealift pki revoke --dir pki --name r1        r1 as it is in the folder now
 *   sealift pki revoke --dir pki --cert old.crt   any certificate of this CA: an older one, a copy
 *   sealift pki crl --dir pki                     the same list, good for another 30 days
 *
 * The list must be signed anew before its end: from then on those who heed it let nobody in. */
#include "base/check.h"
#include "cli/pki.h"
#include "cli/verbs.h"
#include "transport/revocations.h"

#include <stdio.h>
#include <time.h>

enum { CRL_DAYS = 30 };

NODISCARD static enum status read_for_report(const struct pki_order *order,
                                             const struct certificate *ca, unsigned *count,
                                             int64_t *end)
{
    struct X509_crl_st *crl;
    char path[PKI_PATH_MAX];
    const enum status status =
        revocations_read(&crl, pki_path(path, order, "ca", ".crl"), ca, time(NULL));

    if (status == OK) {
        *count = revocations_count(crl);
        *end = revocations_validity_of(crl).not_after;
    }
    revocations_free(crl);
    return status;
}

static void report(const struct pki_order *order, unsigned count, int64_t end)
{
    const time_t time = (time_t)end;
    struct tm parts;
    char text[32];

    gmtime_r(&time, &parts);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
    printf("%s/ca.crl: %u revoked, good until %s; copy it to every member's --crl file and send "
           "its daemon a SIGHUP\n",
           order->dir, count, text);
}

enum status pki_renew_crl(const struct pki_order *order, struct x509_st *revoked)
{
    struct certificate ca = {0};
    char deployment[DEPLOYMENT_TEXT_MAX], path[PKI_PATH_MAX];
    enum status status = pki_read_ca(order, &ca, deployment);
    unsigned count = 0;
    int64_t end = 0;

    if (status == OK) {
        status = revocations_renew(pki_path(path, order, "ca", ".crl"), &ca, revoked,
                                   pki_validity(order, CRL_DAYS));
    }
    if (status == OK) {
        status = read_for_report(order, &ca, &count, &end);
    }
    certificate_free(&ca);
    if (status == OK) {
        report(order, count, end);
    }
    return status;
}

int pki_revoke(const struct pki_order *order)
{
    struct certificate leaf = {0};
    char path[PKI_PATH_MAX];
    const char *from = order->certificate;

    if ((order->name == NULL) == (from == NULL)) {
        fprintf(stderr,
                "sealift pki: revoke needs --name of a certificate in the folder, or --cert "
                "with its file\n");
        return EXIT_USAGE;
    }
    if (from == NULL) {
        from = pki_path(path, order, order->name, ".crt");
    }
    enum status status = certificate_read(&leaf, from, NULL);

    if (status != OK) {
        certificate_free(&leaf);
        return pki_refuse(status, from);
    }
    status = pki_renew_crl(order, leaf.x509);
    certificate_free(&leaf);
    if (status == E_USAGE) {
        fprintf(stderr, "sealift pki: %s is not of the CA in %s (E_USAGE)\n", from, order->dir);
        return EXIT_REFUSED;
    }
    return status == OK ? EXIT_DONE : pki_refuse(status, order->dir);
}

int pki_crl(const struct pki_order *order)
{
    const enum status status = pki_renew_crl(order, NULL);

    return status == OK ? EXIT_DONE : pki_refuse(status, order->dir);
}
