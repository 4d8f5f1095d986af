/* Heads of requests and replies: texts with lengths, one after the other.
 *
 * The world that writes a request head is ours, but the operation's name came from outside: texts
 * that do not fit are a status, not a bug. */
#include "base/reader.h"
#include "base/writer.h"
#include "keys/kms.h"

struct bytes kms_request_encode(const struct kms_request *request, uint8_t *into)
{
    struct writer writer = writer_of(into, KMS_REQUEST_HEAD_MAX);

    writer_text(&writer, request->operation);
    writer_text(&writer, request->principal);
    writer_text(&writer, request->account);
    writer_text(&writer, request->access_key);
    writer_text(&writer, request->request_id);
    writer_text(&writer, request->via_service);
    return writer_bytes(&writer);
}

enum status kms_request_decode(struct kms_request *request, struct bytes head)
{
    struct reader reader = reader_of(head);

    TRY(reader_text(&reader, request->operation, sizeof request->operation));
    TRY(reader_text(&reader, request->principal, sizeof request->principal));
    TRY(reader_text(&reader, request->account, sizeof request->account));
    TRY(reader_text(&reader, request->access_key, sizeof request->access_key));
    TRY(reader_text(&reader, request->request_id, sizeof request->request_id));
    TRY(reader_text(&reader, request->via_service, sizeof request->via_service));
    return reader_end(&reader);
}

struct bytes kms_reply_encode(const struct kms_reply *reply, uint8_t *into)
{
    struct writer writer = writer_of(into, KMS_REPLY_HEAD_MAX);

    writer_u16(&writer, reply->http_status);
    writer_text(&writer, reply->error);
    return writer_bytes(&writer);
}

enum status kms_reply_decode(struct kms_reply *reply, struct bytes head)
{
    struct reader reader = reader_of(head);

    TRY(reader_u16(&reader, &reply->http_status));
    TRY(reader_text(&reader, reply->error, sizeof reply->error));
    return reader_end(&reader);
}
