/* What a key service answers to a member, right or wrong.
 *
 * The first byte chooses the operation. What is taken for an answer has all that the operation
 * promises, and says the same when it is written again; what is taken for an error has texts that
 * end. */
#include "base/base64.h"
#include "base/check.h"
#include "host/key_json.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

static void add(json_t *object, const char *name, json_t *value)
{
    CHECK(json_object_set_new(object, name, value) == 0);
}

static void add_blob(json_t *object, const char *name, const uint8_t *data, size_t size)
{
    char text[(KEY_BLOB_BYTES_MAX + 2) / 3 * 4 + 1];

    if (size > 0) {
        add(object, name, json_string(base64_encode(bytes_of(data, size), text)));
    }
}

static void try_again(enum keys_op op, const struct key_json_answer *answer)
{
    static struct key_json_answer again;
    json_t *about = json_object(), *object = json_object();

    CHECK(about != NULL && object != NULL);
    add(about, "Arn", json_string(answer->arn));
    add(object, "KeyMetadata", about);
    add(object, "KeyId", json_string(answer->arn));
    add_blob(object, "CiphertextBlob", answer->blob, answer->blob_size);
    add_blob(object, "Plaintext", answer->plain, answer->plain_size);

    char *text = json_dumps(object, JSON_ENSURE_ASCII);

    CHECK(text != NULL && key_json_decode(op, bytes_text(text), &again) == OK);
    CHECK(memcmp(&again, answer, sizeof again) == 0);
    key_json_free(text);
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    static struct key_json_answer answer;
    static struct key_json_error error;

    if (!ready) {
        key_json_init();
        ready = true;
    }
    if (size < 1) {
        return 0;
    }

    const enum keys_op op = (enum keys_op)(data[0] % KEYS_OPS);
    const struct bytes body = bytes_of(data + 1, size - 1);

    if (key_json_decode(op, body, &answer) == OK) {
        CHECK((op == KEYS_GENERATE || op == KEYS_WRAP) == (answer.blob_size > 0));
        CHECK(answer.plain_size == (op == KEYS_GENERATE || op == KEYS_UNWRAP ? DEK_BYTES : 0));
        CHECK(answer.blob_size <= sizeof answer.blob && answer.arn[0] != '\0');
        try_again(op, &answer);
    }
    memset(&error, 0xa5, sizeof error);
    if (key_json_decode_error(body, &error) == OK) {
        CHECK(memchr(error.type, '\0', sizeof error.type) != NULL);
        CHECK(memchr(error.message, '\0', sizeof error.message) != NULL);
    }
    return 0;
}
