/* Endpoints and settings, for a person's shell or for a program.
 *
 * Values are quoted for a POSIX shell: a folder's name may hold anything printable. */
#include "cli/up.h"

#include <jansson.h>
#include <stdio.h>

static void print_quoted(const char *text)
{
    putchar('\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", stdout);
        } else {
            putchar(*text);
        }
    }
    putchar('\'');
}

static void print_export(const char *name, const char *value)
{
    printf("export %s=", name);
    print_quoted(value);
    putchar('\n');
}

static const char *ca_path(const struct up *up, char *path)
{
    snprintf(path, CHILD_PATH_MAX, "%s/pki/ca.crt", up->folder.dir);
    return path;
}

static const char *how_name(enum up_how how)
{
    switch (how) {
    case UP_STARTED:
        return "started";
    case UP_STARTED_AGAIN:
        return "had ended by itself, started again";
    case UP_ALREADY_RUNNING:
        return "already running";
    }
    return "";
}

static void print_services(const struct up *up)
{
    char url[REGION_URL_MAX];

    for (unsigned i = 0; i < up->count; i++) {
        const struct up_service *service = &up->services[i];

        printf("# %s: %s, %s, process %d", service->keyd.region, region_url(url, &service->keyd),
               how_name(service->how), (int)service->pid);
        if (service->port_before != 0) {
            printf("; somebody else has port %u by now", service->port_before);
        }
        putchar('\n');
    }
}

static void print_examples(const struct up *up)
{
    char url[REGION_URL_MAX], ca[CHILD_PATH_MAX];

    for (unsigned i = 0; i < up->count; i++) {
        const struct region_keyd *keyd = &up->services[i].keyd;

        printf("# aws --endpoint-url %s --region %s kms list-keys\n", region_url(url, keyd),
               keyd->region);
    }
    printf("# sealift-primary and sealift-replica:");
    for (unsigned i = 0; i < up->count; i++) {
        const struct region_keyd *keyd = &up->services[i].keyd;

        printf(" --key-service %s=%s", keyd->region, region_url(url, keyd));
    }
    printf(" --key-service-ca ");
    print_quoted(ca_path(up, ca));
    putchar('\n');
}

void up_print_lines(const struct up *up)
{
    const struct region_keyd *first = &up->services[0].keyd;
    char url[REGION_URL_MAX], ca[CHILD_PATH_MAX];

    print_services(up);
    print_export("AWS_ACCESS_KEY_ID", up->credentials.access_key_id);
    print_export("AWS_SECRET_ACCESS_KEY", up->credentials.secret_access_key);
    puts("unset AWS_SESSION_TOKEN");
    print_export("AWS_CA_BUNDLE", ca_path(up, ca));
    print_export("AWS_DEFAULT_REGION", first->region);
    print_export("AWS_ENDPOINT_URL_KMS", region_url(url, first));
    print_examples(up);
}

void up_print_json(const struct up *up)
{
    char url[REGION_URL_MAX], ca[CHILD_PATH_MAX];
    json_t *regions = json_object();

    for (unsigned i = 0; i < up->count; i++) {
        const struct region_keyd *keyd = &up->services[i].keyd;

        json_object_set_new(regions, keyd->region,
                            json_pack("{s:s}", "kms", region_url(url, keyd)));
    }

    json_t *object = json_pack("{s:o, s:s, s:s, s:s}", "regions", regions, "ca", ca_path(up, ca),
                               "access_key_id", up->credentials.access_key_id, "secret_access_key",
                               up->credentials.secret_access_key);

    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}
