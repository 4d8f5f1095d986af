/* One row for each type: its name, and whether it may have a tail. A type that has no row does not
 * exist; whatever is wrong with a prefix is found before anybody makes room for what follows. */
#include "proto/message.h"

#include "base/check.h"
#include "base/reader.h"
#include "base/writer.h"

struct message_kind {
    const char *name;
    bool has_tail;
};

static const struct message_kind kinds[] = {
    [MESSAGE_GREET] = {"greet", false},
    [MESSAGE_KEYS] = {"keys", false},
    [MESSAGE_KEYS_STORED] = {"keys_stored", false},
    [MESSAGE_PROOF] = {"proof", false},
    [MESSAGE_RESUME] = {"resume", false},
    [MESSAGE_SEGMENT] = {"segment", true},
    [MESSAGE_BATCH] = {"batch", true},
    [MESSAGE_ACK] = {"ack", false},
    [MESSAGE_COMMIT] = {"commit", false},
    [MESSAGE_BYE] = {"bye", false},
    [MESSAGE_FENCE] = {"fence", false},
    [MESSAGE_FENCED] = {"fenced", false},
    [MESSAGE_REPAIR_ASK] = {"repair_ask", false},
    [MESSAGE_REPAIR_IS] = {"repair_is", true},
    [MESSAGE_HELLO] = {"hello", false},
    [MESSAGE_WELCOME] = {"welcome", false},
    [MESSAGE_APPEND] = {"append", true},
    [MESSAGE_APPENDED] = {"appended", false},
    [MESSAGE_REFUSED] = {"refused", false},
    [MESSAGE_READ] = {"read", false},
    [MESSAGE_RECORDS] = {"records", true},
    [MESSAGE_CONSUMED] = {"consumed", false},
    [MESSAGE_READ_END] = {"read_end", false},
    [MESSAGE_STATUS] = {"status", false},
    [MESSAGE_STATUS_IS] = {"status_is", false},
    [MESSAGE_VERIFY] = {"verify", false},
    [MESSAGE_VERIFIED_SEGMENT] = {"verified_segment", false},
    [MESSAGE_VERIFIED] = {"verified", false},
    [MESSAGE_PROMOTE] = {"promote", false},
    [MESSAGE_PROMOTED] = {"promoted", false},
    [MESSAGE_ROTATE] = {"rotate", false},
    [MESSAGE_ROTATED] = {"rotated", false},
    [MESSAGE_REWRAP] = {"rewrap", false},
    [MESSAGE_REWRAPPED] = {"rewrapped", false},
};

static const struct message_kind *message_kind_of(unsigned type)
{
    return type < COUNT_OF(kinds) && kinds[type].name != NULL ? &kinds[type] : NULL;
}

const char *message_type_name(unsigned type)
{
    const struct message_kind *kind = message_kind_of(type);

    return kind == NULL ? "unknown" : kind->name;
}

void frame_encode(const struct frame *frame, uint8_t prefix[FRAME_PREFIX_BYTES])
{
    struct writer writer = writer_of(prefix, FRAME_PREFIX_BYTES);

    writer_u16(&writer, frame->type);
    writer_u16(&writer, 0);
    writer_u32(&writer, frame->head_bytes);
    writer_u32(&writer, frame->tail_bytes);
}

enum status frame_decode(struct frame *frame, struct bytes prefix)
{
    struct reader reader = reader_of(prefix);
    uint16_t zero;

    if (prefix.size < FRAME_PREFIX_BYTES) {
        return E_TRUNCATED;
    }
    TRY(reader_u16(&reader, &frame->type));
    TRY(reader_u16(&reader, &zero));
    TRY(reader_u32(&reader, &frame->head_bytes));
    TRY(reader_u32(&reader, &frame->tail_bytes));

    const struct message_kind *kind = message_kind_of(frame->type);

    if (kind == NULL || zero != 0 || (!kind->has_tail && frame->tail_bytes != 0)) {
        return E_PROTOCOL;
    }
    return frame->head_bytes > FRAME_HEAD_BYTES_MAX || frame->tail_bytes > FRAME_TAIL_BYTES_MAX
               ? E_TOO_LARGE
               : OK;
}
