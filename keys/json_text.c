/* A scan for brackets outside of texts, then jansson. */
#include "keys/json_text.h"

bool json_text_is_shallow(struct bytes text)
{
    unsigned depth = 0;
    bool in_text = false;

    for (size_t i = 0; i < text.size; i++) {
        const uint8_t c = text.data[i];

        if (in_text) {
            i += c == '\\'; /* whatever is escaped ends no text */
            in_text = c != '"';
        } else if (c == '"') {
            in_text = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_NESTING_MAX) {
                return false;
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

json_t *json_text_object(struct bytes text)
{
    json_t *value = NULL;

    if (json_text_is_shallow(text)) {
        value = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    }
    return json_is_object(value) ? value : NULL;
}
