/* `sealift verify`: is a data folder whole, and does its region's key open it?
 *
 *   sealift verify DIR --no-key
 *   sealift verify DIR --key-service eu-west-1=https://HOST:PORT --key-service-ca ca.crt
 *   sealift verify DIR --no-key --against DIR2
 *
 * Exit 1 names the first damage: its status, the file and the offset. Two folders of one WAL agree
 * where the valid bytes that both have are the same; one may be behind the other. */
#include "base/check.h"
#include "base/hex.h"
#include "cli/compare.h"
#include "cli/folder.h"
#include "cli/folder_keys.h"
#include "cli/verbs.h"
#include "cli/verify_form.h"
#include "host/clock.h"
#include "host/lockdown.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    OPTION_NO_KEY = 0x200,
    OPTION_JSON,
    OPTION_SERVICE,
    OPTION_CA,
    OPTION_AGAINST,
    PROGRESS_SECONDS = 5,
};

struct verify_order {
    const char *path, *against;
    struct folder_keys_order keys;
    bool no_key, json;
};

struct progress {
    struct instant said;
    bool terminal, shown;
};

static const struct argp_option options[] = {
    {"no-key", OPTION_NO_KEY, 0, 0, "checksums, chain and places only: no seal is opened", 1},
    {"key-service", OPTION_SERVICE, "REGION=URL", 0, "the folder's region's key service", 1},
    {"key-service-ca", OPTION_CA, "FILE", 0, "CA of the key service (default: the system's)", 1},
    {"against", OPTION_AGAINST, "DIR", 0, "compare the valid bytes with those of this folder", 2},
    {"json", OPTION_JSON, 0, 0, "one object", 3},
    {0}};

static void add_service(struct verify_order *order, char *argument, struct argp_state *state)
{
    char *url = strchr(argument, '=');

    if (url == NULL || order->keys.service_count == KEY_SERVICES_MAX) {
        argp_error(state, "--key-service %s: must be REGION=https://HOST:PORT", argument);
        return;
    }
    *url++ = '\0';
    order->keys.services[order->keys.service_count++] =
        (struct key_service){.region = argument, .url = url};
}

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct verify_order *order = state->input;

    switch (option) {
    case OPTION_NO_KEY:
        order->no_key = true;
        return 0;
    case OPTION_JSON:
        order->json = true;
        return 0;
    case OPTION_SERVICE:
        add_service(order, argument, state);
        return 0;
    case OPTION_CA:
        order->keys.ca = argument;
        return 0;
    case OPTION_AGAINST:
        order->against = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (order->path != NULL) {
            argp_error(state, "one folder at a time");
        }
        order->path = argument;
        return 0;
    case ARGP_KEY_END:
        if (order->path == NULL) {
            argp_error(state, "which data folder?");
        }
        return 0;
    default: /* foreign: argp's keys */
        return ARGP_ERR_UNKNOWN;
    }
}

static void on_progress(void *context, uint64_t bytes)
{
    struct progress *progress = context;
    const struct instant now = clock_now();
    const struct span gap = progress->terminal ? SPAN_MS(200) : SPAN_S(PROGRESS_SECONDS);

    if (!instant_reached(instant_add(progress->said, gap), now)) {
        return;
    }
    progress->said = now;
    progress->shown = true;
    fprintf(stderr, progress->terminal ? "\r%" PRIu64 " MB" : "%" PRIu64 " MB are good so far\n",
            bytes / 1000000);
}

static int refuse(const char *path, enum status status, const char *why)
{
    fprintf(stderr, "sealift verify: %s: %s: %s\n", path, status_name(status), why);
    return EXIT_REFUSED;
}

/* The DEKs, where there are any and they are wanted. */
static int unwrap(const struct verify_order *order, struct verify_report *report,
                  struct folder_keys *keys)
{
    struct descriptor descriptor;
    char why[LOCKDOWN_WHY_MAX];
    bool locked;

    if (descriptor_decode(&descriptor, report->folder->seen.descriptor) != OK
        || keyring_decode(report->keyring, report->folder->seen.keyring) != OK) {
        return EXIT_DONE; /* the audit says it better */
    }
    report->has_keyring = true;
    if (order->no_key || descriptor.suite == SUITE_NONE) {
        return EXIT_DONE;
    }
    if (order->keys.service_count == 0) {
        fprintf(stderr,
                "sealift verify: %s is encrypted: name its key service (--key-service "
                "%s=https://HOST:PORT), or say --no-key\n",
                order->path, report->keyring->region);
        return EXIT_USAGE;
    }
    enum status status = lockdown_process((struct trace){0}, &locked, why);

    if (status != OK) {
        return refuse(order->path, status, why);
    }
    status = folder_keys_ask(keys, &order->keys, report->keyring);
    report->keys_opened = status == OK;
    return status == OK ? EXIT_DONE : refuse(order->path, status, keys->why);
}

static void audit_folder(struct audit *audit, const struct folder *folder, bool keyless,
                         const struct folder_keys *keys)
{
    struct progress progress = {.said = clock_now(), .terminal = isatty(STDERR_FILENO)};

    *audit = (struct audit){.folder = &folder->seen,
                            .deks = keys->deks,
                            .dek_count = keys->count,
                            .keyless = keyless,
                            .on_progress = on_progress,
                            .context = &progress};
    if (audit_run(audit) != OK) {
        CHECK(audit->damage.why != OK);
    }
    if (progress.shown && progress.terminal) {
        fprintf(stderr, "\r%20s\r", "");
    }
}

/* The other folder, and then the bytes of both. */
static int compare(const struct verify_order *order, struct verify_report *report)
{
    static const struct folder_keys none;
    struct folder other;
    struct audit audit = {0};
    enum status status = folder_open(&other, order->against);

    if (status != OK) {
        folder_close(&other);
        return refuse(order->against, status, status_text(status));
    }
    audit_folder(&audit, &other, true, &none);
    report->compared = true;
    if (audit.damage.why != OK) {
        status = audit.damage.why;
        verify_say_damage(order->against, &audit.damage);
    } else {
        status = compare_audits(&report->comparison, report->audit, &audit);
        if (status != OK) {
            verify_say_difference(order->path, order->against, status, &report->comparison);
        }
    }
    audit_drop(&audit);
    folder_close(&other);
    return status == OK ? EXIT_DONE : EXIT_REFUSED;
}

static int verify(const struct verify_order *order, struct verify_report *report,
                  struct folder_keys *keys)
{
    const struct instant begin = clock_now();
    int code = unwrap(order, report, keys);

    if (code != EXIT_DONE) {
        return code;
    }
    audit_folder(report->audit, report->folder, order->no_key, keys);
    report->seconds = (double)(clock_now().ns - begin.ns) / 1e9;
    if (report->audit->damage.why != OK) {
        verify_say_damage(order->path, &report->audit->damage);
        code = EXIT_REFUSED;
    } else if (order->against != NULL) {
        code = compare(order, report);
    }
    (order->json ? verify_print_json : verify_print_text)(report, code == EXIT_DONE);
    return code;
}

int verb_verify(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "DIR",
        .doc = "Reads a data folder: every header, checksum, chain, and with its region's key "
               "every seal.\vThe folder may be in use. Credentials of the key service are taken "
               "from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. Putting back "
               "an older copy of all files of a folder cannot be seen in it: compare it with "
               "another member's (--against)."};
    static struct keyring keyring;
    static struct folder_keys keys;
    static struct audit audit;
    struct verify_order order = {0};
    struct folder folder;
    struct verify_report report = {.folder = &folder, .keyring = &keyring, .audit = &audit};

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    const enum status status = folder_open(&folder, order.path);
    const int code = status == OK ? verify(&order, &report, &keys)
                                  : refuse(order.path, status,
                                           status == E_MISSING ? "no data folder of a member"
                                                               : status_text(status));

    if (audit.rows != NULL) {
        audit_drop(&audit);
    }
    folder_keys_wipe(&keys);
    folder_close(&folder);
    return code;
}
