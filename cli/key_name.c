/* The region is that of the ARN, or stands before the name. */
#include "cli/key_name.h"

#include "keys/arn.h"

#include <stdio.h>

/* What the key is called at the service of its region; NULL: no name of either form. */
static const char *split(const char *name, char region[REGION_TEXT_MAX])
{
    const char *equals = strchr(name, '=');
    struct arn arn;

    if (strlen(name) >= KEY_ARN_TEXT_MAX) {
        return NULL;
    }
    if (arn_parse(&arn, name) == OK) {
        snprintf(region, REGION_TEXT_MAX, "%s", arn.region);
        return name;
    }
    if (equals == NULL || equals - name >= REGION_TEXT_MAX || equals == name) {
        return NULL;
    }
    snprintf(region, REGION_TEXT_MAX, "%.*s", (int)(equals - name), name);
    return equals + 1;
}

static bool is_key_arn(const char *name)
{
    struct arn arn;

    return arn_parse(&arn, name) == OK && strncmp(arn.resource, "key/", 4) == 0;
}

static bool has_service(const struct folder_keys_order *services, const char *region)
{
    for (unsigned i = 0; i < services->service_count; i++) {
        if (strcmp(services->services[i].region, region) == 0) {
            return true;
        }
    }
    return false;
}

static enum status ask(const struct folder_keys_order *services, const char *region,
                       const char *name, struct key_description *description)
{
    struct key_calls *calls;

    TRY(key_calls_open(&calls, services, description->why));
    key_calls_describe(calls, region, name, description);
    key_calls_close(calls);
    return description->status;
}

enum status key_name_resolve(const char *name, const struct folder_keys_order *services,
                             struct key_description *description)
{
    char region[REGION_TEXT_MAX];
    const char *there = split(name, region);

    *description = (struct key_description){0};
    if (there == NULL) {
        snprintf(description->why, sizeof description->why,
                 "give the ARN of a key or alias, or REGION=alias/NAME, or REGION=KEY-ID");
        return E_USAGE;
    }
    if (has_service(services, region)) {
        return ask(services, region, there, description);
    }
    if (!is_key_arn(there)) {
        snprintf(description->why, sizeof description->why,
                 "which key that is only the key service of its region can say: give "
                 "--key-service %s=https://HOST:PORT, or the key's ARN",
                 region);
        return E_USAGE;
    }
    snprintf(description->arn, sizeof description->arn, "%s", there);
    return OK;
}
