/* `sealift pki`: a private CA and member certificates, in one folder.
 *
 *   sealift pki init --dir pki --deployment prod
 *   sealift pki issue --dir pki --new-lineage --region us-east-1 --role primary --name p1
 *   sealift pki issue --dir pki --lineage-of p1 --region eu-west-1 --role replica --name r1
 *   sealift pki rotate --dir pki --name r1
 *   sealift pki revoke --dir pki --name r1
 *
 * No key is overwritten by chance: rotate makes the new pair first, then renames it over the old
 * one. */
#include "cli/pki.h"

#include "base/check.h"
#include "base/hex.h"
#include "cli/verbs.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

enum {
    OPTION_DIR = 0x200,
    OPTION_DEPLOYMENT,
    OPTION_LINEAGE,
    OPTION_NEW_LINEAGE,
    OPTION_LINEAGE_OF,
    OPTION_REGION,
    OPTION_ROLE,
    OPTION_NAME,
    OPTION_HOST,
    OPTION_DAYS,
    OPTION_SECONDS,
    OPTION_CERT,
    OPTION_REVOKE_OLD,
    NAME_BYTES_MAX = 80, /* a member and ".new" */
    DAYS_MAX = 36500,
};

static const struct argp_option options[] = {
    {"dir", OPTION_DIR, "DIR", 0, "the folder (default: pki)", 1},
    {"deployment", OPTION_DEPLOYMENT, "NAME", 0, "init: whose CA this is (default: sealift)", 1},
    {"lineage", OPTION_LINEAGE, "HEX|any", 0, "issue: which WAL; any for clients and services", 2},
    {"lineage-of", OPTION_LINEAGE_OF, "NAME", 0, "issue: the lineage of NAME.crt in the folder", 2},
    {"new-lineage", OPTION_NEW_LINEAGE, 0, 0, "issue: draw the lineage of a new WAL", 2},
    {"region", OPTION_REGION, "REGION", 0, "issue: where it lives", 2},
    {"role", OPTION_ROLE, "ROLE", 0,
     "issue: primary, replica, client, reader, operator, keyd or region", 2},
    {"name", OPTION_NAME, "NAME", 0, "issue, rotate, revoke: the member, and its files", 2},
    {"cert", OPTION_CERT, "FILE", 0, "revoke: this certificate, wherever it lies", 2},
    {"revoke-old", OPTION_REVOKE_OLD, 0, 0, "rotate: the old one goes into the CRL", 2},
    {"host", OPTION_HOST, "NAME", 0, "issue: DNS name or IP of an HTTPS server (repeat)", 2},
    {"days", OPTION_DAYS, "N", 0,
     "how long it is valid (default: 3650 for a CA, 30 for a CRL, else 365)", 3},
    {"seconds", OPTION_SECONDS, "N", 0, "the same, for trials", 3},
    {0}};

/* All of it: "5x" or what overflows is no number of days. */
static int number(const char *text, const char *name, int most, const struct argp_state *state)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10); /* too large: saturates, and is refused */

    if (*text < '0' || *text > '9' || *end != '\0' || value == 0 || value > (unsigned)most) {
        argp_failure(state, EXIT_USAGE, 0, "--%s %s: takes 1 to %d", name, text, most);
    }
    return (int)value;
}

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct pki_order *order = state->input;

    switch (option) {
    case OPTION_DIR:
        order->dir = argument;
        return 0;
    case OPTION_DEPLOYMENT:
        order->deployment = argument;
        return 0;
    case OPTION_LINEAGE:
        order->lineage = argument;
        return 0;
    case OPTION_LINEAGE_OF:
        order->lineage_of = argument;
        return 0;
    case OPTION_NEW_LINEAGE:
        order->new_lineage = true;
        return 0;
    case OPTION_REGION:
        order->region = argument;
        return 0;
    case OPTION_ROLE:
        order->role = argument;
        return 0;
    case OPTION_NAME:
        order->name = argument;
        return 0;
    case OPTION_HOST:
        if (order->host_count == CERTIFICATE_NAMES_MAX) {
            argp_failure(state, EXIT_USAGE, 0, "at most %d hosts", CERTIFICATE_NAMES_MAX);
        }
        order->hosts[order->host_count++] = argument;
        return 0;
    case OPTION_DAYS:
        order->days = number(argument, "days", DAYS_MAX, state);
        return 0;
    case OPTION_SECONDS:
        order->seconds = number(argument, "seconds", INT_MAX, state);
        return 0;
    case OPTION_CERT:
        order->certificate = argument;
        return 0;
    case OPTION_REVOKE_OLD:
        order->revoke_old = true;
        return 0;
    case ARGP_KEY_ARG:
        if (order->action != NULL) {
            argp_error(state, "one action at a time");
        }
        order->action = argument;
        return 0;
    case ARGP_KEY_END:
        if (order->action == NULL) {
            argp_error(state, "say init, issue, rotate, revoke or crl");
        }
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

int pki_refuse(enum status status, const char *what)
{
    fprintf(stderr, "sealift pki: %s: %s (%s)\n", what, status_text(status), status_name(status));
    return status == E_USAGE || status == E_IDENTITY ? EXIT_USAGE : EXIT_REFUSED;
}

static int pki_init(const struct pki_order *order)
{
    if (mkdir(order->dir, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "sealift pki: %s: %s\n", order->dir, strerror(errno));
        return EXIT_REFUSED;
    }

    const enum status status = pki_make_ca(order);

    if (status != OK) {
        return pki_refuse(status, order->dir);
    }
    printf("%s/ca.crt: the CA of deployment %s; keep %s/ca.key off line\n", order->dir,
           order->deployment, order->dir);
    return EXIT_DONE;
}

static enum role role_parse(const char *text)
{
    for (enum role role = ROLE_PRIMARY; role < ROLES; role++) {
        if (text != NULL && strcmp(role_name(role), text) == 0) {
            return role;
        }
    }
    return ROLE_NONE;
}

/* A member of the same WAL; what serves any of them has no lineage to give. */
static enum status lineage_of_certificate(const struct pki_order *order, struct identity *identity)
{
    struct certificate leaf = {0};
    struct identity other;
    char path[PKI_PATH_MAX];
    enum status status =
        certificate_read(&leaf, pki_path(path, order, order->lineage_of, ".crt"), NULL);

    if (status == OK) {
        status = certificate_identity(leaf.x509, &other);
    }
    certificate_free(&leaf);
    if (status == OK) {
        identity->lineage = other.lineage;
    }
    return status == OK && other.any_lineage ? E_LINEAGE : status;
}

static enum status take_lineage(const struct pki_order *order, struct identity *identity)
{
    if ((order->lineage != NULL) + (order->lineage_of != NULL) + order->new_lineage > 1) {
        return E_USAGE;
    }
    if (order->lineage_of != NULL) {
        return lineage_of_certificate(order, identity);
    }
    if (order->new_lineage) {
        const ssize_t drawn = getrandom(identity->lineage.bytes, sizeof identity->lineage.bytes, 0);

        return drawn == (ssize_t)sizeof identity->lineage.bytes ? OK : E_USAGE;
    }
    if (order->lineage == NULL || strcmp(order->lineage, "any") == 0) {
        identity->any_lineage = true;
        return identity->role == ROLE_PRIMARY || identity->role == ROLE_REPLICA ? E_USAGE : OK;
    }
    return hex_decode(order->lineage, identity->lineage.bytes, sizeof identity->lineage.bytes) == OK
               ? OK
               : E_USAGE;
}

static int pki_issue(const struct pki_order *order)
{
    struct certificate_order wanted = {.identity = {.role = role_parse(order->role)},
                                       .name_count = order->host_count,
                                       .validity = pki_validity(order, PKI_LEAF_DAYS)};
    char uri[IDENTITY_URI_MAX];

    if (order->name == NULL || order->region == NULL || wanted.identity.role == ROLE_NONE) {
        fprintf(stderr, "sealift pki: issue needs --name, --region and --role (primary, replica, "
                        "client, reader, operator, keyd or region)\n");
        return EXIT_USAGE;
    }
    if (strlen(order->name) >= MEMBER_TEXT_MAX || strlen(order->region) >= REGION_TEXT_MAX) {
        return pki_refuse(E_TOO_LARGE, "--name or --region");
    }
    strcpy(wanted.identity.member, order->name);
    strcpy(wanted.identity.region, order->region);
    memcpy(wanted.names, order->hosts, sizeof wanted.names);
    enum status status = take_lineage(order, &wanted.identity);

    if (status == E_USAGE) {
        fprintf(stderr, "sealift pki: a primary or replica needs one of --new-lineage, "
                        "--lineage-of NAME, or --lineage with 32 hex digits; 'any' is for clients "
                        "and services\n");
        return EXIT_USAGE;
    }
    if (status != OK) {
        return pki_refuse(status, order->lineage_of);
    }
    status = pki_make_leaf(order, &wanted, "");
    if (status != OK) {
        return pki_refuse(status, order->name);
    }
    printf("%s\n", identity_format(&wanted.identity, uri));
    return EXIT_DONE;
}

static enum status replace(const struct pki_order *order, const char *ending)
{
    char from[PKI_PATH_MAX], to[PKI_PATH_MAX], name[NAME_BYTES_MAX];

    snprintf(name, sizeof name, "%.64s.new", order->name);
    return rename(pki_path(from, order, name, ending), pki_path(to, order, order->name, ending))
                   == 0
               ? OK
               : E_IO;
}

/* --days and --seconds are the new certificate's, not the list's. */
static enum status renew_crl_for(const struct pki_order *order, struct x509_st *old)
{
    const struct pki_order own = {.dir = order->dir};

    return pki_renew_crl(&own, old);
}

static int pki_rotate(const struct pki_order *order)
{
    struct certificate_order wanted = {.validity = pki_validity(order, PKI_LEAF_DAYS),
                                       .name_count = order->host_count};
    struct certificate old = {0};
    char path[PKI_PATH_MAX];

    if (order->name == NULL) {
        fprintf(stderr, "sealift pki: rotate needs --name\n");
        return EXIT_USAGE;
    }
    if (strlen(order->name) >= MEMBER_TEXT_MAX) {
        return pki_refuse(E_TOO_LARGE, "--name");
    }
    memcpy(wanted.names, order->hosts, sizeof wanted.names);
    enum status status = certificate_read(&old, pki_path(path, order, order->name, ".crt"), NULL);

    if (status == OK) {
        status = certificate_identity(old.x509, &wanted.identity);
    }
    status = status == OK ? pki_make_leaf(order, &wanted, ".new") : status;
    status = status == OK ? replace(order, ".key") : status;
    status = status == OK ? replace(order, ".crt") : status;
    if (status == OK) {
        printf("%s/%s.crt is new; send its daemon a SIGHUP\n", order->dir, order->name);
        status = order->revoke_old ? renew_crl_for(order, old.x509) : OK;
    }
    certificate_free(&old);
    return status == OK ? EXIT_DONE : pki_refuse(status, order->name);
}

int verb_pki(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "init|issue|rotate|revoke|crl",
        .doc =
            "Makes a private CA, issues certificates of members, renews and revokes them.\vEvery "
            "certificate names its member in one URI: "
            "sealift://DEPLOYMENT/LINEAGE/REGION/ROLE/NAME. What is revoked stands in ca.crl, "
            "which members read with --crl and again at SIGHUP; it ends, so sign it anew in "
            "time with 'sealift pki crl'. To exchange a certificate whose key leaked: rotate "
            "--revoke-old, SIGHUP the member itself, then all others with the new list."};
    struct pki_order order = {.dir = "pki", .deployment = "sealift"};

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    if (strcmp(order.action, "init") == 0) {
        return pki_init(&order);
    }
    if (strcmp(order.action, "issue") == 0) {
        return pki_issue(&order);
    }
    if (strcmp(order.action, "rotate") == 0) {
        return pki_rotate(&order);
    }
    if (strcmp(order.action, "revoke") == 0) {
        return pki_revoke(&order);
    }
    if (strcmp(order.action, "crl") == 0) {
        return pki_crl(&order);
    }
    fprintf(stderr, "sealift pki: no action '%s': say init, issue, rotate, revoke or crl\n",
            order.action);
    return EXIT_USAGE;
}
