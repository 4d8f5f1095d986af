/* `sealift verify`: is a copy whole, and does its region's key open it?
 *
 *   sealift verify DIR --no-key
 *   sealift verify DIR --key-service eu-west-1=https://HOST:PORT --key-service-ca ca.crt
 *   sealift verify HOST:PORT                a running member verifies its own copy and tells
 *   sealift verify HOST:PORT --against HOST:PORT|DIR
 *   sealift verify --keys DIR --other-key ARN... --out FILE
 *   sealift verify --proof FILE --ca ca.crt
 *
 * Exit 1 names the first damage: its status, the segment and the offset. Two copies of one WAL
 * agree where the valid bytes that both have are the same; one may be behind the other. */
#include "base/check.h"
#include "cli/clean.h"
#include "cli/verbs.h"
#include "cli/verify_keys.h"
#include "host/lockdown.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

/* The signer is looked at first: verifying may take hours. */
static int prove(const struct verify_order *order, struct verify_report *report,
                 struct folder_keys *keys)
{
    struct key_proof_signer signer;
    int code = unwrap(order, report, keys);

    if (code != EXIT_DONE) {
        return code;
    }
    if (!report->keys_opened) {
        refuse(order->path, E_USAGE,
               report->copy->is_member
                   ? "--keys needs the member's data folder, which may be in use"
                   : "it is not encrypted, or has no keyring: no key opens it");
        return EXIT_USAGE;
    }
    code = verify_keys_begin(&signer, order, report->keyring);
    if (code == EXIT_DONE) {
        code = judge(report->copy, keys);
    }
    if (code == EXIT_DONE) {
        code = report->copy->audit->damage.why == OK
                   ? verify_keys_prove(&signer, order, report, keys)
                   : EXIT_REFUSED;
    }
    key_proof_signer_free(&signer);
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
    static struct keyring keyring;
    static struct folder_keys keys;
    static struct key_credentials credentials; /* a proof asks a second time */
    static struct copy copy;
    struct verify_order order = {.keys.keep = &credentials};
    struct verify_report report = {.copy = &copy, .keyring = &keyring};

    verify_order_parse(&order, argc, argv);
    if (order.proof != NULL) {
        return verify_proof(&order);
    }
    int code = open_copy(&copy, &order, order.path, order.no_key);

    copy.of_replica = order.replica;
    if (code == EXIT_DONE) {
        code = (order.prove ? prove : verify)(&order, &report, &keys);
    }
    secret_wipe_memory(&credentials, sizeof credentials);
    folder_keys_wipe(&keys);
    copy_drop(&copy);
    return code;
}
