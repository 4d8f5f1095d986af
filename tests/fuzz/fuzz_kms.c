/* Requests to a key service, by whoever may sign one.
 *
 * The input is lines "OPERATION BODY", where @ stands for the last key's id and # for the last
 * ciphertext; the SAVE of a line that begins with ! fails. Every line gets one audit row and one
 * answer, and both are JSON that agrees. What was encrypted decrypts to the same with its context,
 * and not with another. In the end the node is started again from its rows and knows the same. */
#include "base/check.h"
#include "base/prng.h"
#include "keys/arn.h"
#include "keys/audit.h"
#include "keys/json_arena.h"
#include "keys/kms.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/kms_rows.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LINK = 9, TEXT_MAX = 96 << 10, CHECK_ARENA_BYTES = 8 << 20 };

static struct prng dice;
static struct node *node;
static void *block;
static struct effects fx;
static struct kms_rows rows;
static struct json_arena arena;
static struct audit_chain chain;

/* What the last call came to. */
static struct kms_reply head;
static char answer[KMS_REPLY_BYTES_MAX + 1], key_id[ARN_TEXT_MAX], blob[TEXT_MAX], plain[TEXT_MAX];

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

static void start(void)
{
    static const struct secret root = {{1}};
    struct kms_settings settings;

    kms_settings_default(&settings);
    settings.keys_max = settings.aliases_max = 7;
    settings.versions_max = settings.grants_max = KMS_ROWS_MAX / 3;
    settings.pool_bytes = 1 << 20;
    settings.pending_max = settings.links_max = 2;
    snprintf(settings.region, sizeof settings.region, "us-east-1");
    settings.entropy = (struct entropy){fill, &dice};

    const size_t size = (kms_memory_bytes(&settings) + 4095) / 4096 * 4096;

    if (block == NULL) {
        block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(block != MAP_FAILED);
    }
    CHECK(madvise(block, size, MADV_DONTNEED) == 0); /* zeros again, where there was something */

    struct arena memory = arena_of(block, size);

    node = kms_create(&settings, &root, &memory);
    step((struct event){.kind = EVENT_START, .start_rows = {rows.list, rows.count}});
    CHECK(fx.count == 0);
}

static json_t *json_of(struct bytes text)
{
    json_t *value = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);

    CHECK(json_is_object(value));
    return value;
}

static bool is_text(const json_t *object, const char *name, const char *text)
{
    const char *found = json_string_value(json_object_get(object, name));

    return found != NULL && strcmp(found, text) == 0;
}

static void take_text(const json_t *object, const char *name, char *into, size_t room)
{
    const char *found = json_string_value(json_object_get(object, name));

    if (found != NULL) {
        CHECK(strlen(found) < room);
        memcpy(into, found, strlen(found) + 1);
    }
}

/* The row says who asked for what, and how it ended. */
static bool check_audit(struct bytes row, const char *operation)
{
    json_arena_enter(&arena);

    const json_t *entry = json_of(row);
    const bool allowed = is_text(entry, "outcome", "allowed");

    CHECK(allowed || is_text(entry, "outcome", "denied"));
    CHECK(allowed == is_text(entry, "error", ""));
    CHECK(is_text(entry, "access_key", "AKIDEXAMPLE"));
    CHECK(is_text(entry, "account", "000000000000"));
    CHECK(json_string_length(json_object_get(entry, "operation")) == strlen(operation));
    json_arena_leave(&arena);
    return allowed;
}

static void check_answer(struct bytes body)
{
    CHECK((head.http_status == 200) == (head.error[0] == '\0') && body.size < sizeof answer);
    if (body.size > 0) {
        memcpy(answer, body.data, body.size);
    }
    answer[body.size] = '\0';
    if (body.size == 0) {
        CHECK(head.http_status == 200);
        return;
    }
    json_arena_enter(&arena);

    const json_t *object = json_of(body);
    const json_t *about = json_object_get(object, "KeyMetadata");

    CHECK(head.http_status == 200 || is_text(object, "__type", head.error));
    take_text(about != NULL ? about : object, "KeyId", key_id, sizeof key_id);
    take_text(object, "CiphertextBlob", blob, sizeof blob);
    take_text(object, "Plaintext", plain, sizeof plain);
    json_arena_leave(&arena);
}

/* The HTTP status. */
static unsigned call(const char *operation, const char *body, enum status save)
{
    struct kms_request request = {.principal = "arn:aws:iam::000000000000:user/test",
                                  .account = "000000000000",
                                  .access_key = "AKIDEXAMPLE",
                                  .request_id = "r"};
    uint8_t room[KMS_REQUEST_HEAD_MAX];

    snprintf(request.operation, sizeof request.operation, "%s", operation);
    step((struct event){
        .kind = EVENT_MESSAGE,
        .message = {LINK,
                    {KMS_MESSAGE_REQUEST, kms_request_encode(&request, room), bytes_text(body)}}});
    CHECK(fx.count == 1 && fx.list[0].kind == EFFECT_SAVE);

    const struct effect_save *saved = &fx.list[0].save;
    const uint64_t ticket = saved->ticket;
    const bool allowed = check_audit(saved->rows[0].value, request.operation);

    CHECK(strcmp(saved->rows[0].table, "audit") == 0 && (allowed || saved->row_count == 1));
    if (save == OK) {
        CHECK(audit_chain_add(&chain, saved->rows[0].key, saved->rows[0].value) == OK);
    }
    for (size_t i = 0; i < saved->row_count && save == OK; i++) {
        kms_rows_put(&rows, &saved->rows[i]);
    }
    step((struct event){.kind = EVENT_SAVED, .saved = {ticket, save}});
    CHECK(fx.count == 1 && fx.list[0].kind == EFFECT_SEND && fx.list[0].send.link == LINK);
    CHECK(kms_reply_decode(&head, fx.list[0].send.head) == OK);
    CHECK(save == OK ? allowed == (head.http_status == 200) : head.http_status == 500);
    check_answer(fx.list[0].send.tail[0]);
    return head.http_status;
}

/* Decrypts the last ciphertext with the context of the body that it came from, and what `more`
 * adds to it. */
static unsigned call_decrypt(const char *body, const char *more)
{
    static char decrypt[TEXT_MAX];

    json_arena_enter(&arena);

    const json_t *context = json_object_get(json_of(bytes_text(body)), "EncryptionContext");
    json_t *changed = json_is_object(context) ? json_deep_copy(context) : json_object();

    if (more != NULL) {
        CHECK(json_object_set_new(changed, more, json_string("")) == 0);
    }

    json_t *request = json_pack("{s:s,s:o}", "CiphertextBlob", blob, "EncryptionContext", changed);

    CHECK(request != NULL);

    const size_t size = json_dumpb(request, decrypt, sizeof decrypt - 1, JSON_COMPACT);

    CHECK(size < sizeof decrypt);
    decrypt[size] = '\0';
    json_arena_leave(&arena);
    return call("Decrypt", decrypt, OK);
}

static void check_sealed(const char *operation, const char *body)
{
    static char sealed[TEXT_MAX];
    static const char secret[] = "\"Plaintext\":\"";
    char key[ARN_TEXT_MAX];

    if (strcmp(operation, "Encrypt") == 0) {
        json_arena_enter(&arena);
        take_text(json_of(bytes_text(body)), "Plaintext", sealed, sizeof sealed);
        json_arena_leave(&arena);
    } else if (strcmp(operation, "GenerateDataKey") == 0) {
        CHECK(strstr(answer, secret) != NULL);
        memcpy(sealed, plain, sizeof sealed);
    } else {
        return;
    }
    memcpy(key, key_id, sizeof key);
    CHECK(call_decrypt(body, "never there") != 200);
    CHECK(call_decrypt(body, NULL) == 200);
    CHECK(strcmp(sealed, plain) == 0 && strcmp(key, key_id) == 0);
}

/* Puts in what @ and # stand for; what does not fit is left out. */
static const char *body_of(const char *text)
{
    static char body[TEXT_MAX];
    size_t size = 0;

    for (; *text != '\0'; text++) {
        const char *part = *text == '@' ? key_id : *text == '#' ? blob : NULL;
        const size_t part_size = part == NULL ? 1 : strlen(part);

        if (part_size < sizeof body - size) {
            memcpy(body + size, part == NULL ? text : part, part_size);
            size += part_size;
        }
    }
    body[size] = '\0';
    return body;
}

static void take_line(char *line)
{
    const enum status save = line[0] == '!' ? E_IO : OK;
    char *operation = line + (save != OK);
    char *blank = strchr(operation, ' ');

    if (blank != NULL) {
        *blank = '\0';
    }

    const char *body = body_of(blank == NULL ? "" : blank + 1);

    if (call(operation, body, save) == 200) {
        check_sealed(operation, body);
    }
}

static void remember(char *into)
{
    static const char *const about_keys[] = {"DescribeKey", "GetKeyPolicy", "ListGrants",
                                             "ListKeyRotations", "ListResourceTags"};
    char body[sizeof key_id + 32];
    size_t size = 0;

    snprintf(body, sizeof body, "{\"KeyId\":\"%s\"}", key_id);
    (void)call("ListKeys", "", OK);
    size += (size_t)sprintf(into + size, "%s", answer);
    (void)call("ListAliases", "", OK);
    size += (size_t)sprintf(into + size, "%s", answer);
    for (size_t i = 0; i < COUNT_OF(about_keys); i++) {
        (void)call(about_keys[i], body, OK);
        size += (size_t)sprintf(into + size, "%s", answer);
    }
}

static void set_up(void)
{
    if (arena.base == NULL) {
        json_arena_install(7);
        arena = (struct json_arena){.base = malloc(CHECK_ARENA_BYTES), .size = CHECK_ARENA_BYTES};
        CHECK(arena.base != NULL);
    }
    key_id[0] = blob[0] = plain[0] = '\0';
    prng_seed(&dice, 1);
    chain = (struct audit_chain){0};
    start();
}

/* A head has one form. */
static void try_heads(struct bytes bytes)
{
    static struct kms_request request;
    struct kms_reply reply;
    uint8_t room[KMS_REQUEST_HEAD_MAX];

    if (kms_request_decode(&request, bytes) == OK) {
        CHECK(bytes_equal(kms_request_encode(&request, room), bytes));
    }
    if (kms_reply_decode(&reply, bytes) == OK) {
        CHECK(bytes_equal(kms_reply_encode(&reply, room), bytes));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[KMS_REQUEST_BYTES_MAX + 1024], before[8 * KMS_REPLY_BYTES_MAX],
        after[8 * KMS_REPLY_BYTES_MAX];

    try_heads(bytes_of(data, size));
    if (size >= sizeof text) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    set_up();
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (line[0] != '\0') {
            take_line(line);
        }
    }
    remember(before);
    kms_destroy(node);
    start();
    remember(after);
    CHECK(strcmp(before, after) == 0);
    kms_destroy(node);
    kms_rows_forget(&rows);
    return 0;
}
