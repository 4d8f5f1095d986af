/* HELLO, WELCOME and REFUSED: a client says which WAL it wants, a member says what it is, and
 * either may be told why not. */
#include "proto/control.h"
#include "proto/control.pb-c.h"
#include "proto/convert.h"
#include "proto/ship.h"

static Pb__Hello hello_prepare(const struct hello *hello)
{
    Pb__Hello message = PB__HELLO__INIT;

    message.version = hello->version;
    message.lineage = convert_fixed(hello->lineage.bytes, sizeof hello->lineage.bytes);
    return message;
}

size_t hello_bytes(const struct hello *hello)
{
    const Pb__Hello message = hello_prepare(hello);

    return protobuf_c_message_get_packed_size(&message.base);
}

struct bytes hello_encode(const struct hello *hello, void *into)
{
    const Pb__Hello message = hello_prepare(hello);

    return convert_pack(&message.base, into);
}

enum status hello_decode(struct hello *hello, struct bytes head, struct proto_scratch *scratch)
{
    const Pb__Hello *const message = convert_unpack(&pb__hello__descriptor, head, scratch);

    if (message == NULL) {
        return E_MALFORMED;
    }
    hello->version = message->version;
    return convert_to_fixed(hello->lineage.bytes, sizeof hello->lineage.bytes, message->lineage);
}

static Pb__Welcome welcome_prepare(const struct welcome *welcome)
{
    Pb__Welcome message = PB__WELCOME__INIT;

    message.version = welcome->version;
    message.lineage = convert_fixed(welcome->lineage.bytes, sizeof welcome->lineage.bytes);
    message.suite = welcome->suite;
    message.role = welcome->role;
    message.region = convert_text(welcome->region);
    message.member = convert_text(welcome->member);
    message.epoch = welcome->epoch;
    message.first_lsn = welcome->first_lsn;
    message.visible_lsn = welcome->visible_lsn;
    return message;
}

size_t welcome_bytes(const struct welcome *welcome)
{
    const Pb__Welcome message = welcome_prepare(welcome);

    return protobuf_c_message_get_packed_size(&message.base);
}

struct bytes welcome_encode(const struct welcome *welcome, void *into)
{
    const Pb__Welcome message = welcome_prepare(welcome);

    return convert_pack(&message.base, into);
}

enum status welcome_decode(struct welcome *welcome, struct bytes head,
                           struct proto_scratch *scratch)
{
    const Pb__Welcome *const message = convert_unpack(&pb__welcome__descriptor, head, scratch);

    if (message == NULL || message->suite > SUITE_NUMBER_MAX || message->role > ROLE_NUMBER_MAX) {
        return E_MALFORMED;
    }
    welcome->version = message->version;
    welcome->suite = message->suite;
    welcome->role = message->role;
    welcome->epoch = message->epoch;
    welcome->first_lsn = message->first_lsn;
    welcome->visible_lsn = message->visible_lsn;
    TRY(convert_to_fixed(welcome->lineage.bytes, sizeof welcome->lineage.bytes, message->lineage));
    TRY(convert_to_text(welcome->region, sizeof welcome->region, message->region));
    return convert_to_text(welcome->member, sizeof welcome->member, message->member);
}

static Pb__Refused refused_prepare(const struct refused *refused)
{
    Pb__Refused message = PB__REFUSED__INIT;

    message.request = refused->request;
    message.why = (uint32_t)refused->why;
    message.text = convert_text(refused->text);
    return message;
}

size_t refused_bytes(const struct refused *refused)
{
    const Pb__Refused message = refused_prepare(refused);

    return protobuf_c_message_get_packed_size(&message.base);
}

struct bytes refused_encode(const struct refused *refused, void *into)
{
    const Pb__Refused message = refused_prepare(refused);

    return convert_pack(&message.base, into);
}

enum status refused_decode(struct refused *refused, struct bytes head,
                           struct proto_scratch *scratch)
{
    const Pb__Refused *const message = convert_unpack(&pb__refused__descriptor, head, scratch);

    if (message == NULL) {
        return E_MALFORMED;
    }
    refused->request = message->request;
    refused->why = status_of_number(message->why);
    return convert_to_text(refused->text, sizeof refused->text, message->text);
}
