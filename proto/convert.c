/* protobuf-c gets memory only from here: each unpacking starts again at the front of the scratch,
 * and freeing does nothing. A message that wants more than there is has asked for too much. */
#include "proto/convert.h"

#include "base/check.h"

enum { SCRATCH_ALIGN = 16 };

void proto_scratch_init(struct proto_scratch *scratch, struct arena *arena)
{
    *scratch = (struct proto_scratch){
        .memory = arena_take(arena, PROTO_SCRATCH_BYTES, SCRATCH_ALIGN),
        .size = PROTO_SCRATCH_BYTES,
    };
}

static void *scratch_alloc(void *context, size_t size)
{
    struct proto_scratch *scratch = context;
    const size_t start = (scratch->used + SCRATCH_ALIGN - 1) & ~(size_t)(SCRATCH_ALIGN - 1);

    if (start > scratch->size || size > scratch->size - start) {
        return NULL;
    }
    scratch->used = start + size;
    return scratch->memory + start;
}

static void scratch_free(void *context, void *pointer)
{
    (void)context;
    (void)pointer;
}

bool convert_is_known(const ProtobufCMessage *message)
{
    return message->n_unknown_fields == 0;
}

const void *convert_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes head,
                           struct proto_scratch *scratch)
{
    static const uint8_t nothing[1];
    ProtobufCAllocator allocator = {scratch_alloc, scratch_free, scratch};

    scratch->used = 0;

    const ProtobufCMessage *message = protobuf_c_message_unpack(
        descriptor, &allocator, head.size, head.size > 0 ? head.data : nothing);

    return message != NULL && convert_is_known(message) ? message : NULL;
}

ProtobufCBinaryData convert_fixed(const void *from, size_t size)
{
    union { /* protobuf-c's type is not const; packing only reads */
        const void *borrowed;
        uint8_t *data;
    } view = {.borrowed = from};

    return (ProtobufCBinaryData){size, view.data};
}

ProtobufCBinaryData convert_bytes(struct bytes bytes)
{
    return convert_fixed(bytes.data, bytes.size);
}

ProtobufCBinaryData convert_text(const char *text)
{
    return convert_fixed(text, strlen(text));
}

enum status convert_to_fixed(void *into, size_t size, ProtobufCBinaryData from)
{
    if (from.len != size) {
        return E_MALFORMED;
    }
    memcpy(into, from.data, size);
    return OK;
}

enum status convert_to_text(char *into, size_t room, ProtobufCBinaryData from)
{
    if (from.len >= room || (from.len > 0 && memchr(from.data, 0, from.len) != NULL)) {
        return E_MALFORMED;
    }
    if (from.len > 0) {
        memcpy(into, from.data, from.len);
    }
    into[from.len] = '\0';
    return OK;
}

enum status convert_to_name(char *into, size_t room, ProtobufCBinaryData from)
{
    return from.len == 0 ? E_MALFORMED : convert_to_text(into, room, from);
}

struct bytes convert_pack(const ProtobufCMessage *message, void *into)
{
    return bytes_of(into, protobuf_c_message_pack(message, into));
}

uint32_t convert_level_kind(struct level level)
{
    CHECK(level_is_valid(level));
    return (uint32_t)level.kind + 1;
}

enum status convert_to_level(struct level *level, uint64_t kind, uint64_t count)
{
    if (kind == 0 || kind > LEVEL_KINDS || count > LEVEL_COUNT_MAX) {
        return E_MALFORMED;
    }
    *level = (struct level){(enum level_kind)(kind - 1), (unsigned)count};
    return level_is_valid(*level) ? OK : E_MALFORMED;
}
