/* `sealift verify --keys` and `--proof`: which key opens this copy now, which do not, and who says
 * so. */
#ifndef SEALIFT_CLI_VERIFY_KEYS_H
#define SEALIFT_CLI_VERIFY_KEYS_H

#include "cli/key_proof_sign.h"
#include "cli/verify_form.h"
#include "cli/verify_order.h"

/* The certificate that will sign: of a member with this keyring's lineage and region, valid now. An
 * exit code; what is wrong was said. key_proof_signer_free afterwards. */
int verify_keys_begin(struct key_proof_signer *signer, const struct verify_order *order,
                      const struct keyring *keyring);

/* Asks the copy's key and the others, signs what they said, checks that as any reader would, and
 * writes it. The copy was found whole, with these keys. */
int verify_keys_prove(const struct key_proof_signer *signer, const struct verify_order *order,
                      const struct verify_report *report, const struct folder_keys *keys);

/* Somebody else's proof. */
int verify_proof(const struct verify_order *order);

#endif
