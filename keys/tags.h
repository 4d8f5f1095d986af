/* What labels does a key carry?
 *
 * Up to KEY_TAGS_MAX pairs, no key twice, in the order of their keys; stored as one text of pairs
 * (writer_text). Texts of a list are borrowed from where it was decoded or set from. */
#ifndef SEALIFT_KEYS_TAGS_H
#define SEALIFT_KEYS_TAGS_H

#include "keys/key_table.h"

struct key_tag {
    struct bytes key;
    struct bytes value;
};

struct tags {
    struct key_tag list[KEY_TAGS_MAX];
    size_t count;
};

/* The bytes are ours: anything but what tags_encode wrote is a bug. */
void tags_decode(struct tags *tags, struct bytes bytes);

/* `into` has room for KEY_TAGS_BYTES_MAX. */
struct bytes tags_encode(const struct tags *tags, uint8_t *into);

/* E_FULL: there are KEY_TAGS_MAX others. */
NODISCARD enum status tags_set(struct tags *tags, struct bytes key, struct bytes value);

/* Nothing where it is not there. */
void tags_remove(struct tags *tags, struct bytes key);

/* Letters, digits, blanks, _.:/=+-@ and whatever is not ASCII (AWS: \p{L}\p{Z}\p{N} and these). */
bool tag_text_is_valid(const char *text);

#endif
