/* BYE: why a member hangs up, so that the other side's operator reads it too. A number that this
 * version does not know as a status reads as E_PROTOCOL; the text says the rest. */
#include "proto/convert.h"
#include "proto/ship.h"
#include "proto/ship.pb-c.h"

static Pb__Bye bye_prepare(const struct bye *bye)
{
    Pb__Bye message = PB__BYE__INIT;

    message.why = (uint32_t)bye->why;
    message.text = convert_text(bye->text);
    return message;
}

size_t bye_bytes(const struct bye *bye)
{
    const Pb__Bye message = bye_prepare(bye);

    return protobuf_c_message_get_packed_size(&message.base);
}

struct bytes bye_encode(const struct bye *bye, void *into)
{
    const Pb__Bye message = bye_prepare(bye);

    return convert_pack(&message.base, into);
}

enum status bye_decode(struct bye *bye, struct bytes head, struct proto_scratch *scratch)
{
    const Pb__Bye *const message = convert_unpack(&pb__bye__descriptor, head, scratch);

    if (message == NULL) {
        return E_MALFORMED;
    }
    bye->why = status_of_number(message->why);
    return convert_to_text(bye->text, sizeof bye->text, message->text);
}
