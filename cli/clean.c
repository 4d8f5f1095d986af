/* A descriptor's engine is printable by its format; a keyring's names are a key service's and an
 * operator's, and could carry a terminal's escape sequences or break a JSON text. */
#include "cli/clean.h"

void clean_text(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

void clean_keyring(struct keyring *keyring)
{
    clean_text(keyring->cluster);
    clean_text(keyring->region);
    clean_text(keyring->key_arn);
    for (uint32_t i = 0; i < keyring->count; i++) {
        clean_text(keyring->envelopes[i].region);
        clean_text(keyring->envelopes[i].key_arn);
    }
}
