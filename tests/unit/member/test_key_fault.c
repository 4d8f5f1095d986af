/* A refusal names key, region, principal and action, and cuts none of them. */
#include "base/check.h"
#include "member/key_fault.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#define KEY "arn:aws:kms:eu-west-1:111122223333:key/0000"
#define SOURCE "arn:aws:iam::444455556666:role/source"
#define FAULT "KMSKeyNotAccessibleFault: the KMS key "

static char text[KEY_FAULT_TEXT_MAX];

static const char *say(enum status why, enum keys_op op, const char *key, const char *said)
{
    const struct key_fault fault = {
        .why = why, .op = op, .key = key, .region = "eu-west-1", .member = "p1", .said = said};

    return key_fault_text(&fault, text);
}

TEST(a_denial_names_key_region_principal_and_action)
{
    static const struct {
        const char *said, *text;
    } cases[] = {
        {"AccessDeniedException: User: " SOURCE " is not authorized to perform: kms:Encrypt on "
         "resource: " KEY " because no resource-based policy allows the kms:Encrypt action",
         FAULT "[" KEY "] in eu-west-1 cannot be used by " SOURCE " for kms:Encrypt: "
               "AccessDeniedException because no resource-based policy allows the kms:Encrypt "
               "action"},
        {"AccessDeniedException: User: " SOURCE " is not authorized to perform: kms:ReEncryptTo on "
         "resource: " KEY " with an explicit deny in a resource-based policy.",
         FAULT "[" KEY "] in eu-west-1 cannot be used by " SOURCE " for kms:ReEncryptTo: "
               "AccessDeniedException with an explicit deny in a resource-based policy"},
        {"AccessDeniedException: User: " SOURCE " is not authorized to perform: kms:Encrypt on "
         "resource: " KEY,
         FAULT "[" KEY "] in eu-west-1 cannot be used by " SOURCE " for kms:Encrypt: "
               "AccessDeniedException"},
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        EXPECT(strcmp(say(E_KEY_DENIED, KEYS_WRAP, "alias/sea", cases[i].said), cases[i].text)
               == 0);
    }
}

TEST(where_the_service_does_not_say_who_the_member_stands_for_its_principal)
{
    static const char *const others[] = {
        "AccessDeniedException: The ciphertext refers to a customer master key that does not exist",
        "AccessDeniedException: User: is not authorized to perform: kms:Encrypt on resource: x",
        "AccessDeniedException: User: x is not authorized to perform: kms:Encrypt",
        "AccessDeniedException: User: x may not",
    };

    for (unsigned i = 0; i < COUNT_OF(others); i++) {
        (void)say(E_KEY_DENIED, KEYS_UNWRAP, KEY, others[i]);
        EXPECT(strstr(text, FAULT "[" KEY "] in eu-west-1 cannot be used by member p1 for "
                                  "kms:Decrypt: AccessDeniedException: ")
               == text);
        EXPECT(strstr(text, others[i]) != NULL);
    }
}

TEST(every_refusal_names_key_region_and_action_with_a_sentence)
{
    (void)say(E_KEY_DISABLED, KEYS_UNWRAP, KEY, "DisabledException: " KEY " is disabled.");
    EXPECT(strcmp(text, FAULT "[" KEY "] in eu-west-1 cannot be used by member p1 for kms:Decrypt: "
                              "DisabledException: " KEY " is disabled")
           == 0);
    (void)say(E_KEY_NOT_FOUND, KEYS_GENERATE, "alias/sea", NULL);
    EXPECT(strcmp(text, FAULT "[alias/sea] in eu-west-1 cannot be used by member p1 for "
                              "kms:GenerateDataKey: the KMS key does not exist")
           == 0);
    (void)say(E_KEY_MISMATCH, KEYS_WRAP, KEY, "");
    EXPECT(strstr(text, "for kms:Encrypt: ") != NULL);
    EXPECT(strstr(text, status_text(E_KEY_MISMATCH)) != NULL);
}

/* An ARN of `size` bytes that begins with `start` and ends with a mark. */
static const char *arn(char *into, size_t size, const char *start)
{
    memset(into, 'x', size);
    memcpy(into, start, strlen(start));
    into[size - 1] = '!';
    into[size] = '\0';
    return into;
}

TEST(the_longest_names_stay_whole_and_only_what_is_said_besides_is_cut)
{
    char key[KEY_ARN_TEXT_MAX], user[KEY_PRINCIPAL_BYTES_MAX + 2], said[4096], want[4096];
    static const char reason[] = " because the resource does not exist in this Region, no "
                                 "resource-based policies allow access, or a resource-based policy "
                                 "explicitly denies access";

    (void)arn(key, KEY_ARN_TEXT_MAX - 1, "arn:aws:kms:");
    (void)arn(user, KEY_PRINCIPAL_BYTES_MAX, "arn:aws:iam::1:user/");
    snprintf(said, sizeof said,
             "AccessDeniedException: User: %s is not authorized to perform: kms:Encrypt on "
             "resource: %s%s",
             user, key, reason);
    snprintf(want, sizeof want,
             FAULT "[%s] in eu-west-1 cannot be used by %s for kms:Encrypt: "
                   "AccessDeniedException%s",
             key, user, reason);
    EXPECT(strcmp(say(E_KEY_DENIED, KEYS_WRAP, KEY, said), want) == 0);

    strcat(said, reason);
    strcat(said, reason);
    strcat(want, reason);
    strcat(want, reason);
    (void)say(E_KEY_DENIED, KEYS_WRAP, KEY, said);
    EXPECT(strlen(text) == sizeof text - 1 && strncmp(text, want, strlen(text)) == 0);

    /* Longer than any principal: not taken apart, but what we know ourselves comes first. */
    (void)arn(user, KEY_PRINCIPAL_BYTES_MAX + 1, "arn:aws:iam::1:user/");
    snprintf(said, sizeof said,
             "User: %s is not authorized to perform: kms:Encrypt on resource: %s", user, key);
    EXPECT(strstr(say(E_KEY_DENIED, KEYS_WRAP, KEY, said),
                  FAULT "[" KEY "] in eu-west-1 cannot be used by member p1 for kms:Encrypt: User:")
           == text);
}
