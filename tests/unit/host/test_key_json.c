/* What is said to a key service, and what its answers mean. */
#include "base/check.h"
#include "host/key_json.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

static const uint8_t dek[DEK_BYTES] = {1, 2, 3};

static struct keys_request sample(enum keys_op op)
{
    struct keys_request request = {
        .op = op, .blob = bytes_of("blob", 4), .plain = bytes_of(dek, sizeof dek)};

    snprintf(request.region, sizeof request.region, "eu-west-1");
    snprintf(request.key, sizeof request.key, "alias/sea");
    snprintf(request.context.cluster, sizeof request.context.cluster, "cluster-X");
    snprintf(request.context.region, sizeof request.context.region, "eu-west-1");
    memset(request.context.lineage.bytes, 0xab, 16);
    memset(request.context.dek.bytes, 0xcd, 16);
    return request;
}

static bool says(enum keys_op op, const char *what)
{
    const struct keys_request request = sample(op);
    char *body = key_json_request(&request);
    const bool found = strstr(body, what) != NULL;

    key_json_free(body);
    return found;
}

TEST(each_request_names_key_context_and_only_its_own_payload)
{
    key_json_init();
    for (int op = 0; op < KEYS_OPS; op++) {
        EXPECT(says((enum keys_op)op, "\"KeyId\":\"alias/sea\"") == (op != KEYS_REWRAP));
        EXPECT(says((enum keys_op)op, "\"aws:rds:dbc-id\":\"cluster-X\""));
        EXPECT(says((enum keys_op)op, "\"sealift:lineage\":\"abababababababababababababababab\""));
        EXPECT(says((enum keys_op)op, "\"sealift:dek\":\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\""));
        EXPECT(says((enum keys_op)op, "\"sealift:region\":\"eu-west-1\""));
        EXPECT(says((enum keys_op)op, "AES_256") == (op == KEYS_GENERATE));
        EXPECT(says((enum keys_op)op, "\"CiphertextBlob\":\"YmxvYg==\"")
               == (op == KEYS_UNWRAP || op == KEYS_REWRAP));
        EXPECT(says((enum keys_op)op, "\"Plaintext\":\"AQID") == (op == KEYS_WRAP));
    }
}

TEST(a_rewrap_names_the_same_key_and_context_at_both_ends)
{
#define CONTEXT \
    "{\"aws:rds:dbc-id\":\"cluster-X\",\"sealift:lineage\":\"abababababababababababababababab\"," \
    "\"sealift:dek\":\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\",\"sealift:region\":\"eu-west-1\"}"
    EXPECT(says(KEYS_REWRAP, "\"SourceKeyId\":\"alias/sea\",\"DestinationKeyId\":\"alias/sea\""));
    EXPECT(says(KEYS_REWRAP, "\"SourceEncryptionContext\":" CONTEXT));
    EXPECT(says(KEYS_REWRAP, "\"DestinationEncryptionContext\":" CONTEXT));
#undef CONTEXT
}

TEST(an_answer_has_exactly_what_its_operation_promises)
{
#define PLAIN "\"Plaintext\":\"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""
    static const struct {
        enum keys_op op;
        enum status status;
        const char *body;
    } cases[] = {
        {KEYS_GENERATE, OK, "{\"KeyId\":\"arn\",\"CiphertextBlob\":\"YmxvYg==\"," PLAIN "}"},
        {KEYS_WRAP, OK, "{\"KeyId\":\"arn\",\"CiphertextBlob\":\"YmxvYg==\"}"},
        {KEYS_UNWRAP, OK, "{\"KeyId\":\"arn\"," PLAIN ",\"EncryptionAlgorithm\":\"x\"}"},
        {KEYS_GENERATE, E_MALFORMED, "{\"KeyId\":\"arn\"," PLAIN "}"},
        {KEYS_UNWRAP, E_MALFORMED, "{" PLAIN "}"},
        {KEYS_UNWRAP, E_MALFORMED, "{\"KeyId\":\"arn\",\"Plaintext\":\"AQID\"}"},
        {KEYS_UNWRAP, E_MALFORMED, "{\"KeyId\":7," PLAIN "}"},
        {KEYS_REWRAP, OK,
         "{\"SourceKeyId\":\"arn\",\"KeyId\":\"arn\",\"CiphertextBlob\":\"YmxvYg==\"}"},
        {KEYS_REWRAP, E_MALFORMED, "{\"SourceKeyId\":\"arn\",\"CiphertextBlob\":\"YmxvYg==\"}"},
        {KEYS_WRAP, E_MALFORMED, "{\"KeyId\":\"arn\",\"CiphertextBlob\":\"?\"}"},
        {KEYS_WRAP, E_MALFORMED, "{\"KeyId\":\"arn\",\"CiphertextBlob\":\"\"}"},
        {KEYS_WRAP, E_MALFORMED, "[]"},
        {KEYS_WRAP, E_MALFORMED, ""},
        {KEYS_WRAP, E_MALFORMED, "{\"KeyId\":\"arn\",\"CiphertextBlob\":\"YmxvYg==\""},
    };
    struct key_json_answer answer;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        EXPECT_STATUS(key_json_decode(cases[i].op, bytes_text(cases[i].body), &answer),
                      cases[i].status);
    }
    NEED(key_json_decode(KEYS_GENERATE, bytes_text(cases[0].body), &answer) == OK);
    EXPECT(answer.plain_size == DEK_BYTES && memcmp(answer.plain, dek, DEK_BYTES) == 0);
    EXPECT(answer.blob_size == 4 && memcmp(answer.blob, "blob", 4) == 0);
    EXPECT(strcmp(answer.arn, "arn") == 0);
}

TEST(an_error_is_known_by_its_name_without_the_prefix)
{
    struct key_json_error error;

    NEED(key_json_decode_error(
             bytes_text("{\"__type\":\"com.amazonaws.kms#DisabledException\",\"message\":\"x is "
                        "disabled.\"}"),
             &error)
         == OK);
    EXPECT(strcmp(error.type, "DisabledException") == 0);
    EXPECT(strcmp(error.message, "x is disabled.") == 0);
    NEED(key_json_decode_error(bytes_text("{\"__type\":\"NotFoundException\"}"), &error) == OK);
    EXPECT(error.message[0] == '\0');
    EXPECT_STATUS(key_json_decode_error(bytes_text("<html>"), &error), E_MALFORMED);
    EXPECT_STATUS(key_json_decode_error(bytes_text("{}"), &error), E_MALFORMED);
}
