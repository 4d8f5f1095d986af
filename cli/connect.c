/* Options, and the paths that they stand for. */
#include "cli/connect.h"

#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_CA = 0x100, OPTION_CERT, OPTION_KEY, OPTION_PKI, OPTION_AS, OPTION_CRL };

static const struct argp_option options[] = {
    {"ca", OPTION_CA, "FILE", 0, "the deployment's CA (PEM)", 10},
    {"cert", OPTION_CERT, "FILE", 0, "our certificate (PEM)", 10},
    {"key", OPTION_KEY, "FILE", 0, "its key (PEM)", 10},
    {"crl", OPTION_CRL, "FILE", 0, "talk to no member that this list revokes (PEM)", 10},
    {"pki", OPTION_PKI, "DIR", 0, "folder of 'sealift pki' (default: $SEALIFT_PKI)", 10},
    {"as", OPTION_AS, "NAME", 0, "take NAME.crt and NAME.key of that folder (default: client)", 10},
    {0}};

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct connect *connect = state->input;

    switch (option) {
    case OPTION_CA:
        connect->ca = argument;
        return 0;
    case OPTION_CERT:
        connect->certificate = argument;
        return 0;
    case OPTION_KEY:
        connect->key = argument;
        return 0;
    case OPTION_CRL:
        connect->crl = argument;
        return 0;
    case OPTION_PKI:
        connect->pki = argument;
        return 0;
    case OPTION_AS:
        connect->as = argument;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

const struct argp connect_argp = {.options = options, .parser = parse};

void connect_add(struct connect *connect, const char *address, struct argp_state *state)
{
    if (connect->address_count == SEALIFT_ADDRESSES_MAX) {
        argp_failure(state, EXIT_USAGE, 0, "at most %d addresses", SEALIFT_ADDRESSES_MAX);
    }
    connect->addresses[connect->address_count++] = address;
}

static const char *in_folder(char *path, const char *folder, const char *name, const char *ending)
{
    snprintf(path, CONNECT_PATH_MAX, "%s/%s%s", folder, name, ending);
    return path;
}

void connect_complete(struct connect *connect)
{
    const char *folder = connect->pki != NULL ? connect->pki : getenv("SEALIFT_PKI");
    const char *name = connect->as != NULL ? connect->as : "client";

    if (folder == NULL) {
        return;
    }
    if (connect->ca == NULL) {
        connect->ca = in_folder(connect->ca_path, folder, "ca", ".crt");
    }
    if (connect->certificate == NULL) {
        connect->certificate = in_folder(connect->certificate_path, folder, name, ".crt");
    }
    if (connect->key == NULL) {
        connect->key = in_folder(connect->key_path, folder, name, ".key");
    }
}

bool connect_lacks(const struct connect *connect, const char *address, char *why)
{
    if (strncmp(address, "unix:", 5) == 0
        || (connect->ca != NULL && connect->certificate != NULL && connect->key != NULL)) {
        return false;
    }
    snprintf(
        why, SEALIFT_TEXT_MAX,
        "a link to %.100s needs to know who we are: give --pki DIR, or set SEALIFT_PKI, or all "
        "of --ca, --cert and --key",
        address);
    return true;
}

bool connect_lacks_any(const struct connect *connect, char *why)
{
    for (unsigned i = 0; i < connect->address_count; i++) {
        if (connect_lacks(connect, connect->addresses[i], why)) {
            return true;
        }
    }
    return false;
}

struct sealift_options connect_options(const struct connect *connect)
{
    struct sealift_options result = {.ca = connect->ca,
                                     .certificate = connect->certificate,
                                     .key = connect->key,
                                     .crl = connect->crl};

    for (unsigned i = 0; i < connect->address_count; i++) {
        result.addresses[i] = connect->addresses[i];
    }
    return result;
}
