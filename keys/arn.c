/* An ARN is six fields between colons; the last one may hold colons of its own.
 *
 * A text of any other form is refused as a whole; whether its region is ours and its key exists is
 * for the caller to say, with an error of its own. */
#include "keys/arn.h"

#include "base/hex.h"

#include <stdio.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Copies up to the next colon and steps over it. */
static enum status arn_field(const char **text, char *into, size_t room)
{
    const char *colon = strchr(*text, ':');

    if (colon == NULL || colon == *text || (size_t)(colon - *text) >= room) {
        return E_MALFORMED;
    }

    const size_t size = (size_t)(colon - *text);

    memcpy(into, *text, size);
    into[size] = '\0';
    *text = colon + 1;
    return OK;
}

enum status arn_parse(struct arn *arn, const char *text)
{
    static const char start[] = "arn:aws:kms:";

    if (strncmp(text, start, sizeof start - 1) != 0) {
        return E_MALFORMED;
    }
    text += sizeof start - 1;
    TRY(arn_field(&text, arn->region, sizeof arn->region));
    TRY(arn_field(&text, arn->account, sizeof arn->account));

    const bool known = strncmp(text, "key/", 4) == 0 || strncmp(text, "alias/", 6) == 0;

    if (!known || strlen(text) >= sizeof arn->resource) {
        return E_MALFORMED;
    }
    memcpy(arn->resource, text, strlen(text) + 1);
    return OK;
}

char *arn_format(const char *region, const char *account, const char *resource, char *into)
{
    snprintf(into, ARN_TEXT_MAX, "arn:aws:kms:%s:%s:%s", region, account, resource);
    return into;
}

char *arn_format_key(const char *region, const char *account, const char *key_id, char *into)
{
    snprintf(into, ARN_TEXT_MAX, "arn:aws:kms:%s:%s:key/%s", region, account, key_id);
    return into;
}

bool arn_is_root_of(const char *principal, const char *account)
{
    char root[sizeof "arn:aws:iam:::root" + KMS_ACCOUNT_TEXT_MAX];

    snprintf(root, sizeof root, "arn:aws:iam::%s:root", account);
    return strcmp(principal, root) == 0;
}

void arn_account_start(const char *account, char *into)
{
    snprintf(into, KMS_ACCOUNT_TEXT_MAX + 1, "%s/", account);
}

void key_id_make(const uint8_t random[16], char *text)
{
    uint8_t bytes[16];
    char hex[33];

    memcpy(bytes, random, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    hex_encode(bytes_of(bytes, sizeof bytes), hex);
    snprintf(text, KEY_ID_TEXT_MAX, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
}

bool key_id_is_valid(const char *text)
{
    if (strlen(text) != KEY_ID_TEXT_MAX - 1) {
        return false;
    }
    for (unsigned i = 0; i < KEY_ID_TEXT_MAX - 1; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : !is_lower_hex(text[i])) {
            return false;
        }
    }
    return true;
}

bool alias_is_valid(const char *text)
{
    static const char start[] = "alias/";
    const size_t size = strlen(text);

    if (strncmp(text, start, sizeof start - 1) != 0 || size < sizeof start
        || size >= ALIAS_TEXT_MAX) {
        return false;
    }
    for (size_t i = sizeof start - 1; i < size; i++) {
        if (!is_letter(text[i]) && !is_digit(text[i]) && strchr("/_-", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool region_is_valid(const char *text)
{
    const size_t size = strlen(text);

    return size > 0 && size < REGION_TEXT_MAX
           && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

bool account_is_valid(const char *text)
{
    for (unsigned i = 0; i < KMS_ACCOUNT_TEXT_MAX - 1; i++) {
        if (!is_digit(text[i])) {
            return false;
        }
    }
    return text[KMS_ACCOUNT_TEXT_MAX - 1] == '\0';
}
