/* What `sealift pki` was asked for, for its files: the verb (pki.c), certificates (pki_make.c),
 * revocations (pki_revoke.c). */
#ifndef SEALIFT_CLI_PKI_H
#define SEALIFT_CLI_PKI_H

#include "transport/certificates.h"

enum { PKI_PATH_MAX = 1024, PKI_LEAF_DAYS = 365 };

struct pki_order {
    const char *action, *dir, *deployment, *lineage, *lineage_of;
    const char *region, *role, *name, *certificate;
    const char *hosts[CERTIFICATE_NAMES_MAX];
    unsigned host_count;
    bool new_lineage, revoke_old;
    int days;
    int64_t seconds; /* 0: days count */
};

/* Says what and why; the exit code. */
int pki_refuse(enum status status, const char *what);

/* ---- pki_make.c ---- */

/* dir/name + ending, into PKI_PATH_MAX; a name is cut after 100 characters. */
const char *pki_path(char *path, const struct pki_order *order, const char *name,
                     const char *ending);

/* From a little before now for what was ordered, else for `days`. */
struct certificate_validity pki_validity(const struct pki_order *order, int days);

/* The CA with its key; its own name says the deployment (DEPLOYMENT_TEXT_MAX). */
NODISCARD enum status pki_read_ca(const struct pki_order *order, struct certificate *ca,
                                  char *deployment);

/* ca.crt and ca.key, in a folder that is there. */
NODISCARD enum status pki_make_ca(const struct pki_order *order);

/* NAME + ending .crt and .key. The deployment is filled in. */
NODISCARD enum status pki_make_leaf(const struct pki_order *order, struct certificate_order *wanted,
                                    const char *ending);

/* ---- pki_revoke.c ---- */

/* Signs DIR/ca.crl anew, with one more certificate in it unless that is NULL. */
NODISCARD enum status pki_renew_crl(const struct pki_order *order, struct x509_st *revoked);

int pki_revoke(const struct pki_order *order);
int pki_crl(const struct pki_order *order);

#endif
