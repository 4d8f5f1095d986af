/* AWS's sentence is taken apart at its fixed words; what stands between them is never cut.
 *
 * How it goes wrong: the words are others (another service, another year), or a part is longer than
 * it can be: then the sentence is passed on as it came, and only its end may be cut. */
#include "member/key_fault.h"

#include "base/check.h"

#include <stdio.h>

struct denial {
    struct bytes principal, action, key; /* views into the sentence */
    const char *reason; /* the rest, from its blank on */
};

static const char *action_of(enum keys_op op)
{
    switch (op) {
    case KEYS_GENERATE:
        return "kms:GenerateDataKey";
    case KEYS_UNWRAP:
        return "kms:Decrypt";
    case KEYS_WRAP:
        return "kms:Encrypt";
    case KEYS_REWRAP:
        return "kms:ReEncrypt*";
    case KEYS_OPS:
        break;
    }
    UNREACHABLE();
}

/* What stands behind `before`, up to the next blank or the end. Moves `from` there. */
static bool take_word(const char **from, const char *before, size_t max, struct bytes *word)
{
    const char *start = strstr(*from, before);

    if (start == NULL) {
        return false;
    }
    start += strlen(before);

    const size_t size = strcspn(start, " ");

    *word = bytes_of(start, size);
    *from = start + size;
    return size > 0 && size <= max;
}

static bool take_apart(const char *said, struct denial *denial)
{
    const char *rest = said;

    if (!take_word(&rest, "User: ", KEY_PRINCIPAL_BYTES_MAX, &denial->principal)
        || !take_word(&rest, " is not authorized to perform: ", 64, &denial->action)
        || !take_word(&rest, " on resource: ", KEY_ARN_TEXT_MAX - 1, &denial->key)) {
        return false;
    }
    denial->reason = rest;
    return true;
}

#define WORD(bytes) (int)(bytes).size, (const char *)(bytes).data

static void say_denial(const struct key_fault *fault, const struct denial *denial, char *text)
{
    snprintf(text, KEY_FAULT_TEXT_MAX,
             "KMSKeyNotAccessibleFault: the KMS key [%.*s] in %s cannot be used by %.*s for %.*s: "
             "AccessDeniedException%s",
             WORD(denial->key), fault->region, WORD(denial->principal), WORD(denial->action),
             denial->reason);
}

const char *key_fault_text(const struct key_fault *fault, char text[KEY_FAULT_TEXT_MAX])
{
    const char *said =
        fault->said == NULL || fault->said[0] == '\0' ? status_text(fault->why) : fault->said;
    struct denial denial;

    if (fault->why == E_KEY_DENIED && take_apart(said, &denial)) {
        say_denial(fault, &denial, text);
    } else {
        snprintf(text, KEY_FAULT_TEXT_MAX,
                 "KMSKeyNotAccessibleFault: the KMS key [%s] in %s cannot be used by member %s for "
                 "%s: %s",
                 fault->key, fault->region, fault->member, action_of(fault->op), said);
    }

    const size_t size = strlen(text);

    if (text[size - 1] == '.') { /* the service's own */
        text[size - 1] = '\0';
    }
    return text;
}
