/* Each region's envelope is offered to every key service: its own opens it, no other does. */
#include "base/check.h"
#include "cli/demo_promises.h"
#include "cluster/keyring.h"
#include "host/key_client.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct try_key {
    struct event_base *base;
    enum status status;
};

static void on_answer(void *context, uint64_t ticket, enum status status,
                      const struct keys_answer *answer)
{
    struct try_key *try = context;

    (void)ticket;
    (void)answer;
    try->status = status;
    event_base_loopbreak(try->base);
}

static bool read_keyring(const struct demo_member *member, struct keyring *keyring)
{
    static uint8_t bytes[KEYRING_BYTES_MAX];
    char path[CHILD_PATH_MAX];

    snprintf(path, sizeof path, "%s/keyring", member->data);
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        return false;
    }
    const size_t size = fread(bytes, 1, sizeof bytes, file);

    fclose(file);
    return keyring_decode(keyring, bytes_of(bytes, size)) == OK && keyring->count > 0;
}

static struct key_client *open_client(const struct demo_world *world, struct try_key *try,
                                      char urls[DEMO_REGIONS][REGION_URL_MAX], char *ca)
{
    struct key_client_settings settings = {.base = try->base,
                                           .ca = demo_path(world, ca, "pki/ca.crt"),
                                           .service_count = DEMO_REGIONS,
                                           .on_answer = on_answer,
                                           .context = try};
    char why[KEY_WHY_MAX];
    struct key_client *client = NULL;

    for (unsigned i = 0; i < DEMO_REGIONS; i++) {
        settings.services[i] =
            (struct key_service){world->regions[i].region, region_url(urls[i], &world->regions[i])};
    }
    if (key_client_open(&client, &settings, why) != OK) {
        fprintf(stderr, "sealift demo: %s\n", why);
    }
    return client;
}

static enum status ask(struct key_client *client, struct try_key *try,
                       const struct keyring *keyring, const char *region)
{
    const struct envelope *envelope = &keyring->envelopes[keyring->count - 1];
    struct keys_request request = {.op = KEYS_UNWRAP,
                                   .context = keyring_context(keyring, &envelope->dek),
                                   .blob = envelope->blob};

    snprintf(request.region, sizeof request.region, "%s", region);
    snprintf(request.key, sizeof request.key, "alias/aws/rds");
    try->status = E_KEY_UNREACHABLE;
    key_client_ask(client, 1, &request);
    event_base_loop(try->base, 0);
    return try->status;
}

/* Nothing of the envelope: it was not judged. */
static bool says_nothing(enum status status)
{
    return status == E_KEY_UNREACHABLE || status == E_KEY_CREDENTIALS || status == E_KEY_NO_SERVICE;
}

static bool try_all(struct demo_show *show, struct key_client *client, struct try_key *try,
                    struct keyring *keyring)
{
    const struct demo_world *world = show->world;

    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        if (!read_keyring(&world->members[i], keyring)) {
            snprintf(show->saw, sizeof show->saw, "%s: no envelope", world->members[i].name);
            return false;
        }
        for (unsigned k = 0; k < DEMO_REGIONS; k++) {
            const enum status status = ask(client, try, keyring, world->regions[k].region);
            const bool own = k == world->members[i].region;

            if ((status == OK) != own || says_nothing(status)) {
                snprintf(show->saw, sizeof show->saw, "%s at %s: %s", world->members[i].name,
                         world->regions[k].region, status_name(status));
                return false;
            }
        }
    }
    snprintf(show->saw, sizeof show->saw, "%d envelopes tried at %d key services", DEMO_MEMBERS,
             DEMO_REGIONS);
    return true;
}

bool promise_own_key_alone_opens(struct demo_show *show)
{
    struct keyring *keyring = malloc(sizeof *keyring);
    struct try_key try = {.base = event_base_new()};
    char urls[DEMO_REGIONS][REGION_URL_MAX], ca[CHILD_PATH_MAX];
    struct key_client *client = open_client(show->world, &try, urls, ca);
    bool holds = false;

    CHECK(keyring != NULL);
    if (client != NULL) {
        holds = try_all(show, client, &try, keyring);
        key_client_close(client);
    }
    event_base_free(try.base);
    free(keyring);
    return holds;
}
