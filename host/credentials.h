/* Who may sign requests to the key service, and who are they?
 *
 * A secret file (host/secret_file.h) of INI sections, one a caller:
 *
 *   [alice]
 *   access_key_id = AKIA...               16 to 128 of [A-Za-z0-9_]
 *   secret_access_key = ...               16 to 128 characters
 *   account = 000000000000                12 digits
 *   principal = arn:aws:iam::000000000000:user/alice
 *   via_service = rds                     optional: a member of Sealift, calling for its cluster
 *
 * Lines that begin with # or ; are comments. The first four keys are needed, others are refused,
 * and two sections cannot have the same access key id. A via_service without a dot is a service of
 * the key service's own region: rds means rds.REGION.amazonaws.com. Without it the caller is a
 * user. */
#ifndef SEALIFT_HOST_CREDENTIALS_H
#define SEALIFT_HOST_CREDENTIALS_H

#include "host/secret_file.h"
#include "keys/kms.h"

enum {
    CREDENTIALS_MAX = 1024, /* a deployment's members and operators */
    CREDENTIALS_SECRET_MAX = 129,
    CREDENTIALS_WHY_MAX = SECRET_FILE_WHY_MAX,
};

struct credential {
    char access_key[KMS_ACCESS_KEY_TEXT_MAX];
    char secret_key[CREDENTIALS_SECRET_MAX];
    char account[KMS_ACCOUNT_TEXT_MAX];
    char principal[KEY_ARN_TEXT_MAX];
    char via_service[KMS_SERVICE_TEXT_MAX]; /* as in the file, or "" */
};

struct credentials {
    unsigned count;
    struct credential list[CREDENTIALS_MAX];
};

/* E_MALFORMED with file and line, or a status of secret_file_load; `why` (CREDENTIALS_WHY_MAX). */
NODISCARD enum status credentials_load(struct credentials **credentials, const char *path,
                                       char *why);

/* Wipes; NULL is nothing. */
void credentials_free(struct credentials *credentials);

/* NULL: there is none. */
const struct credential *credentials_find(const struct credentials *credentials,
                                          const char *access_key);

/* A file with two sections of the account, each with a random pair: "user", its user/sealift, and
 * "member", role/sealift, marked as rds. */
NODISCARD enum status credentials_create(const char *path, const char *account,
                                         const struct entropy *entropy, char *why);

#endif
