/* How are keys and aliases named?
 *
 *   arn:aws:kms:REGION:ACCOUNT:key/UUID        arn:aws:kms:REGION:ACCOUNT:alias/NAME
 *
 * (AWS KMS Developer Guide, "Key identifiers".) A key id is a version 4 UUID in lower case. */
#ifndef SEALIFT_KEYS_ARN_H
#define SEALIFT_KEYS_ARN_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "keys/kms.h"

enum {
    KEY_ID_TEXT_MAX = 37,
    ALIAS_TEXT_MAX = 257, /* with "alias/": AWS allows 256 characters */
    ARN_TEXT_MAX = 64 + REGION_TEXT_MAX + ALIAS_TEXT_MAX,
};

struct arn {
    char region[REGION_TEXT_MAX];
    char account[KMS_ACCOUNT_TEXT_MAX];
    char resource[ALIAS_TEXT_MAX]; /* "key/..." or "alias/..." */
};

/* E_MALFORMED for anything but an ARN of the two forms above, whose parts are not checked
 * further. */
NODISCARD enum status arn_parse(struct arn *arn, const char *text);

/* `into` has room for ARN_TEXT_MAX. Returns `into`. `resource` is "key/UUID" or "alias/NAME". */
char *arn_format(const char *region, const char *account, const char *resource, char *into);
char *arn_format_key(const char *region, const char *account, const char *key_id, char *into);

/* What the names of an account's entries begin with: "ACCOUNT/". `into` has room for
 * KMS_ACCOUNT_TEXT_MAX + 1. */
void arn_account_start(const char *account, char *into);

/* Whether that is the ARN of the account itself, which stands for all of its callers:
 * arn:aws:iam::ACCOUNT:root (IAM User Guide, "AWS account principals"). */
bool arn_is_root_of(const char *principal, const char *account);

/* From 16 random bytes; `text` has room for KEY_ID_TEXT_MAX. RFC 4122 section 4.4. */
void key_id_make(const uint8_t random[16], char *text);

/* 8-4-4-4-12 lower-case hexadecimal digits. */
bool key_id_is_valid(const char *text);

/* "alias/" and 1 to 250 of [A-Za-z0-9/_-]. */
bool alias_is_valid(const char *text);

/* 1 to REGION_TEXT_MAX - 1 of [a-z0-9-]. */
bool region_is_valid(const char *text);

/* Twelve digits. */
bool account_is_valid(const char *text);

#endif
