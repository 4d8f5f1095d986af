/* Parse, run, write down the answer.
 *
 * A refusal drops whatever the operation had staged or added. */
#include "keys/kms_serve.h"

#include "base/check.h"
#include "keys/json_text.h"
#include "keys/kms_operations.h"

static enum status parse(struct kms_call *call, struct bytes body)
{
    if (body.size > KMS_REQUEST_BYTES_MAX || !json_text_is_shallow(body)) {
        return call_refuse(call, KMS_SERIALIZATION, "The body is larger or deeper than allowed");
    }
    call->in = body.size == 0 ? json_object() : json_text_object(body);
    return call->in != NULL ? OK
                            : call_refuse(call, KMS_SERIALIZATION, "The body is no JSON object");
}

static enum status run(struct kms_call *call, struct bytes body)
{
    TRY(parse(call, body));
    call->out = json_object();
    call->operation = operation_find(call->request->operation);
    if (call->operation == NULL) {
        return call_refuse(call, KMS_UNKNOWN_OPERATION, "The operation %s is not known here",
                           call->request->operation);
    }
    TRY(call->operation->run(call));
    if (!change_has_room(call->change, call->table)) {
        return call_refuse(call, KMS_LIMIT_EXCEEDED, "This key service is full");
    }
    return call->out != NULL ? OK
                             : call_refuse(call, KMS_LIMIT_EXCEEDED, "The request is too large");
}

/* 0 where it does not fit, or where there was no memory. */
static size_t dump(const json_t *value, struct kms_answer *answer)
{
    enum { PRECISION = 13 }; /* milliseconds of epoch seconds */
    const size_t size = value == NULL ? 0
                                      : json_dumpb(value, (char *)answer->body, KMS_REPLY_BYTES_MAX,
                                                   JSON_COMPACT | JSON_REAL_PRECISION(PRECISION));

    return size <= KMS_REPLY_BYTES_MAX ? size : 0;
}

static void answer_name(struct kms_answer *answer, enum kms_error error)
{
    const char *name = kms_error_name(error);

    answer->head = (struct kms_reply){.http_status = (uint16_t)kms_error_http_status(error)};
    CHECK(strlen(name) < sizeof answer->head.error);
    memcpy(answer->head.error, name, strlen(name) + 1);
}

static bool answer_error(struct kms_call *call, struct kms_answer *answer)
{
    /* A cut message may end inside a character; jansson takes only whole ones. */
    for (size_t i = 0; call->why[i] != '\0'; i++) {
        call->why[i] = (unsigned char)call->why[i] < 0x80 ? call->why[i] : '?';
    }
    answer_name(answer, call->error);
    change_reset(call->change);
    answer->body_size =
        dump(json_pack("{s:s,s:s}", "__type", answer->head.error, "message", call->why), answer);
    return answer->body_size > 0;
}

static bool answer_done(const struct kms_call *call, struct kms_answer *answer)
{
    answer_name(answer, KMS_NO_ERROR);
    /* Operations without output answer with no body at all, as AWS does. */
    answer->body_size = json_object_size(call->out) == 0 ? 0 : dump(call->out, answer);
    return answer->body_size > 0 || json_object_size(call->out) == 0;
}

void kms_answer_internal(struct kms_answer *answer)
{
    static const char body[] = "{\"__type\":\"KMSInternalException\","
                               "\"message\":\"The use could not be recorded and was not made.\"}";

    answer_name(answer, KMS_INTERNAL);
    answer->body_size = sizeof body - 1;
    memcpy(answer->body, body, sizeof body - 1);
}

bool kms_serve(struct kms_call *call, struct bytes body, struct kms_answer *answer)
{
    if (run(call, body) == OK && answer_done(call, answer)) {
        return true;
    }
    if (call->error == KMS_NO_ERROR) {
        (void)call_refuse(call, KMS_LIMIT_EXCEEDED, "The answer is too large");
    }
    return answer_error(call, answer);
}
