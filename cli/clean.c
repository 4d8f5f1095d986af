/* A descriptor's engine is printable by its format; a keyring's names are a key service's and an
 * operator's, and could carry a terminal's escape sequences or break a JSON text. */
#include "cli/clean.h"

static void clean(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

void clean_keyring(struct keyring *keyring)
{
    clean(keyring->cluster);
    clean(keyring->region);
    clean(keyring->key_arn);
    for (uint32_t i = 0; i < keyring->count; i++) {
        clean(keyring->envelopes[i].region);
        clean(keyring->envelopes[i].key_arn);
    }
}
