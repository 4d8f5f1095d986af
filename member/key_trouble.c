/* The newest trouble is kept until the key service of that region answers.
 *
 * How it goes wrong: trouble with two regions at once: the later one is shown, both are traced. */
#include "member/key_trouble.h"

#include "member/member.h"

#include <stdio.h>

bool key_trouble_is_own(enum status why)
{
    return why == E_KEY_NO_SERVICE || why == E_KEY_CREDENTIALS;
}

static void forget(struct member *member, const char *region)
{
    struct key_trouble *trouble = &member->key_trouble;

    if (trouble->why != OK && strcmp(trouble->region, region) == 0) {
        trace_event(&member->settings.trace, "key_service_answers region=%s", region);
        *trouble = (struct key_trouble){.why = OK};
    }
}

void key_trouble_note(struct member *member, const char *region, enum status why, const char *said)
{
    struct key_trouble *trouble = &member->key_trouble;
    const bool is_known = trouble->why == why && strcmp(trouble->region, region) == 0;
    char advice[KEY_ADVICE_MAX];

    if (!key_trouble_is_own(why) && why != E_KEY_UNREACHABLE) {
        forget(member, region);
        return;
    }
    if (is_known) {
        return;
    }
    trouble->why = why;
    snprintf(trouble->region, sizeof trouble->region, "%s", region);
    snprintf(trouble->text, sizeof trouble->text, "key service of %s (%s): %.480s%s%s", region,
             status_name(why), said == NULL ? "" : said, key_trouble_is_own(why) ? ": " : "",
             key_trouble_is_own(why) ? key_trouble_advice(why, region, advice) : "");
    trace_event(&member->settings.trace, "key_service_trouble why=%s region=%s text=\"%s\"",
                status_name(why), region, trouble->text);
}

const char *key_trouble_advice(enum status why, const char *region, char text[KEY_ADVICE_MAX])
{
    if (why == E_KEY_NO_SERVICE) {
        snprintf(text, KEY_ADVICE_MAX, "start again with --key-service %s=https://HOST:PORT",
                 region);
    } else if (why == E_KEY_CREDENTIALS) {
        snprintf(
            text, KEY_ADVICE_MAX,
            "start again with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, that the "
            "key service of %s takes",
            region);
    } else {
        snprintf(text, KEY_ADVICE_MAX, "start again when the key can be used");
    }
    return text;
}
