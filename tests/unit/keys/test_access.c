/* Who may use which key: policies, other accounts, the default key, grants; all enforced by the
 * service. */
#include "tests/support/test.h"
#include "tests/unit/keys/kms_driver.h"

#include <stdio.h>

static struct driver world;
static const struct secret root = {{1}};
static char id[64], arn[128], blob[9000], grant[80], token[700];

static void be(const char *account, const char *principal, const char *service)
{
    snprintf(world.caller.account, sizeof world.caller.account, "%s", account);
    snprintf(world.caller.principal, sizeof world.caller.principal, "arn:aws:iam::%s:%s", account,
             principal);
    snprintf(world.caller.via_service, sizeof world.caller.via_service, "%s", service);
}

static void be_owner(void)
{
    be("000000000000", "user/owner", "");
}

static void be_stranger(void)
{
    be("111111111111", "user/stranger", "");
}

static void open_with_key(void)
{
    driver_open(&world, "us-east-1", &root);
    be_owner();
    EXPECT(driver_call(&world, "CreateKey", "{}") == 200);
    driver_field(&world, "KeyId", id, sizeof id);
    snprintf(arn, sizeof arn, "arn:aws:kms:us-east-1:000000000000:key/%s", id);
    EXPECT(driver_say(&world, "Encrypt",
                      "{'KeyId':'%s','Plaintext':'aGVsbG8=','EncryptionContext':{'a':'1'}}", id)
           == 200);
    driver_field(&world, "CiphertextBlob", blob, sizeof blob);
}

static void close_world(void)
{
    driver_close(&world);
    driver_forget(&world);
}

static unsigned decrypt(void)
{
    return driver_say(&world, "Decrypt", "{'CiphertextBlob':'%s','EncryptionContext':{'a':'1'}}",
                      blob);
}

static unsigned encrypt(const char *context)
{
    return driver_say(&world, "Encrypt",
                      "{'KeyId':'%s','Plaintext':'aGVsbG8=','EncryptionContext':%s}", arn, context);
}

#define STATEMENT(effect, principal, action) \
    "{\\'Effect\\':\\'" effect "\\',\\'Principal\\':{\\'AWS\\':\\'" principal \
    "\\'},\\'Action\\':\\'kms:" action "\\',\\'Resource\\':\\'*\\'"
#define OWNER STATEMENT("Allow", "000000000000", "*") "}"

static unsigned put_policy(const char *statements)
{
    return driver_say(
        &world, "PutKeyPolicy",
        "{'KeyId':'%s','Policy':'{\\'Version\\':\\'2012-10-17\\',\\'Statement\\':[%s]}'}", id,
        statements);
}

TEST(another_account_may_do_what_the_policy_allows_it_by_arn_and_nothing_more)
{
    open_with_key();
    be_stranger();
    EXPECT(decrypt() == 400 && driver_refused(&world, "AccessDeniedException"));
    be_owner();
    EXPECT(put_policy(OWNER "," STATEMENT("Allow", "111111111111", "Encrypt") "}") == 200);
    be_stranger();
    EXPECT(encrypt("{}") == 200);
    EXPECT(decrypt() == 400 && driver_refused(&world, "AccessDeniedException"));
    EXPECT(strstr(world.audit, "\"outcome\":\"denied\"") != NULL && strstr(world.audit, arn) != NULL
           && strstr(world.audit, "user/stranger") != NULL); /* denied uses are audited */
    (void)driver_say(&world, "Encrypt", "{'KeyId':'%s','Plaintext':'aGVsbG8='}", id);
    EXPECT(driver_refused(&world, "NotFoundException")); /* an id alone is of the own account */
    be_owner();
    EXPECT(put_policy(OWNER "," STATEMENT("Allow", "111111111111", "*") "}") == 200);
    be_stranger();
    EXPECT(decrypt() == 200);
    (void)driver_say(&world, "DisableKey", "{'KeyId':'%s'}", arn);
    EXPECT(driver_refused(&world, "AccessDeniedException")); /* as AWS: never across accounts */
    (void)driver_call(&world, "DescribeKey",
                      "{\"KeyId\":\"arn:aws:kms:us-east-1:000000000000:key/"
                      "00000000-0000-4000-8000-000000000000\"}");
    EXPECT(driver_refused(&world, "AccessDeniedException")); /* not: it does not exist */
    close_world();
}

TEST(a_policy_is_enforced_for_the_own_account_too)
{
    open_with_key();
    EXPECT(
        put_policy(STATEMENT("Allow", "arn:aws:iam::000000000000:user/owner", "*") "}," STATEMENT(
            "Allow", "arn:aws:iam::000000000000:role/source",
            "Encrypt") "}," STATEMENT("Allow", "arn:aws:iam::000000000000:role/destination",
                                      "Decrypt") "}")
        == 200);
    be("000000000000", "role/source", "");
    EXPECT(encrypt("{}") == 200);
    EXPECT(decrypt() == 400 && driver_refused(&world, "AccessDeniedException"));
    be("000000000000", "role/destination", "");
    EXPECT(decrypt() == 200);
    EXPECT(encrypt("{}") == 400 && driver_refused(&world, "AccessDeniedException"));
    EXPECT(driver_holds(&world, "role/destination is not authorized to perform: kms:Encrypt"));
    driver_close(&world);
    driver_open(&world, "us-east-1", &root); /* it is stored */
    be("000000000000", "role/source", "");
    EXPECT(decrypt() == 400 && driver_refused(&world, "AccessDeniedException"));
    close_world();
}

TEST(a_deny_with_a_condition_bites_in_that_context_only)
{
    open_with_key();
    EXPECT(put_policy(OWNER "," STATEMENT(
               "Deny", "*",
               "Encrypt") ",\\'Condition\\':{\\'StringEquals\\':{\\'kms:EncryptionContext:a\\':"
                          "\\'1\\'}}}")
           == 200);
    EXPECT(encrypt("{'a':'2'}") == 200);
    EXPECT(encrypt("{'a':'1'}") == 400 && driver_refused(&world, "AccessDeniedException"));
    EXPECT(driver_holds(&world, "explicit deny"));
    close_world();
}

TEST(a_policy_comes_back_as_it_was_put_and_a_wrong_one_changes_nothing)
{
    open_with_key();
    EXPECT(driver_say(&world, "GetKeyPolicy", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "key-default-1") && driver_holds(&world, "'PolicyName':'default'"));
    EXPECT(put_policy("{}") == 400 && driver_refused(&world, "MalformedPolicyDocumentException"));
    EXPECT(put_policy(STATEMENT("Allow", "111111111111", "*") "}") == 400
           && driver_refused(&world, "MalformedPolicyDocumentException"));
    EXPECT(driver_holds(&world, "will not allow you to update the key policy"));
    EXPECT(driver_say(&world, "GetKeyPolicy", "{'KeyId':'%s'}", id) == 200
           && driver_holds(&world, "key-default-1"));
    EXPECT(put_policy(OWNER) == 200);
    EXPECT(driver_say(&world, "GetKeyPolicy", "{'KeyId':'%s','PolicyName':'default'}", id) == 200);
    EXPECT(driver_holds(&world, "\\'AWS\\':\\'000000000000\\'")
           && !driver_holds(&world, "key-default-1"));
    (void)driver_say(&world, "GetKeyPolicy", "{'KeyId':'%s','PolicyName':'other'}", id);
    EXPECT(driver_refused(&world, "NotFoundException"));
    EXPECT(driver_say(&world, "ListKeyPolicies", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "'PolicyNames':['default']"));
    close_world();
}

TEST(a_policy_may_lock_its_caller_out_only_when_he_says_so)
{
    static const char statements[] = STATEMENT("Allow", "111111111111", "*") "}";

    open_with_key();
    EXPECT(driver_say(&world, "PutKeyPolicy",
                      "{'KeyId':'%s','BypassPolicyLockoutSafetyCheck':true,'Policy':"
                      "'{\\'Version\\':\\'2012-10-17\\',\\'Statement\\':[%s]}'}",
                      id, statements)
           == 200);
    EXPECT(put_policy(OWNER) == 400 && driver_refused(&world, "AccessDeniedException"));
    EXPECT(driver_say(&world, "CreateKey",
                      "{'Policy':'{\\'Version\\':\\'2012-10-17\\',\\'Statement\\':[%s]}'}",
                      statements)
           == 400);
    EXPECT(driver_refused(&world, "MalformedPolicyDocumentException"));
    EXPECT(driver_say(&world, "CreateKey",
                      "{'Policy':'{\\'Version\\':\\'2012-10-17\\',\\'Statement\\':[%s]}'}", OWNER)
           == 200);
    close_world();
}

TEST(the_default_key_is_for_the_service_alone_and_nobody_changes_it)
{
    static const char *const denied[] = {
        "DisableKey",        "EnableKey",          "ScheduleKeyDeletion",
        "EnableKeyRotation", "DisableKeyRotation", "PutKeyPolicy",
    };
    char managed[64];

    open_with_key();
    (void)driver_call(&world, "GenerateDataKey",
                      "{\"KeyId\":\"alias/aws/rds\",\"KeySpec\":\"AES_256\"}");
    EXPECT(driver_refused(&world, "AccessDeniedException"));
    be("000000000000", "role/sealift", "rds.us-east-1.amazonaws.com");
    EXPECT(driver_call(&world, "GenerateDataKey",
                       "{\"KeyId\":\"alias/aws/rds\",\"KeySpec\":\"AES_256\"}")
           == 200);
    driver_field(&world, "CiphertextBlob", blob, sizeof blob);
    EXPECT(driver_say(&world, "Decrypt", "{'CiphertextBlob':'%s'}", blob) == 200);
    be("000000000000", "role/sealift", "rds.eu-west-1.amazonaws.com");
    EXPECT(driver_say(&world, "Decrypt", "{'CiphertextBlob':'%s'}", blob) == 400
           && driver_refused(&world, "AccessDeniedException"));
    be("111111111111", "role/sealift", "rds.us-east-1.amazonaws.com");
    EXPECT(driver_say(&world, "Decrypt", "{'CiphertextBlob':'%s'}", blob) == 400
           && driver_refused(&world, "AccessDeniedException"));
    be_owner();
    EXPECT(driver_call(&world, "DescribeKey", "{\"KeyId\":\"alias/aws/rds\"}") == 200);
    EXPECT(driver_holds(&world, "'KeyManager':'AWS'"));
    driver_field(&world, "KeyId", managed, sizeof managed);
    EXPECT(driver_say(&world, "Decrypt", "{'CiphertextBlob':'%s'}", blob) == 400
           && driver_refused(&world, "AccessDeniedException"));
    for (unsigned marked = 0; marked < 2; marked++) {
        be("000000000000", "user/owner", marked ? "rds.us-east-1.amazonaws.com" : "");
        for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
            (void)driver_say(&world, denied[i], "{'KeyId':'%s','Policy':'{}'}", managed);
            EXPECT(driver_refused(&world, "AccessDeniedException"));
        }
    }
    be_owner();
    EXPECT(driver_say(&world, "GetKeyRotationStatus", "{'KeyId':'%s'}", managed) == 200);
    EXPECT(driver_holds(&world, "'RotationPeriodInDays':365"));
    EXPECT(driver_say(&world, "GetKeyPolicy", "{'KeyId':'%s'}", managed) == 200);
    EXPECT(driver_holds(&world, "rds.us-east-1.amazonaws.com"));
    close_world();
}

TEST(each_account_has_a_default_key_of_its_own)
{
    char first[64], second[64];

    open_with_key();
    be("000000000000", "role/sealift", "rds.us-east-1.amazonaws.com");
    EXPECT(driver_call(&world, "DescribeKey", "{\"KeyId\":\"alias/aws/rds\"}") == 200);
    driver_field(&world, "KeyId", first, sizeof first);
    EXPECT(driver_call(&world, "DescribeKey", "{\"KeyId\":\"alias/aws/rds\"}") == 200);
    driver_field(&world, "KeyId", second, sizeof second);
    EXPECT(strcmp(first, second) == 0);
    be("111111111111", "role/sealift", "rds.us-east-1.amazonaws.com");
    EXPECT(driver_call(&world, "DescribeKey", "{\"KeyId\":\"alias/aws/rds\"}") == 200);
    driver_field(&world, "KeyId", second, sizeof second);
    EXPECT(strcmp(first, second) != 0);
    close_world();
}

static unsigned create_grant(const char *more)
{
    const unsigned http = driver_say(&world, "CreateGrant", "{'KeyId':'%s',%s}", arn, more);

    driver_field(&world, "GrantId", grant, sizeof grant);
    driver_field(&world, "GrantToken", token, sizeof token);
    return http;
}

#define TO_STRANGER "'GranteePrincipal':'arn:aws:iam::111111111111:user/stranger'"

TEST(a_grant_allows_what_it_names_until_it_is_revoked)
{
    open_with_key();
    EXPECT(create_grant(TO_STRANGER ",'Operations':['Decrypt','DescribeKey'],'Name':'g'") == 200);
    EXPECT(strlen(grant) == 64 && token[0] != '\0');

    char again[80];

    memcpy(again, grant, sizeof again);
    EXPECT(create_grant(TO_STRANGER ",'Operations':['Decrypt','DescribeKey'],'Name':'g'") == 200);
    EXPECT(strcmp(grant, again) == 0); /* the same question once more makes no second */
    driver_close(&world);
    driver_open(&world, "us-east-1", &root); /* it is stored */
    be_stranger();
    EXPECT(decrypt() == 200);
    EXPECT(driver_say(&world, "Decrypt",
                      "{'CiphertextBlob':'%s','EncryptionContext':{'a':'1'},'GrantTokens':['%s']}",
                      blob, token)
           == 200);
    (void)driver_say(&world, "Decrypt", "{'CiphertextBlob':'%s','GrantTokens':['nonsense']}", blob);
    EXPECT(driver_refused(&world, "InvalidGrantTokenException"));
    EXPECT(encrypt("{}") == 400 && driver_refused(&world, "AccessDeniedException"));
    (void)driver_say(&world, "RevokeGrant", "{'KeyId':'%s','GrantId':'%s'}", arn, grant);
    EXPECT(driver_refused(&world, "AccessDeniedException"));
    be_owner();
    EXPECT(driver_say(&world, "ListGrants", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, grant) && driver_holds(&world, "'Operations':['Decrypt'"));
    EXPECT(driver_say(&world, "RevokeGrant", "{'KeyId':'%s','GrantId':'%s'}", id, grant) == 200);
    be_stranger();
    EXPECT(decrypt() == 400 && driver_refused(&world, "AccessDeniedException"));
    be_owner();
    (void)driver_say(&world, "RevokeGrant", "{'KeyId':'%s','GrantId':'%s'}", id, grant);
    EXPECT(driver_refused(&world, "NotFoundException"));
    close_world();
}

TEST(a_deny_of_the_policy_wins_over_a_grant)
{
    open_with_key();
    EXPECT(create_grant(TO_STRANGER ",'Operations':['Decrypt']") == 200);
    be_stranger();
    EXPECT(decrypt() == 200);
    be_owner();
    EXPECT(put_policy(OWNER "," STATEMENT("Deny", "111111111111", "Decrypt") "}") == 200);
    be_stranger();
    EXPECT(decrypt() == 400 && driver_refused(&world, "AccessDeniedException"));
    close_world();
}

TEST(the_constraint_of_a_grant_is_kept)
{
    static const char *const sub = "'Constraints':{'EncryptionContextSubset':{'a':'1'}}";
    static const char *const equal = "'Constraints':{'EncryptionContextEquals':{'a':'1'}}";
    char more[512];

    open_with_key();
    for (unsigned exact = 0; exact < 2; exact++) {
        be_owner();
        snprintf(more, sizeof more, "%s,'Operations':['Encrypt'],%s", TO_STRANGER,
                 exact ? equal : sub);
        EXPECT(create_grant(more) == 200);
        be_stranger();
        EXPECT(encrypt("{'a':'1'}") == 200);
        EXPECT(encrypt("{'a':'1','b':'2'}") == (exact ? 400u : 200u));
        EXPECT(encrypt("{'b':'2'}") == 400 && driver_refused(&world, "AccessDeniedException"));
        EXPECT(encrypt("{}") == 400);
        be_owner();
        EXPECT(driver_say(&world, "ListGrants", "{'KeyId':'%s'}", id) == 200);
        EXPECT(driver_holds(&world, exact ? equal + 14 : sub + 14));
        EXPECT(driver_say(&world, "RevokeGrant", "{'KeyId':'%s','GrantId':'%s'}", id, grant)
               == 200);
    }
    close_world();
}

TEST(a_grant_is_retired_by_whom_it_names_and_passed_on_only_as_far_as_it_goes)
{
    open_with_key();
    EXPECT(create_grant(TO_STRANGER ",'RetiringPrincipal':'arn:aws:iam::222222222222:user/end',"
                                    "'Operations':['Decrypt','CreateGrant']")
           == 200);

    char first[700];

    memcpy(first, token, sizeof first);
    be_stranger();
    EXPECT(create_grant("'GranteePrincipal':'arn:aws:iam::222222222222:root',"
                        "'Operations':['Encrypt']")
           == 400);
    EXPECT(driver_refused(&world, "AccessDeniedException"));
    EXPECT(create_grant("'GranteePrincipal':'arn:aws:iam::222222222222:root',"
                        "'Operations':['Decrypt','RetireGrant']")
           == 400);
    EXPECT(create_grant("'GranteePrincipal':'arn:aws:iam::222222222222:root',"
                        "'Operations':['Decrypt']")
           == 200);
    be("222222222222", "user/anybody", "");
    EXPECT(decrypt() == 200);
    (void)driver_say(&world, "RetireGrant", "{'GrantToken':'%s'}", first);
    EXPECT(driver_refused(&world, "AccessDeniedException"));
    be("222222222222", "user/end", "");
    EXPECT(driver_say(&world, "RetireGrant", "{'GrantToken':'%s'}", first) == 200);
    (void)driver_say(&world, "RetireGrant", "{'GrantToken':'%s'}", first);
    EXPECT(driver_refused(&world, "NotFoundException"));
    be_stranger();
    EXPECT(decrypt() == 400);
    be_owner();
    EXPECT(driver_say(&world, "RetireGrant", "{'KeyId':'%s','GrantId':'%s'}", arn, grant) == 200);
    close_world();
}

TEST(wrong_grants_are_refused)
{
    static const struct {
        const char *more, *error;
    } bad[] = {
        {"'Operations':['Decrypt']", "ValidationException"},
        {TO_STRANGER, "ValidationException"},
        {TO_STRANGER ",'Operations':['Sign']", "ValidationException"},
        {TO_STRANGER ",'Operations':'Decrypt'", "SerializationException"},
        {"'GranteePrincipal':'stranger','Operations':['Decrypt']", "InvalidArnException"},
        {TO_STRANGER ",'Operations':['Decrypt'],'Name':'a b'", "ValidationException"},
        {TO_STRANGER ",'Operations':['Decrypt'],'DryRun':true", "DryRunOperationException"},
        {TO_STRANGER ",'Operations':['Decrypt'],'Constraints':{'EncryptionContextEquals':7}",
         "SerializationException"},
        {TO_STRANGER ",'Operations':['Decrypt'],'Constraints':{'EncryptionContextEquals':{},"
                     "'EncryptionContextSubset':{}}",
         "ValidationException"},
    };

    open_with_key();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT(create_grant(bad[i].more) == 400 && driver_refused(&world, bad[i].error));
    }
    EXPECT(driver_say(&world, "DisableKey", "{'KeyId':'%s'}", id) == 200);
    EXPECT(create_grant(TO_STRANGER ",'Operations':['Decrypt']") == 400
           && driver_refused(&world, "DisabledException"));
    close_world();
}
