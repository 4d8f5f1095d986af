/* The key service's node, driven event by event: one request, one SAVE, one answer. */
#include "keys/json_arena.h"
#include "keys/kms.h"
#include "node/effects.h"
#include "tests/support/test.h"

#include "base/prng.h"

#include <stdio.h>
#include <stdlib.h>

static struct effects fx;
static struct prng dice;
static struct node *node;
static void *block;
static char answer[KMS_REPLY_BYTES_MAX + 1];
static char audit[65537];
static struct kms_reply head;
static enum status save_status;

static void fill(void *context, void *into, size_t size)
{
    prng_fill(context, into, size);
}

static void step(struct event event)
{
    event.wall_ns = 1700000000123000000u;
    effects_clear(&fx);
    node->step(node, &event, &fx);
}

static void open_node(void)
{
    static bool installed;
    static const struct secret root = {{1}};
    struct kms_settings settings;

    if (!installed) {
        json_arena_install(7);
        installed = true;
    }
    prng_seed(&dice, 1);
    kms_settings_default(&settings);
    settings.keys_max = settings.aliases_max = 8;
    settings.versions_max = settings.grants_max = 32;
    settings.pool_bytes = 1 << 20;
    snprintf(settings.region, sizeof settings.region, "us-east-1");
    settings.entropy = (struct entropy){fill, &dice};

    const size_t size = (kms_memory_bytes(&settings) + 4095) / 4096 * 4096;

    block = aligned_alloc(4096, size);
    NEED(block != NULL);
    memset(block, 0, size);

    struct arena arena = arena_of(block, size);

    node = kms_create(&settings, &root, &arena);
    save_status = OK;
    step((struct event){.kind = EVENT_START});
    NEED(fx.count == 0);
}

static void close_node(void)
{
    kms_destroy(node);
    free(block);
}

static void copy_text(char *into, struct bytes bytes)
{
    if (bytes.size > 0) {
        memcpy(into, bytes.data, bytes.size);
    }
    into[bytes.size] = '\0';
}

/* Returns the HTTP status; leaves body and audit row as texts. */
static unsigned call(const char *operation, const char *body)
{
    struct kms_request request = {.principal = "arn:aws:iam::000000000000:user/test",
                                  .account = "000000000000",
                                  .access_key = "AKIDEXAMPLE",
                                  .via_service = "rds.us-east-1.amazonaws.com",
                                  .request_id = "r"};
    uint8_t room[KMS_REQUEST_HEAD_MAX];

    snprintf(request.operation, sizeof request.operation, "%s", operation);
    step((struct event){
        .kind = EVENT_MESSAGE,
        .message = {9,
                    {KMS_MESSAGE_REQUEST, kms_request_encode(&request, room), bytes_text(body)}}});
    NEED(fx.count == 1 && fx.list[0].kind == EFFECT_SAVE); /* no answer before its audit row */
    copy_text(audit, fx.list[0].save.rows[0].value);
    step((struct event){.kind = EVENT_SAVED, .saved = {fx.list[0].save.ticket, save_status}});
    NEED(fx.count == 1 && fx.list[0].kind == EFFECT_SEND);
    NEED(kms_reply_decode(&head, fx.list[0].send.head) == OK);
    copy_text(answer, fx.list[0].send.tail[0]);
    return head.http_status;
}

static void field(const char *name, char *into, size_t room)
{
    char wanted[64];

    snprintf(wanted, sizeof wanted, "\"%s\":\"", name);

    const char *found = strstr(answer, wanted);

    NEED(found != NULL);
    found += strlen(wanted);
    snprintf(into, room, "%.*s", (int)strcspn(found, "\""), found);
}

static void format(char *into, const char *pattern, const char *a)
{
    const char *place = strchr(pattern, '@');

    snprintf(into, 16384, "%.*s%s%s", (int)(place - pattern), pattern, a, place + 1);
}

TEST(what_is_encrypted_decrypts_with_its_context_only_and_both_are_audited)
{
    static char id[64], blob[9000], body[16384];

    open_node();
    EXPECT(call("CreateKey", "{}") == 200);
    field("KeyId", id, sizeof id);
    format(body,
           "{\"KeyId\":\"@\",\"Plaintext\":\"aGVsbG8=\",\"EncryptionContext\":{\"b\":\"2\",\"a\":"
           "\"1\"}}",
           id);
    EXPECT(call("Encrypt", body) == 200);
    field("CiphertextBlob", blob, sizeof blob);
    format(body, "{\"CiphertextBlob\":\"@\",\"EncryptionContext\":{\"a\":\"1\",\"b\":\"2\"}}",
           blob);
    EXPECT(call("Decrypt", body) == 200);
    EXPECT(strstr(answer, "\"Plaintext\":\"aGVsbG8=\"") != NULL);
    EXPECT(strstr(audit, "\"outcome\":\"allowed\"") != NULL && strstr(audit, "aGVsbG8=") == NULL);
    format(body, "{\"CiphertextBlob\":\"@\",\"EncryptionContext\":{\"a\":\"1\",\"b\":\"3\"}}",
           blob);
    EXPECT(call("Decrypt", body) == 400);
    EXPECT(strcmp(head.error, "InvalidCiphertextException") == 0);
    EXPECT(strstr(audit, "\"outcome\":\"denied\"") != NULL);
    format(body, "{\"KeyId\":\"@\"}", id);
    EXPECT(call("DisableKey", body) == 200 && answer[0] == '\0');
    format(body, "{\"CiphertextBlob\":\"@\",\"EncryptionContext\":{\"a\":\"1\",\"b\":\"2\"}}",
           blob);
    EXPECT(call("Decrypt", body) == 400);
    EXPECT(strcmp(head.error, "DisabledException") == 0 && strstr(answer, "is disabled.") != NULL);
    format(body, "{\"KeyId\":\"@\"}", id);
    EXPECT(call("EnableKey", body) == 200);
    close_node();
}

TEST(without_a_durable_audit_row_nothing_is_used_and_nothing_changes)
{
    struct kms_status status;

    open_node();
    save_status = E_DISK_FULL;
    EXPECT(call("GenerateDataKey", "{\"KeyId\":\"alias/aws/rds\",\"KeySpec\":\"AES_256\"}") == 500);
    EXPECT(strstr(answer, "Plaintext") == NULL);
    kms_status(node, &status);
    EXPECT(status.keys == 0 && status.aliases == 0 && status.failed == 1);
    save_status = OK;
    EXPECT(call("GenerateDataKey", "{\"KeyId\":\"alias/aws/rds\",\"KeySpec\":\"AES_256\"}") == 200);
    EXPECT(call("GenerateDataKey", "{\"KeyId\":\"alias/aws/rds\",\"KeySpec\":\"AES_256\"}") == 200);
    kms_status(node, &status);
    EXPECT(status.keys == 1 && status.aliases == 1 && status.audit_rows == 2);
    close_node();
}

TEST(nonsense_is_refused_by_name_and_audited)
{
    static char deep[KMS_REQUEST_BYTES_MAX + 2];
    static const char *const bad[] = {"[",    "[]", "{\"a\":1,\"a\":2}", "{\"KeyId\":7}",
                                      "\xff", "{}x"};

    open_node();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT(call("DescribeKey", bad[i]) == 400);
        EXPECT(strcmp(head.error, "SerializationException") == 0);
        EXPECT(strstr(audit, "SerializationException") != NULL);
    }
    memset(deep, '[', sizeof deep - 1);
    EXPECT(call("DescribeKey", deep) == 400);
    EXPECT(call("Nonsense", "{}") == 400);
    EXPECT(strcmp(head.error, "UnknownOperationException") == 0);
    EXPECT(call("Describe\xe9Key", "{}") == 400);
    EXPECT(strcmp(head.error, "UnknownOperationException") == 0);
    EXPECT(strstr(audit, "\"operation\":\"Describe?Key\"") != NULL);
    EXPECT(strstr(audit, "arn:aws:iam::000000000000:user/test") != NULL);
    EXPECT(call("DescribeKey", "{\"KeyId\":\"alias/none\"}") == 400);
    EXPECT(strcmp(head.error, "NotFoundException") == 0);
    close_node();
}
