/* `sealift verify`: is a copy whole, and does its region's key open it?
 *
 *   sealift verify DIR --no-key
 *   sealift verify DIR --key-service eu-west-1=https://HOST:PORT --key-service-ca ca.crt
 *   sealift verify HOST:PORT                a running member verifies its own copy and tells
 *   sealift verify HOST:PORT --against HOST:PORT|DIR
 *
 * Exit 1 names the first damage: its status, the segment and the offset. Two copies of one WAL
 * agree where the valid bytes that both have are the same; one may be behind the other. */
#include "base/check.h"
#include "cli/clean.h"
#include "cli/verbs.h"
#include "cli/verify_form.h"
#include "host/lockdown.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    OPTION_NO_KEY = 0x200,
    OPTION_JSON,
    OPTION_SERVICE,
    OPTION_CA,
    OPTION_AGAINST,
    OPTION_RATE,
    OPTION_REPLICA,
};

struct verify_order {
    const char *path, *against;
    struct connect connect;
    struct folder_keys_order keys;
    uint64_t rate;
    bool no_key, json, replica;
};

static const struct argp_option options[] = {
    {"no-key", OPTION_NO_KEY, 0, 0, "checksums, chain and places only: no seal is opened", 1},
    {"key-service", OPTION_SERVICE, "REGION=URL", 0, "the folder's region's key service", 1},
    {"key-service-ca", OPTION_CA, "FILE", 0, "CA of the key service (default: the system's)", 1},
    {"against", OPTION_AGAINST, "COPY", 0, "compare with this folder or running member", 2},
    {"rate", OPTION_RATE, "MB", 0, "a member may read so many MB a second for this", 2},
    {"replica", OPTION_REPLICA, 0, 0,
     "DIR is a replica's: what its batches say had been durable was so on another disk", 2},
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

static void set_rate(struct verify_order *order, const char *argument, struct argp_state *state)
{
    char *end;
    const unsigned long mb = strtoul(argument, &end, 10);

    if (*argument < '0' || *argument > '9' || *end != '\0' || mb == 0 || mb > 1000000) {
        argp_error(state, "--rate %s: give a number of MB a second, 1 or more", argument);
    }
    order->rate = (uint64_t)mb * 1000000;
}

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct verify_order *order = state->input;

    switch (option) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &order->connect;
        return 0;
    case OPTION_RATE:
        set_rate(order, argument, state);
        return 0;
    case OPTION_NO_KEY:
        order->no_key = true;
        return 0;
    case OPTION_REPLICA:
        order->replica = true;
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
            argp_error(state, "one copy at a time");
        }
        order->path = argument;
        return 0;
    case ARGP_KEY_END:
        if (order->path == NULL) {
            argp_error(state, "which data folder or member?");
        }
        return 0;
    default: /* foreign: argp's keys */
        return ARGP_ERR_UNKNOWN;
    }
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
    const struct audit_folder *seen = &report->copy->folder.seen;
    struct descriptor descriptor;
    char why[LOCKDOWN_WHY_MAX];
    bool locked;

    if (report->copy->is_member || descriptor_decode(&descriptor, seen->descriptor) != OK
        || keyring_decode(report->keyring, seen->keyring) != OK) {
        return EXIT_DONE; /* it has them itself; or the audit says it better */
    }
    clean_keyring(report->keyring);
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

static int open_copy(struct copy *copy, const struct verify_order *order, const char *name,
                     bool keyless)
{
    *copy = (struct copy){.name = name,
                          .is_member = copy_is_address(name),
                          .connect = &order->connect,
                          .keyless = keyless,
                          .rate = order->rate};
    if (copy->is_member) {
        return EXIT_DONE;
    }
    const enum status status = folder_open(&copy->folder, name);

    if (status == OK) {
        return EXIT_DONE;
    }
    return refuse(name, status,
                  status == E_MISSING ? "no data folder of a member, and no HOST:PORT of one"
                                      : status_text(status));
}

/* A verdict, or EXIT_REFUSED: `why` was said. */
static int judge(struct copy *copy, const struct folder_keys *keys)
{
    if (copy_verify(copy, keys) != OK) {
        fprintf(stderr, "sealift verify: %s: %s\n", copy->name, copy->why);
        return EXIT_REFUSED;
    }
    if (copy->audit->damage.why != OK) {
        verify_say_damage(copy);
    }
    return EXIT_DONE;
}

static int compare_both(struct verify_report *report, struct copy *other)
{
    struct copy *own = report->copy;
    const enum status status = copy_compare(&report->comparison, own, other);

    report->compared = true;
    if (own->why[0] != '\0' || other->why[0] != '\0') {
        const struct copy *silent = own->why[0] != '\0' ? own : other;

        fprintf(stderr, "sealift verify: %s: %s\n", silent->name, silent->why);
        return EXIT_REFUSED;
    }
    if (status != OK) {
        verify_say_difference(own, other, status, &report->comparison);
    }
    return status == OK ? EXIT_DONE : EXIT_REFUSED;
}

/* The other copy, and then the bytes of both. */
static int compare(const struct verify_order *order, struct verify_report *report)
{
    static const struct folder_keys none;
    static struct copy other;
    /* A folder's keys are not at hand; a member has its own. */
    const bool keyless = order->no_key || !copy_is_address(order->against);
    int code = open_copy(&other, order, order->against, keyless);

    if (code == EXIT_DONE) {
        code = judge(&other, &none);
    }
    if (code == EXIT_DONE) {
        code = other.audit->damage.why == OK ? compare_both(report, &other) : EXIT_REFUSED;
    }
    copy_drop(&other);
    return code;
}

static int verify(const struct verify_order *order, struct verify_report *report,
                  struct folder_keys *keys)
{
    struct copy *copy = report->copy;
    int code = unwrap(order, report, keys);

    if (code == EXIT_DONE) {
        code = judge(copy, keys);
    }
    if (code != EXIT_DONE) {
        return code;
    }
    if (copy->audit->damage.why != OK) {
        code = EXIT_REFUSED;
    } else if (order->against != NULL) {
        code = compare(order, report);
    }
    (order->json ? verify_print_json : verify_print_text)(report, code == EXIT_DONE);
    return code;
}

int verb_verify(int argc, char **argv)
{
    static const struct argp_child children[] = {{&connect_argp, 0, "Members:", 10}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "DIR|HOST:PORT",
        .doc = "Verifies one copy of a WAL: every header, checksum, chain, and with its region's "
               "key every seal.\vA data folder is read here, and may be in use; credentials of "
               "its key service are taken from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
               "AWS_SESSION_TOKEN, or from the profile AWS_PROFILE of the shared credentials "
               "file. A running member reads its own copy, past the page cache and "
               "with the keys it holds, and goes on serving: only digests cross the link. Putting "
               "back an older copy of all files of a folder cannot be seen in it: compare it with "
               "another member's (--against).",
        .children = children};
    static struct keyring keyring;
    static struct folder_keys keys;
    static struct copy copy;
    struct verify_order order = {0};
    struct verify_report report = {.copy = &copy, .keyring = &keyring};

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    connect_complete(&order.connect);
    int code = open_copy(&copy, &order, order.path, order.no_key);

    copy.of_replica = order.replica;
    if (code == EXIT_DONE) {
        code = verify(&order, &report, &keys);
    }
    folder_keys_wipe(&keys);
    copy_drop(&copy);
    return code;
}
