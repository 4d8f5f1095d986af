/* A deployment's certificates for a test: a CA in memory, members' files in a folder that goes
 * away.
 *
 * Static functions, so that only tests that link transport pay for it. */
#ifndef SEALIFT_TESTS_SUPPORT_PKI_H
#define SEALIFT_TESTS_SUPPORT_PKI_H

#include "tests/support/test.h"
#include "transport/revocations.h"
#include "transport/tls_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct pki {
    struct certificate ca;
    char folder[64];
    unsigned count;
    char paths[32][96]; /* to be removed */
    unsigned path_count;
    const char *crl; /* NULL: none yet */
};

static inline const char *pki_path(struct pki *pki, const char *name, const char *ending)
{
    char *path = pki->paths[pki->path_count++];

    NEED(pki->path_count < 32);
    snprintf(path, sizeof pki->paths[0], "%s/%s%s", pki->folder, name, ending);
    return path;
}

static inline struct certificate_validity pki_validity(int64_t from, int64_t to)
{
    const int64_t now = time(NULL);

    return (struct certificate_validity){.not_before = now + from, .not_after = now + to};
}

static inline void pki_make(struct pki *pki, const char *deployment)
{
    memset(pki, 0, sizeof *pki);
    snprintf(pki->folder, sizeof pki->folder, "/tmp/sealift-pki-XXXXXX");
    NEED(mkdtemp(pki->folder) != NULL);
    NEED(certificate_make_ca(&pki->ca, deployment, pki_validity(-3600, 3600 * 24)) == OK);
    NEED(certificate_write(&pki->ca, pki_path(pki, "ca", ".crt"), NULL) == OK);
}

static inline struct certificate_order pki_order(const char *deployment, enum role role,
                                                 const char *member)
{
    struct certificate_order order = {
        .names = {"localhost", "127.0.0.1", "::1"},
        .name_count = 3,
        .validity = pki_validity(-3600, 3600),
    };

    snprintf(order.identity.deployment, sizeof order.identity.deployment, "%s", deployment);
    snprintf(order.identity.region, sizeof order.identity.region, "eu-west-1");
    snprintf(order.identity.member, sizeof order.identity.member, "%s", member);
    memset(order.identity.lineage.bytes, 0xab, sizeof order.identity.lineage.bytes);
    order.identity.role = role;
    return order;
}

/* Writes a certificate and its key; the CA's certificate is that of the PKI. */
static inline struct tls_files pki_write(struct pki *pki, const struct certificate *leaf)
{
    char name[16];

    snprintf(name, sizeof name, "m%u", pki->count++);
    const struct tls_files files = {.ca = pki->paths[0],
                                    .certificate = pki_path(pki, name, ".crt"),
                                    .key = pki_path(pki, name, ".key")};

    NEED(certificate_write(leaf, files.certificate, files.key) == OK);
    return files;
}

static inline struct tls_files pki_member(struct pki *pki, const struct certificate_order *order)
{
    struct certificate leaf;

    NEED(certificate_issue(&leaf, &pki->ca, order) == OK);
    const struct tls_files files = pki_write(pki, &leaf);

    certificate_free(&leaf);
    return files;
}

/* Signs the CRL anew, with one more certificate in it unless NULL; its file. */
static inline const char *pki_revoke(struct pki *pki, struct x509_st *revoked,
                                     struct certificate_validity validity)
{
    if (pki->crl == NULL) {
        pki->crl = pki_path(pki, "ca", ".crl");
    }
    NEED(revocations_renew(pki->crl, &pki->ca, revoked, validity) == OK);
    return pki->crl;
}

/* The same, by the file of the certificate. */
static inline const char *pki_revoke_files(struct pki *pki, const struct tls_files *files)
{
    struct certificate leaf;

    NEED(certificate_read(&leaf, files->certificate, NULL) == OK);
    const char *crl = pki_revoke(pki, leaf.x509, pki_validity(-60, 3600));

    certificate_free(&leaf);
    return crl;
}

static inline struct tls_identity *pki_load(const struct tls_files *files)
{
    struct tls_identity *identity;
    char why[TRANSPORT_WHY_MAX] = "";
    const enum status status = tls_identity_load(&identity, files, why);

    if (status != OK) {
        fprintf(stderr, "tls_identity_load: %s: %s\n", status_name(status), why);
    }
    NEED(status == OK);
    return identity;
}

static inline struct tls_identity *pki_identity(struct pki *pki, const char *deployment,
                                                enum role role, const char *member)
{
    const struct certificate_order order = pki_order(deployment, role, member);
    const struct tls_files files = pki_member(pki, &order);

    return pki_load(&files);
}

static inline void pki_free(struct pki *pki)
{
    for (unsigned i = 0; i < pki->path_count; i++) {
        unlink(pki->paths[i]);
    }
    rmdir(pki->folder);
    certificate_free(&pki->ca);
}

#endif
