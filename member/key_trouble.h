/* A key service refuses this member itself, or cannot be asked: what does a person see and do?
 *
 * That a KMS key is disabled, denied or gone is its own matter, and said where it strikes. These
 * are about the member that asks: no --key-service for a region (E_KEY_NO_SERVICE), credentials
 * that are refused (E_KEY_CREDENTIALS), no answer (E_KEY_UNREACHABLE). None of them says anything
 * of a key, so none of them makes one look lost. The first two do not heal by themselves: whoever
 * starts or joins ends with a sentence; whoever serves goes on, says it once, and shows it. */
#ifndef SEALIFT_MEMBER_KEY_TROUBLE_H
#define SEALIFT_MEMBER_KEY_TROUBLE_H

#include "base/ids.h"
#include "base/status.h"

struct member;

enum { KEY_TROUBLE_TEXT_MAX = 800, KEY_ADVICE_MAX = 200 };

struct key_trouble { /* the newest */
    enum status why; /* OK: none */
    char region[REGION_TEXT_MAX];
    char text[KEY_TROUBLE_TEXT_MAX];
};

/* E_KEY_NO_SERVICE, E_KEY_CREDENTIALS: the asking member's own settings are wrong. */
bool key_trouble_is_own(enum status why);

/* What the key service of that region has just answered; `said` is its own sentence. */
void key_trouble_note(struct member *member, const char *region, enum status why, const char *said);

/* What to do, as the end of a sentence: "start again when the key can be used". Returns `text`. */
const char *key_trouble_advice(enum status why, const char *region, char text[KEY_ADVICE_MAX]);

#endif
