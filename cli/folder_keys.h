/* Asks a region's key service for the DEKs of a data folder, one envelope after the other. */
#ifndef SEALIFT_CLI_FOLDER_KEYS_H
#define SEALIFT_CLI_FOLDER_KEYS_H

#include "cli/audit.h"
#include "cluster/keyring.h"
#include "host/key_client.h"

struct folder_keys_order {
    struct key_service services[KEY_SERVICES_MAX];
    unsigned service_count;
    const char *ca;
    struct key_credentials *keep; /* NULL, or where they wait for who asks next */
};

struct folder_keys {
    uint32_t count;
    struct audit_dek deks[KEYRING_ENVELOPES_MAX];
    char why[KEY_WHY_MAX]; /* the key service's own sentence, or ours */
};

/* "REGION=URL", which is cut in two. False: it has another form, or there are too many. */
bool folder_keys_add_service(struct folder_keys_order *order, char *argument);

/* The first refusal ends it: what the key service said, E_KEY_MISMATCH for another DEK than the
 * envelope's, E_USAGE for settings. folder_keys_wipe afterwards, whatever it says. */
NODISCARD enum status folder_keys_ask(struct folder_keys *keys,
                                      const struct folder_keys_order *order,
                                      const struct keyring *keyring);
void folder_keys_wipe(struct folder_keys *keys);

#endif
