/* Keys and certificates into the folder of a CA: what `sealift pki` does, for the verbs that make a
 * deployment of their own.
 *
 * Nothing is replaced: a name that has files already is E_EXISTS, also where somebody was
 * interrupted between key and certificate; no CA in the folder is E_MISSING. */
#include "cli/pki.h"

#include <stdio.h>
#include <time.h>

enum {
    NAME_BYTES_MAX = 80, /* a member and ".new" */
    CA_DAYS = 3650,
    BACKDATE_SECONDS = 300, /* clocks of regions differ a little */
};

const char *pki_path(char *path, const struct pki_order *order, const char *name,
                     const char *ending)
{
    snprintf(path, PKI_PATH_MAX, "%.800s/%.100s%s", order->dir, name, ending);
    return path;
}

struct certificate_validity pki_validity(const struct pki_order *order, int days)
{
    const int64_t now = time(NULL);

    const int64_t span = (int64_t)(order->days > 0 ? order->days : days) * 86400;

    return (struct certificate_validity){.not_before = now - BACKDATE_SECONDS,
                                         .not_after =
                                             now + (order->seconds > 0 ? order->seconds : span)};
}

enum status pki_make_ca(const struct pki_order *order)
{
    char certificate[PKI_PATH_MAX], key[PKI_PATH_MAX];
    struct certificate ca = {0};
    enum status status = certificate_make_ca(&ca, order->deployment, pki_validity(order, CA_DAYS));

    if (status == OK) {
        status = certificate_write(&ca, pki_path(certificate, order, "ca", ".crt"),
                                   pki_path(key, order, "ca", ".key"));
    }
    certificate_free(&ca);
    return status;
}

/* The CA's own name is its certificate's subject, "O = deployment". */
enum status pki_read_ca(const struct pki_order *order, struct certificate *ca, char *deployment)
{
    char certificate[PKI_PATH_MAX], key[PKI_PATH_MAX];

    TRY(certificate_read(ca, pki_path(certificate, order, "ca", ".crt"),
                         pki_path(key, order, "ca", ".key")));
    return certificate_deployment(ca->x509, deployment);
}

enum status pki_make_leaf(const struct pki_order *order, struct certificate_order *wanted,
                          const char *ending)
{
    struct certificate ca = {0}, leaf = {0};
    char certificate[PKI_PATH_MAX], key[PKI_PATH_MAX], name[NAME_BYTES_MAX];
    enum status status = pki_read_ca(order, &ca, wanted->identity.deployment);

    if (status == OK) {
        status = certificate_issue(&leaf, &ca, wanted);
    }
    if (status == OK) {
        snprintf(name, sizeof name, "%.64s%s", order->name, ending);
        status = certificate_write(&leaf, pki_path(certificate, order, name, ".crt"),
                                   pki_path(key, order, name, ".key"));
    }
    certificate_free(&ca);
    certificate_free(&leaf);
    return status;
}
