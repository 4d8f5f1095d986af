/* Who says so, and may he? A key proof is signed with the private key of the member's certificate.
 *
 * The file is {proof, signature, certificates}: the signature (ECDSA with SHA-256, or Ed25519) over
 * the proof's canonical bytes in base64, and the signer's certificate with what leads to the CA, as
 * PEM. Whoever checks needs the CA's certificate, and no KMS key and no service. */
#ifndef SEALIFT_CLI_KEY_PROOF_SIGN_H
#define SEALIFT_CLI_KEY_PROOF_SIGN_H

#include "cli/key_proof.h"
#include "transport/certificates.h"

struct key_proof_signer {
    struct certificate certificate;
    struct identity identity;
    json_t *chain; /* PEM texts, the signer's first */
};

struct key_proof_trust {
    const char *ca;
    const char *crl; /* NULL: nobody is revoked */
    int64_t now; /* UNIX seconds */
};

/* What was found of a file. */
struct key_proof_check {
    json_t *file; /* owned; NULL where it is no JSON object */
    const json_t *proof; /* in it; NULL where there is none */
    struct identity signer;
    int64_t made_at;
    char why[KEY_PROOF_WHY_MAX]; /* "" where all is well */
};

/* The certificate of a primary or replica, and its key. E_IDENTITY, or as certificate_read. */
NODISCARD enum status key_proof_signer_load(struct key_proof_signer *signer, const char *path,
                                            const char *key_path);
void key_proof_signer_free(struct key_proof_signer *signer);

/* The file; takes `proof`. */
json_t *key_proof_sign(const struct key_proof_signer *signer, json_t *proof);

/* In this order: E_MALFORMED, E_VERSION; the certificate: E_CERTIFICATE, E_DEPLOYMENT, E_EXPIRED
 * (not valid at the time that the proof states, or that lies ahead), E_REVOKED, E_CRL; what it says
 * of its owner: E_IDENTITY (no primary or replica, another region or member), E_LINEAGE; the
 * signature: E_FORGED. Or what reading the CA and the CRL says. key_proof_drop afterwards. */
NODISCARD enum status key_proof_check(struct key_proof_check *check, struct bytes file,
                                      const struct key_proof_trust *trust);
void key_proof_drop(struct key_proof_check *check);

#endif
