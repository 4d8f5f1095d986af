/* The upstream goes on under another data key soon: its envelope comes while batches stream. The
 * own key service opens it, the check value is compared, the keyring is saved, and then the
 * upstream hears KEYS_STORED, and no sooner: it sends no header under that key before. Batches are
 * taken in all the while.
 *
 * How it goes wrong: the key service is away: it is asked again, with growing gaps, as long as the
 * link lasts. It refuses, or opens it to another key: that ends the link, with the sentence, as it
 * would at a greeting. */
#include "replica/receiver_new_key.h"

#include "base/check.h"
#include "proto/message.h"

void receiver_on_new_key(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    struct member *member = &replica->member;
    struct keys_message message;
    enum status status =
        keys_message_decode(&message, event->message.message.head, &member->scratch);

    if (status == OK && (receiver->new_key != NEW_KEY_NONE || message.count != 1)) {
        status = E_PROTOCOL;
    }
    if (status == OK) {
        receiver->wanted[0] = message.envelopes[0].dek;
        receiver->wanted_count = 1;
        status = deks_find(&member->deks, &receiver->wanted[0]) != NULL
                     ? OK /* another upstream gave it */
                     : receiver_take_envelope(replica, &message.envelopes[0]);
    }
    if (status != OK) {
        receiver_refuse(replica, event->now, fx, status, "The envelope is refused: %s.",
                        status_text(status));
        return;
    }
    receiver->new_key = NEW_KEY_UNWRAPPING;
    unwrap_begin(member, event->now, INSTANT_NEVER, fx);
}

void receiver_new_key_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    struct member *member = &replica->member;

    if (receiver->new_key == NEW_KEY_UNWRAPPING && member->unwrap.state == UNWRAP_FAILED) {
        receiver_refuse(replica, now, fx, member->unwrap.why, "%s.", member->unwrap.text);
        return;
    }
    if (receiver->new_key == NEW_KEY_UNWRAPPING && member->unwrap.state == UNWRAP_DONE) {
        unwrap_forget(member);
        saves_keyring(member, fx);
        receiver->new_key_token = member->saves.keyring.wanted;
        receiver->new_key = NEW_KEY_STORING;
    }
    if (receiver->new_key == NEW_KEY_STORING
        && member->saves.keyring.durable >= receiver->new_key_token) {
        receiver_send_stored(replica, fx);
        receiver->new_key = NEW_KEY_NONE;
        receiver->wanted_count = 0;
    }
}

void receiver_new_key_forget(struct replica *replica)
{
    if (replica->receiver.new_key == NEW_KEY_UNWRAPPING) {
        unwrap_forget(&replica->member);
    }
    replica->receiver.new_key = NEW_KEY_NONE;
}
