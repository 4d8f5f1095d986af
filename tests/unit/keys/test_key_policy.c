/* The policy language: what a document says to a question, and what is no policy. Pure. */
#include "keys/json_arena.h"
#include "keys/json_text.h"
#include "keys/key_policy_parts.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

static struct json_arena arena;
static char text[8192];

/* ' stands for ". */
static const json_t *document_of(const char *quoted)
{
    static bool ready;

    if (!ready) {
        json_arena_install(3);
        arena = (struct json_arena){.base = malloc(JSON_ARENA_BYTES), .size = JSON_ARENA_BYTES};
        ready = true;
    }
    snprintf(text, sizeof text, "%s", quoted);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    json_arena_enter(&arena);
    return json_text_object(bytes_text(text));
}

static const json_t *statements_of(const char *statements)
{
    char whole[8192];

    snprintf(whole, sizeof whole, "{'Version':'2012-10-17','Statement':%s}", statements);
    return document_of(whole);
}

static struct policy_question question = {
    .principal = "arn:aws:iam::111122223333:user/alice",
    .account = "111122223333",
    .via_service = "",
    .action = "Decrypt",
    .key_arn = "arn:aws:kms:us-east-1:111122223333:key/k",
    .alias = "",
    .grantee = "",
};

static enum policy_answer decide_in(const char *statements, const char *context)
{
    const json_t *document = statements_of(statements);
    enum policy_answer answer = POLICY_SILENT;

    NEED(document != NULL);
    if (policy_fault(document) != NULL) {
        fprintf(stderr, "%s: %s\n", statements, policy_fault(document));
        EXPECT(policy_fault(document) == NULL);
    } else {
        struct policy_question asked = question;
        char copy[1024];

        snprintf(copy, sizeof copy, "%s", context);
        for (char *c = copy; *c != '\0'; c++) {
            *c = *c == '\'' ? '"' : *c;
        }
        asked.context = copy[0] == '\0' ? NULL : json_text_object(bytes_text(copy));
        answer = policy_decide(document, &asked);
    }
    json_arena_leave(&arena);
    return answer;
}

static enum policy_answer decide(const char *statements)
{
    return decide_in(statements, "");
}

#define ALLOW(principal, action) \
    "{'Effect':'Allow','Principal':" principal ",'Action':" action ",'Resource':'*'}"
#define ALLOW_IF(condition) \
    "{'Effect':'Allow','Principal':'*','Action':'kms:*','Resource':'*','Condition':{" condition "}}"

TEST(a_principal_is_everyone_an_account_or_exactly_one)
{
    EXPECT(decide(ALLOW("'*'", "'kms:*'")) == POLICY_ALLOWS);
    EXPECT(decide(ALLOW("{'AWS':'*'}", "'kms:*'")) == POLICY_ALLOWS);
    EXPECT(decide(ALLOW("{'AWS':'111122223333'}", "'kms:*'")) == POLICY_ALLOWS);
    EXPECT(decide(ALLOW("{'AWS':'arn:aws:iam::111122223333:root'}", "'*'")) == POLICY_ALLOWS);
    EXPECT(
        decide(ALLOW("{'AWS':['444455556666','arn:aws:iam::111122223333:user/alice']}", "'kms:*'"))
        == POLICY_ALLOWS);
    EXPECT(decide(ALLOW("{'AWS':'444455556666'}", "'kms:*'")) == POLICY_SILENT);
    EXPECT(decide(ALLOW("{'AWS':'arn:aws:iam::111122223333:user/alic'}", "'kms:*'"))
           == POLICY_SILENT);
    EXPECT(decide(ALLOW("{'AWS':'arn:aws:iam::111122223333:user/alice2'}", "'kms:*'"))
           == POLICY_SILENT);
}

TEST(a_service_is_who_is_marked_with_it)
{
    EXPECT(decide(ALLOW("{'Service':'rds.amazonaws.com'}", "'kms:*'")) == POLICY_SILENT);
    question.via_service = "rds.us-east-1.amazonaws.com";
    EXPECT(decide(ALLOW("{'Service':'rds.amazonaws.com'}", "'kms:*'")) == POLICY_ALLOWS);
    EXPECT(decide(ALLOW("{'Service':'rds.us-east-1.amazonaws.com'}", "'kms:*'")) == POLICY_ALLOWS);
    EXPECT(decide(ALLOW("{'Service':'rds.eu-west-1.amazonaws.com'}", "'kms:*'")) == POLICY_SILENT);
    EXPECT(decide(ALLOW("{'Service':'rd.amazonaws.com'}", "'kms:*'")) == POLICY_SILENT);
    question.via_service = "";
}

TEST(actions_and_resources_have_patterns)
{
    EXPECT(decide(ALLOW("'*'", "'kms:Decrypt'")) == POLICY_ALLOWS);
    EXPECT(decide(ALLOW("'*'", "'kms:decrypt'")) == POLICY_ALLOWS); /* as AWS has it */
    EXPECT(decide(ALLOW("'*'", "'kms:De*t'")) == POLICY_ALLOWS);
    EXPECT(decide(ALLOW("'*'", "'kms:Decryp?'")) == POLICY_ALLOWS);
    EXPECT(decide(ALLOW("'*'", "['kms:Encrypt','kms:Decrypt']")) == POLICY_ALLOWS);
    EXPECT(decide(ALLOW("'*'", "'kms:Decrypt?'")) == POLICY_SILENT);
    EXPECT(decide(ALLOW("'*'", "'kms:Encrypt'")) == POLICY_SILENT);
    EXPECT(decide("{'Effect':'Allow','Principal':'*','NotAction':'kms:Encrypt','Resource':'*'}")
           == POLICY_ALLOWS);
    EXPECT(decide("{'Effect':'Allow','Principal':'*','NotAction':'kms:D*','Resource':'*'}")
           == POLICY_SILENT);
    EXPECT(decide("{'Effect':'Allow','Principal':'*','Action':'*','Resource':"
                  "'arn:aws:kms:*:111122223333:key/*'}")
           == POLICY_ALLOWS);
    EXPECT(decide("{'Effect':'Allow','Principal':'*','Action':'*','Resource':"
                  "'arn:aws:kms:*:111122223333:key/other'}")
           == POLICY_SILENT);
}

TEST(a_deny_wins_wherever_it_stands)
{
    static const char deny[] =
        "{'Effect':'Deny','Principal':'*','Action':'kms:Decrypt','Resource':'*'}";
    char both[1024];

    snprintf(both, sizeof both, "[%s,%s]", ALLOW("'*'", "'kms:*'"), deny);
    EXPECT(decide(both) == POLICY_DENIES);
    snprintf(both, sizeof both, "[%s,%s]", deny, ALLOW("'*'", "'kms:*'"));
    EXPECT(decide(both) == POLICY_DENIES);
    question.action = "Encrypt";
    EXPECT(decide(both) == POLICY_ALLOWS);
    question.action = "Decrypt";
}

TEST(conditions_look_at_the_encryption_context)
{
    static const struct {
        const char *condition, *context;
        enum policy_answer answer;
    } rows[] = {
        {"'StringEquals':{'kms:EncryptionContext:a':'1'}", "{'a':'1'}", POLICY_ALLOWS},
        {"'StringEquals':{'kms:EncryptionContext:a':'1'}", "{'A':'1'}", POLICY_ALLOWS},
        {"'StringEquals':{'KMS:encryptionContext:a':'1'}", "{'a':'1'}", POLICY_ALLOWS},
        {"'StringEquals':{'kms:EncryptionContext:a':['2','1']}", "{'a':'1'}", POLICY_ALLOWS},
        {"'StringEquals':{'kms:EncryptionContext:a':'1'}", "{'a':'2'}", POLICY_SILENT},
        {"'StringEquals':{'kms:EncryptionContext:a':'1'}", "{'b':'1'}", POLICY_SILENT},
        {"'StringEquals':{'kms:EncryptionContext:a':'1'}", "", POLICY_SILENT},
        {"'StringEqualsIfExists':{'kms:EncryptionContext:a':'1'}", "", POLICY_ALLOWS},
        {"'StringEqualsIfExists':{'kms:EncryptionContext:a':'1'}", "{'a':'2'}", POLICY_SILENT},
        {"'StringNotEquals':{'kms:EncryptionContext:a':'1'}", "{'a':'2'}", POLICY_ALLOWS},
        {"'StringNotEquals':{'kms:EncryptionContext:a':'1'}", "", POLICY_ALLOWS},
        {"'StringNotEquals':{'kms:EncryptionContext:a':['1','2']}", "{'a':'2'}", POLICY_SILENT},
        {"'StringEqualsIgnoreCase':{'kms:EncryptionContext:a':'X'}", "{'a':'x'}", POLICY_ALLOWS},
        {"'StringEquals':{'kms:EncryptionContext:a':'X'}", "{'a':'x'}", POLICY_SILENT},
        {"'StringLike':{'kms:EncryptionContext:a':'x*z?'}", "{'a':'xyzzy'}", POLICY_ALLOWS},
        {"'StringLike':{'kms:EncryptionContext:a':'x*z'}", "{'a':'xyzzy'}", POLICY_SILENT},
        {"'StringNotLike':{'kms:EncryptionContext:a':'x*'}", "{'a':'y'}", POLICY_ALLOWS},
        {"'StringEquals':{'kms:EncryptionContext:a':'x*'}", "{'a':'xy'}", POLICY_SILENT},
        {"'Null':{'kms:EncryptionContext:a':'true'}", "", POLICY_ALLOWS},
        {"'Null':{'kms:EncryptionContext:a':true}", "{'a':'1'}", POLICY_SILENT},
        {"'Null':{'kms:EncryptionContext:a':'false'}", "{'a':'1'}", POLICY_ALLOWS},
        {"'ForAnyValue:StringEquals':{'kms:EncryptionContextKeys':'a'}", "{'a':'1','b':'2'}",
         POLICY_ALLOWS},
        {"'ForAllValues:StringEquals':{'kms:EncryptionContextKeys':'a'}", "{'a':'1','b':'2'}",
         POLICY_SILENT},
        {"'ForAllValues:StringEquals':{'kms:EncryptionContextKeys':['a','b']}", "{'a':'1','b':'2'}",
         POLICY_ALLOWS},
        {"'ForAllValues:StringEquals':{'kms:EncryptionContextKeys':'a'}", "", POLICY_ALLOWS},
        {"'ForAnyValue:StringEquals':{'kms:EncryptionContextKeys':'a'}", "", POLICY_SILENT},
        {"'StringEquals':{'kms:EncryptionContext:a':'1'},'Null':{'kms:ViaService':'true'}",
         "{'a':'1'}", POLICY_ALLOWS},
        {"'StringEquals':{'kms:EncryptionContext:a':'1'},'Null':{'kms:ViaService':'false'}",
         "{'a':'1'}", POLICY_SILENT},
        {"'StringEquals':{'kms:EncryptionContext:a':'1','kms:EncryptionContext:b':'2'}",
         "{'a':'1'}", POLICY_SILENT},
        {"'StringEquals':{'kms:EncryptionContext:a':'1'}", "{'a':7}", POLICY_SILENT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char statement[1024];

        snprintf(statement, sizeof statement,
                 "{'Effect':'Allow','Principal':'*','Action':'kms:*','Resource':'*',"
                 "'Condition':{%s}}",
                 rows[i].condition);
        if (decide_in(statement, rows[i].context) != rows[i].answer) {
            fprintf(stderr, "row %zu: %s in %s\n", i, rows[i].condition, rows[i].context);
            EXPECT(rows[i].answer == POLICY_SILENT && false);
        }
    }
}

TEST(conditions_look_at_the_caller)
{
    EXPECT(decide(ALLOW_IF("'StringEquals':{'kms:CallerAccount':'111122223333'}"))
           == POLICY_ALLOWS);
    EXPECT(decide(ALLOW_IF("'StringEquals':{'kms:CallerAccount':'444455556666'}"))
           == POLICY_SILENT);
    EXPECT(decide(ALLOW_IF("'ArnLike':{'aws:PrincipalArn':'arn:aws:iam::*:user/a*'}"))
           == POLICY_ALLOWS);
    EXPECT(decide(ALLOW_IF("'StringEquals':{'kms:ViaService':'rds.us-east-1.amazonaws.com'}"))
           == POLICY_SILENT);
    EXPECT(decide(ALLOW_IF("'Bool':{'kms:GrantIsForAWSResource':true}")) == POLICY_SILENT);
    question.via_service = "rds.us-east-1.amazonaws.com";
    EXPECT(decide(ALLOW_IF("'StringEquals':{'kms:ViaService':'rds.us-east-1.amazonaws.com'}"))
           == POLICY_ALLOWS);
    EXPECT(decide(ALLOW_IF("'Bool':{'kms:GrantIsForAWSResource':'true'}")) == POLICY_ALLOWS);
    question.via_service = "";
    question.alias = "alias/app";
    EXPECT(decide(ALLOW_IF("'StringLike':{'kms:RequestAlias':'alias/a*'}")) == POLICY_ALLOWS);
    question.alias = "";
    EXPECT(decide(ALLOW_IF("'StringLike':{'kms:RequestAlias':'alias/a*'}")) == POLICY_SILENT);
}

TEST(what_is_not_understood_is_no_policy)
{
    static const char *const bad[] = {
        "[]",
        "'x'",
        "{'Effect':'Allow','Principal':'*','Action':'kms:*'}",
        "{'Effect':'Maybe','Principal':'*','Action':'kms:*','Resource':'*'}",
        "{'Effect':'Allow','Action':'kms:*','Resource':'*'}",
        "{'Effect':'Allow','NotPrincipal':'*','Action':'kms:*','Resource':'*'}",
        "{'Effect':'Allow','Principal':'alice','Action':'kms:*','Resource':'*'}",
        "{'Effect':'Allow','Principal':{},'Action':'kms:*','Resource':'*'}",
        "{'Effect':'Allow','Principal':{'Federated':'x'},'Action':'kms:*','Resource':'*'}",
        "{'Effect':'Allow','Principal':{'AWS':[]},'Action':'kms:*','Resource':'*'}",
        "{'Effect':'Allow','Principal':{'AWS':'12345'},'Action':'kms:*','Resource':'*'}",
        "{'Effect':'Allow','Principal':{'AWS':'arn:aws:iam::111122223333:user/*'},"
        "'Action':'kms:*','Resource':'*'}",
        "{'Effect':'Allow','Principal':{'AWS':'arn:aws:iam::111122223333'},"
        "'Action':'kms:*','Resource':'*'}",
        "{'Effect':'Allow','Principal':{'Service':'rds'},'Action':'kms:*','Resource':'*'}",
        "{'Effect':'Allow','Principal':'*','Action':'s3:*','Resource':'*'}",
        "{'Effect':'Allow','Principal':'*','Action':7,'Resource':'*'}",
        "{'Effect':'Allow','Principal':'*','Resource':'*'}",
        "{'Effect':'Allow','Principal':'*','Action':'kms:*','NotAction':'*','Resource':'*'}",
        "{'Effect':'Allow','Principal':'*','Action':'kms:*','Resource':[]}",
        "{'Effect':'Allow','Principal':'*','Action':'kms:*','Resource':'*','More':1}",
        "{'Effect':'Allow','Principal':'*','Action':'kms:*','Resource':'${aws:username}'}",
        ALLOW_IF("'StringEquals':{'aws:SourceIp':'1'}"),
        ALLOW_IF("'NumericEquals':{'kms:ViaService':'1'}"),
        ALLOW_IF("'StringEquals':{'kms:ViaService':[]}"),
        ALLOW_IF("'StringEquals':{'kms:ViaService':7}"),
        ALLOW_IF("'StringEquals':{'kms:EncryptionContext:':'7'}"),
        ALLOW_IF("'StringEquals':[]"),
        ALLOW_IF("'IfExists':{'kms:ViaService':'7'}"),
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const json_t *document = statements_of(bad[i]);

        if (document == NULL || policy_fault(document) == NULL) {
            fprintf(stderr, "row %zu: %s\n", i, bad[i]);
            EXPECT(document != NULL && false);
        }
        json_arena_leave(&arena);
    }

    static const char *const frames[] = {
        "{'Statement':[]}",
        "{'Version':'2012-10-17'}",
        "{'Version':'2013-10-17','Statement':" ALLOW("'*'", "'kms:*'") "}",
        "{'Version':'2012-10-17','Id':7,'Statement':" ALLOW("'*'", "'kms:*'") "}",
    };

    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        EXPECT(policy_fault(document_of(frames[i])) != NULL);
        json_arena_leave(&arena);
    }
}

TEST(the_policies_that_keys_are_born_with_are_policies)
{
    char room[POLICY_DEFAULT_BYTES_MAX];

    for (unsigned managed = 0; managed < 2; managed++) {
        const json_t *document = document_of("{}");

        document = json_text_object(policy_default("us-east-1", "111122223333", managed, room));
        EXPECT(document != NULL && policy_fault(document) == NULL);
        EXPECT(policy_decide(document, &question) == (managed ? POLICY_SILENT : POLICY_ALLOWS));
        question.via_service = "rds.us-east-1.amazonaws.com";
        EXPECT(policy_decide(document, &question) == POLICY_ALLOWS);
        question.via_service = "rds.eu-west-1.amazonaws.com";
        EXPECT(policy_decide(document, &question) == (managed ? POLICY_SILENT : POLICY_ALLOWS));
        question.via_service = "";
        question.action = "DescribeKey";
        EXPECT(policy_decide(document, &question) == POLICY_ALLOWS);
        question.action = "Decrypt";
        json_arena_leave(&arena);
    }
}

TEST(patterns_match_as_patterns_do)
{
    EXPECT(policy_matches("", "", false) && !policy_matches("", "a", false));
    EXPECT(policy_matches("*", "", false) && policy_matches("**", "abc", false));
    EXPECT(policy_matches("a*b*c", "aXbbYc", false) && !policy_matches("a*b*c", "aXbbY", false));
    EXPECT(policy_matches("?", "a", false) && !policy_matches("?", "", false));
    EXPECT(policy_matches("*ab", "aab", false) && policy_matches("*ab", "abab", false));
    EXPECT(!policy_matches("ab", "abc", false) && !policy_matches("abc", "ab", false));
    EXPECT(policy_matches("KMS:d*", "kms:Decrypt", true));
}
