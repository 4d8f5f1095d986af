/* One call at a time through the members' own key client, in a loop of its own.
 *
 * A DEK counts only if it derives the check value of its envelope: so a swapped envelope is found
 * before any seal is tried. */
#include "cli/folder_keys.h"

#include "base/check.h"
#include "member/deks.h"
#include "transport/loop.h"

#include <stdio.h>
#include <stdlib.h>

struct asking {
    struct folder_keys *keys;
    const struct keyring *keyring;
    struct key_client *client;
    struct event_base *base;
    enum status status;
};

bool folder_keys_add_service(struct folder_keys_order *order, char *argument)
{
    char *url = strchr(argument, '=');

    if (url == NULL || order->service_count == KEY_SERVICES_MAX) {
        return false;
    }
    *url++ = '\0';
    order->services[order->service_count++] = (struct key_service){.region = argument, .url = url};
    return true;
}

static void ask_next(struct asking *asking)
{
    const struct envelope *envelope = &asking->keyring->envelopes[asking->keys->count];
    struct keys_request request = {.op = KEYS_UNWRAP,
                                   .context = keyring_context(asking->keyring, &envelope->dek),
                                   .blob = envelope->blob};

    memcpy(request.region, asking->keyring->region, sizeof request.region);
    memcpy(request.key, envelope->key_arn, sizeof request.key);
    key_client_ask(asking->client, asking->keys->count, &request);
}

static enum status keep(struct asking *asking, const struct keys_answer *answer)
{
    const struct envelope *envelope = &asking->keyring->envelopes[asking->keys->count];
    struct audit_dek *dek = &asking->keys->deks[asking->keys->count];

    TRY(secret_from(&dek->secret, answer->plain));
    const struct digest check = dek_check(&dek->secret, &envelope->lineage, &envelope->dek);

    if (!secret_bytes_equal(bytes_of(check.bytes, sizeof check.bytes),
                            bytes_of(envelope->check.bytes, sizeof envelope->check.bytes))) {
        return E_KEY_MISMATCH;
    }
    dek->id = envelope->dek;
    return OK;
}

static void on_answer(void *context, uint64_t ticket, enum status status,
                      const struct keys_answer *answer)
{
    struct asking *asking = context;

    (void)ticket;
    asking->status = status == OK ? keep(asking, answer) : status;
    if (asking->status != OK) {
        snprintf(asking->keys->why, sizeof asking->keys->why, "%s",
                 status == OK ? status_text(asking->status) : answer->why);
        event_base_loopbreak(asking->base);
        return;
    }
    asking->keys->count++;
    if (asking->keys->count < asking->keyring->count) {
        ask_next(asking);
    } else {
        event_base_loopbreak(asking->base);
    }
}

enum status folder_keys_ask(struct folder_keys *keys, const struct folder_keys_order *order,
                            const struct keyring *keyring)
{
    struct asking asking = {.keys = keys, .keyring = keyring, .base = event_base_new()};
    struct key_client_settings settings = {.base = asking.base,
                                           .ca = order->ca,
                                           .service_count = order->service_count,
                                           .keep = order->keep,
                                           .on_answer = on_answer,
                                           .context = &asking};

    CHECK(asking.base != NULL);
    memcpy(settings.services, order->services, sizeof settings.services);
    *keys = (struct folder_keys){0};
    asking.status = key_client_open(&asking.client, &settings, keys->why);
    if (asking.status == OK && keyring->count > 0) {
        asking.status = E_KEY_UNREACHABLE; /* until somebody has answered */
        ask_next(&asking);
        event_base_dispatch(asking.base);
    }
    if (asking.client != NULL) {
        key_client_close(asking.client);
    }
    event_base_free(asking.base);
    return asking.status;
}

void folder_keys_wipe(struct folder_keys *keys)
{
    secret_wipe_memory(keys->deks, sizeof keys->deks);
    keys->count = 0;
}
