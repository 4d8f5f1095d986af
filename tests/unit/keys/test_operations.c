/* Aliases, tags, ReEncrypt, random bytes, data keys, pages: what each operation does, and what it
 * refuses by which name. */
#include "tests/support/test.h"
#include "tests/unit/keys/kms_driver.h"

#include <stdio.h>

static struct driver world;
static const struct secret root = {{1}};
static char id[64], other[64], blob[9000];

static void open_with_keys(void)
{
    driver_open(&world, "us-east-1", &root);
    EXPECT(driver_call(&world, "CreateKey", "{\"Description\":\"one\"}") == 200);
    driver_field(&world, "KeyId", id, sizeof id);
    EXPECT(driver_call(&world, "CreateKey", "{\"Description\":\"two\"}") == 200);
    driver_field(&world, "KeyId", other, sizeof other);
}

static void close_world(void)
{
    driver_close(&world);
    driver_forget(&world);
}

TEST(an_alias_is_moved_and_removed)
{
    open_with_keys();
    EXPECT(driver_say(&world, "CreateAlias", "{'AliasName':'alias/a','TargetKeyId':'%s'}", id)
           == 200);
    (void)driver_say(&world, "CreateAlias", "{'AliasName':'alias/a','TargetKeyId':'%s'}", other);
    EXPECT(driver_refused(&world, "AlreadyExistsException"));
    EXPECT(driver_say(&world, "UpdateAlias", "{'AliasName':'alias/a','TargetKeyId':'%s'}", other)
           == 200);
    EXPECT(driver_call(&world, "DescribeKey", "{\"KeyId\":\"alias/a\"}") == 200);
    EXPECT(driver_holds(&world, "'two'"));
    EXPECT(driver_say(&world, "ListAliases", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "'Aliases':[]"));
    EXPECT(driver_say(&world, "ListAliases", "{'KeyId':'%s'}", other) == 200);
    EXPECT(driver_holds(&world, "'alias/a'"));
    EXPECT(driver_call(&world, "DeleteAlias", "{\"AliasName\":\"alias/a\"}") == 200);
    (void)driver_call(&world, "DescribeKey", "{\"KeyId\":\"alias/a\"}");
    EXPECT(driver_refused(&world, "NotFoundException"));
    (void)driver_call(&world, "DeleteAlias", "{\"AliasName\":\"alias/a\"}");
    EXPECT(driver_refused(&world, "NotFoundException"));
    (void)driver_call(&world, "DeleteAlias", "{\"AliasName\":\"alias/aws/rds\"}");
    EXPECT(driver_refused(&world, "InvalidAliasNameException"));
    (void)driver_say(&world, "CreateAlias", "{'AliasName':'alias/!','TargetKeyId':'%s'}", id);
    EXPECT(driver_refused(&world, "ValidationException"));
    close_world();
}

TEST(a_key_has_at_most_50_aliases)
{
    open_with_keys(); /* the driver's table has room for 8 */
    for (unsigned i = 0; i < 8; i++) {
        EXPECT(
            driver_say(&world, "CreateAlias", "{'AliasName':'alias/a%u','TargetKeyId':'%s'}", i, id)
            == 200);
    }
    (void)driver_say(&world, "CreateAlias", "{'AliasName':'alias/b','TargetKeyId':'%s'}", id);
    EXPECT(driver_refused(&world, "LimitExceededException"));
    EXPECT(driver_call(&world, "DeleteAlias", "{\"AliasName\":\"alias/a3\"}") == 200);
    EXPECT(driver_say(&world, "CreateAlias", "{'AliasName':'alias/b','TargetKeyId':'%s'}", id)
           == 200);
    close_world();
}

TEST(lists_come_in_pages_and_a_marker_stays_good_when_its_entry_is_gone)
{
    char marker[600];

    open_with_keys();
    for (const char *name = "abc"; *name != '\0'; name++) {
        EXPECT(driver_say(&world, "CreateAlias", "{'AliasName':'alias/%c','TargetKeyId':'%s'}",
                          *name, id)
               == 200);
    }
    EXPECT(driver_call(&world, "ListAliases", "{\"Limit\":2}") == 200);
    EXPECT(driver_holds(&world, "'alias/b'") && !driver_holds(&world, "'alias/c'")
           && driver_holds(&world, "'Truncated':true"));
    driver_field(&world, "NextMarker", marker, sizeof marker);
    EXPECT(driver_call(&world, "DeleteAlias", "{\"AliasName\":\"alias/b\"}") == 200);
    EXPECT(driver_say(&world, "ListAliases", "{'Limit':2,'Marker':'%s'}", marker) == 200);
    EXPECT(driver_holds(&world, "'alias/c'") && !driver_holds(&world, "'alias/a'")
           && driver_holds(&world, "'Truncated':false") && !driver_holds(&world, "NextMarker"));
    (void)driver_call(&world, "ListAliases", "{\"Marker\":\"nobody's\"}");
    EXPECT(driver_refused(&world, "InvalidMarkerException"));
    (void)driver_call(&world, "ListKeys", "{\"Limit\":1001}");
    EXPECT(driver_refused(&world, "ValidationException"));
    EXPECT(driver_call(&world, "ListKeys", "{\"Limit\":1}") == 200);
    EXPECT(driver_holds(&world, "'Truncated':true"));
    close_world();
}

TEST(tags_are_set_replaced_listed_and_removed)
{
    open_with_keys();
    EXPECT(driver_say(&world, "TagResource",
                      "{'KeyId':'%s','Tags':[{'TagKey':'b','TagValue':'1'},"
                      "{'TagKey':'a','TagValue':''}]}",
                      id)
           == 200);
    EXPECT(driver_say(&world, "TagResource",
                      "{'KeyId':'%s','Tags':[{'TagKey':'b','TagValue':'2'}]}", id)
           == 200);
    driver_close(&world);
    driver_open(&world, "us-east-1", &root); /* they are stored */
    EXPECT(driver_say(&world, "ListResourceTags", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "[{'TagKey':'a','TagValue':''},{'TagKey':'b','TagValue':'2'}]"));
    EXPECT(driver_say(&world, "ListResourceTags", "{'KeyId':'%s','Limit':1}", id) == 200);
    EXPECT(driver_holds(&world, "'Truncated':true") && !driver_holds(&world, "'b'"));
    EXPECT(driver_say(&world, "UntagResource", "{'KeyId':'%s','TagKeys':['a','none']}", id) == 200);
    EXPECT(driver_say(&world, "ListResourceTags", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "'Tags':[{'TagKey':'b','TagValue':'2'}]"));
    EXPECT(
        driver_call(&world, "CreateKey", "{\"Tags\":[{\"TagKey\":\"born\",\"TagValue\":\"with\"}]}")
        == 200);
    driver_field(&world, "KeyId", other, sizeof other);
    EXPECT(driver_say(&world, "ListResourceTags", "{'KeyId':'%s'}", other) == 200);
    EXPECT(driver_holds(&world, "'with'"));
    close_world();
}

TEST(wrong_tags_are_refused_and_change_nothing)
{
    static const struct {
        const char *tags, *error;
    } bad[] = {
        {"[{'TagKey':'aws:x','TagValue':''}]", "TagException"},
        {"[{'TagKey':'a','TagValue':''},{'TagKey':'a','TagValue':''}]", "TagException"},
        {"[{'TagKey':'a<','TagValue':''}]", "TagException"},
        {"[{'TagKey':'','TagValue':''}]", "ValidationException"},
        {"[{'TagKey':'a'}]", "SerializationException"},
        {"[7]", "SerializationException"},
        {"'a'", "SerializationException"},
    };

    open_with_keys();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)driver_say(&world, "TagResource", "{'KeyId':'%s','Tags':%s}", id, bad[i].tags);
        EXPECT(driver_refused(&world, bad[i].error));
    }
    for (unsigned i = 0; i < 50; i++) {
        EXPECT(driver_say(&world, "TagResource",
                          "{'KeyId':'%s','Tags':[{'TagKey':'k%u','TagValue':'v'}]}", id, i)
               == 200);
    }
    (void)driver_say(&world, "TagResource", "{'KeyId':'%s','Tags':[{'TagKey':'z','TagValue':''}]}",
                     id);
    EXPECT(driver_refused(&world, "LimitExceededException"));
    EXPECT(driver_say(&world, "ListResourceTags", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "'k49'") && !driver_holds(&world, "'z'"));
    EXPECT(driver_say(&world, "ScheduleKeyDeletion", "{'KeyId':'%s'}", id) == 200);
    (void)driver_say(&world, "TagResource", "{'KeyId':'%s','Tags':[]}", id);
    EXPECT(driver_refused(&world, "KMSInvalidStateException"));
    close_world();
}

TEST(re_encrypt_moves_a_ciphertext_to_another_key_and_context_and_shows_no_plaintext)
{
    open_with_keys();
    EXPECT(driver_say(&world, "Encrypt",
                      "{'KeyId':'%s','Plaintext':'aGVsbG8=','EncryptionContext':{'a':'1'}}", id)
           == 200);
    driver_field(&world, "CiphertextBlob", blob, sizeof blob);
    (void)driver_say(&world, "ReEncrypt", "{'CiphertextBlob':'%s','DestinationKeyId':'%s'}", blob,
                     other);
    EXPECT(driver_refused(&world, "InvalidCiphertextException"));
    (void)driver_say(&world, "ReEncrypt",
                     "{'CiphertextBlob':'%s','SourceKeyId':'%s','DestinationKeyId':'%s',"
                     "'SourceEncryptionContext':{'a':'1'}}",
                     blob, other, other);
    EXPECT(driver_refused(&world, "IncorrectKeyException"));
    EXPECT(driver_say(&world, "ReEncrypt",
                      "{'CiphertextBlob':'%s','DestinationKeyId':'%s','SourceEncryptionContext':"
                      "{'a':'1'},'DestinationEncryptionContext':{'b':'2'}}",
                      blob, other)
           == 200);
    EXPECT(!driver_holds(&world, "Plaintext") && driver_holds(&world, "'SourceKeyMaterialId':"));
    EXPECT(strstr(world.audit, "\"context\":{\"a\":\"1\"}") != NULL
           && strstr(world.audit, "\"destination_context\":{\"b\":\"2\"}") != NULL);
    EXPECT(strstr(strstr(world.audit, "destination_key"), other) != NULL);
    driver_field(&world, "CiphertextBlob", blob, sizeof blob);
    EXPECT(driver_say(&world, "Decrypt",
                      "{'CiphertextBlob':'%s','KeyId':'%s','EncryptionContext':{'b':'2'}}", blob,
                      other)
           == 200);
    EXPECT(driver_holds(&world, "'aGVsbG8='"));
    EXPECT(driver_say(&world, "DisableKey", "{'KeyId':'%s'}", id) == 200);
    (void)driver_say(&world, "ReEncrypt",
                     "{'CiphertextBlob':'%s','DestinationKeyId':'%s','SourceEncryptionContext':"
                     "{'b':'2'}}",
                     blob, id);
    EXPECT(driver_refused(&world, "DisabledException"));
    close_world();
}

TEST(data_keys_and_random_bytes_have_the_size_that_was_asked_for)
{
    char text[64];

    open_with_keys();
    EXPECT(driver_call(&world, "GenerateRandom", "{\"NumberOfBytes\":3}") == 200);
    driver_field(&world, "Plaintext", text, sizeof text);
    EXPECT(strlen(text) == 4);
    (void)driver_call(&world, "GenerateRandom", "{\"NumberOfBytes\":1025}");
    EXPECT(driver_refused(&world, "ValidationException"));
    (void)driver_call(&world, "GenerateRandom", "{}");
    EXPECT(driver_refused(&world, "ValidationException"));
    EXPECT(driver_say(&world, "GenerateDataKeyWithoutPlaintext",
                      "{'KeyId':'%s','KeySpec':'AES_128'}", id)
           == 200);
    EXPECT(!driver_holds(&world, "Plaintext"));
    driver_field(&world, "CiphertextBlob", blob, sizeof blob);
    EXPECT(driver_say(&world, "Decrypt", "{'CiphertextBlob':'%s'}", blob) == 200);
    driver_field(&world, "Plaintext", text, sizeof text);
    EXPECT(strlen(text) == 24);
    (void)driver_say(&world, "GenerateDataKey",
                     "{'KeyId':'%s','KeySpec':'AES_256','NumberOfBytes':32}", id);
    EXPECT(driver_refused(&world, "ValidationException"));
    (void)driver_say(&world, "GenerateDataKey", "{'KeyId':'%s','NumberOfBytes':32,'DryRun':true}",
                     id);
    EXPECT(driver_refused(&world, "DryRunOperationException"));
    close_world();
}

TEST(a_state_refuses_what_aws_refuses_in_it)
{
    open_with_keys();
    (void)driver_say(&world, "CancelKeyDeletion", "{'KeyId':'%s'}", id);
    EXPECT(driver_refused(&world, "KMSInvalidStateException")
           && driver_holds(&world, "is not pending deletion."));
    (void)driver_say(&world, "ScheduleKeyDeletion", "{'KeyId':'%s','PendingWindowInDays':6}", id);
    EXPECT(driver_refused(&world, "ValidationException"));
    EXPECT(driver_say(&world, "ScheduleKeyDeletion", "{'KeyId':'%s'}", id) == 200);

    static const char *const refused[] = {
        "EnableKey",         "DisableKey",         "ScheduleKeyDeletion",
        "EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand",
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        (void)driver_say(&world, refused[i], "{'KeyId':'%s'}", id);
        EXPECT(driver_refused(&world, "KMSInvalidStateException"));
    }
    (void)driver_say(&world, "CreateAlias", "{'AliasName':'alias/a','TargetKeyId':'%s'}", id);
    EXPECT(driver_refused(&world, "KMSInvalidStateException"));
    EXPECT(driver_say(&world, "ListAliases", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_say(&world, "ListResourceTags", "{'KeyId':'%s'}", id) == 200);
    close_world();
}
