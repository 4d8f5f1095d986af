/* sealift-keyd: one region's key service, which speaks the AWS KMS API.
 *
 *   sealift-keyd --create --data keys --region us-east-1 --listen 127.0.0.1:7201 --cert k.crt ...
 *
 * Options, and nothing else: host/keyd_daemon.h says what comes of them. */
#include "base/version.h"
#include "host/conf.h"
#include "host/keyd_daemon.h"
#include "keys/arn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "sealift-keyd " SEALIFT_VERSION; /* for --version */

enum { EXIT_USAGE = 2 };

enum option_key {
    KEY_DATA = 0x1000,
    KEY_REGION,
    KEY_ACCOUNT,
    KEY_LISTEN,
    KEY_CERT,
    KEY_KEY,
    KEY_CREATE,
    KEY_ROOT,
    KEY_PASSPHRASE,
    KEY_PKCS11,
    KEY_TOKEN,
    KEY_TOKEN_KEY,
    KEY_PIN,
    KEY_CREDENTIALS,
    KEY_METRICS,
    KEY_VERIFY_AUDIT,
    KEY_BACKUP,
    KEY_RESTORE,
    KEY_CONF,
};

static const struct argp_option options_table[] = {
    {"data", KEY_DATA, "DIR", 0, "Data folder: catalog.db with keys, aliases and the audit", 0},
    {"region", KEY_REGION, "REGION", 0, "Whose keys these are; requests must be signed for it", 0},
    {"account", KEY_ACCOUNT, "NUMBER", 0,
     "Account of the credentials that --create makes (12 digits, default 000000000000)", 0},
    {"listen", KEY_LISTEN, "HOST:PORT", 0, "Where HTTPS requests come in", 0},
    {"cert", KEY_CERT, "FILE", 0, "Certificate of the HTTPS server (PEM)", 0},
    {"key", KEY_KEY, "FILE", 0, "The private key of that certificate", 0},
    {"create", KEY_CREATE, NULL, 0, "Make data folder, root key and credentials if missing", 0},
    {"root-key-file", KEY_ROOT, "FILE", 0,
     "64 hexadecimal digits that seal all keys (default: root.key in the data folder; keep a copy "
     "elsewhere)",
     0},
    {"root-passphrase-file", KEY_PASSPHRASE, "FILE", 0,
     "Instead of a root key: a passphrase, one line of at least 12 bytes, stretched by scrypt", 0},
    {"root-pkcs11", KEY_PKCS11, "MODULE", 0,
     "Instead of both: a PKCS#11 module (the .so of an HSM); root.pkcs11 in the data folder opens "
     "with its token only (keep copies of both)",
     0},
    {"pkcs11-token", KEY_TOKEN, "LABEL", 0, "The token's label", 0},
    {"pkcs11-key", KEY_TOKEN_KEY, "LABEL", 0,
     "The label of its AES-256 key, which --create makes where it is missing", 0},
    {"pkcs11-pin-file", KEY_PIN, "FILE", 0, "The token's user PIN, one line", 0},
    {"credentials", KEY_CREDENTIALS, "FILE", 0,
     "Who may sign requests (default: credentials in the data folder)", 0},
    {"metrics", KEY_METRICS, "HOST:PORT", 0, "Serve /metrics (loopback only)", 0},
    {"verify-audit", KEY_VERIFY_AUDIT, NULL, 0,
     "Instead of serving: check that each audit row in --data follows the one before", 1},
    {"backup", KEY_BACKUP, "FILE", 0,
     "Instead of serving: copy the store in --data, which may be in use, to FILE (without the root "
     "key)",
     1},
    {"restore", KEY_RESTORE, "FILE", 0, "Instead of serving: make the store in --data of a backup",
     1},
    {"conf", KEY_CONF, "FILE", 0, "Settings file: lines of OPTION = VALUE", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static bool is_upkeep(const struct keyd_options *options)
{
    return options->verify_audit || options->backup != NULL || options->restore != NULL;
}

static void check_root(const struct root_options *root, const struct argp_state *state)
{
    const struct root_token *token = &root->token;
    const bool has_module = token->place.module != NULL;

    if ((root->key_file != NULL) + (root->passphrase_file != NULL) + has_module > 1) {
        argp_error(state, "--root-key-file, --root-passphrase-file, --root-pkcs11: one of them");
    }
    if ((token->place.token != NULL) != has_module || (token->place.key != NULL) != has_module
        || (token->pin_file != NULL) != has_module) {
        argp_error(state, "--root-pkcs11, --pkcs11-token, --pkcs11-key and --pkcs11-pin-file: all "
                          "of them or none");
        return; /* argp need not exit here, and what follows reads all of them */
    }
    if (has_module && (token->place.token[0] == '\0' || token->place.key[0] == '\0')) {
        argp_error(state, "--pkcs11-token and --pkcs11-key: a label is not empty");
    }
}

static void check(const struct keyd_options *options, const struct argp_state *state)
{
    if (is_upkeep(options)) {
        if (options->data == NULL || options->data[0] == '\0') {
            argp_error(state, "--data is missing");
        }
        return;
    }

    const struct {
        const char *name, *value;
    } needed[] = {{"data", options->data},
                  {"region", options->region},
                  {"listen", options->listen},
                  {"cert", options->tls.certificate},
                  {"key", options->tls.key}};

    for (unsigned i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (needed[i].value == NULL || needed[i].value[0] == '\0') {
            argp_error(state, "--%s is missing", needed[i].name);
        }
    }
    if (!region_is_valid(options->region)) {
        argp_error(state, "--region %s: must be 1 to %d of [a-z0-9-]", options->region,
                   REGION_TEXT_MAX - 1);
    }
    if (!account_is_valid(options->account)) {
        argp_error(state, "--account %s: must have 12 digits", options->account);
    }
    check_root(&options->root, state);
    if (strlen(options->data) >= PATH_MAX / 2) {
        argp_error(state, "--data: the path is too long");
    }
}

/* Where the root key comes from. */
static error_t parse_root(struct root_options *root, int key, char *text)
{
    switch (key) {
    case KEY_ROOT:
        root->key_file = text;
        return 0;
    case KEY_PASSPHRASE:
        root->passphrase_file = text;
        return 0;
    case KEY_PKCS11:
        root->token.place.module = text;
        return 0;
    case KEY_TOKEN:
        root->token.place.token = text;
        return 0;
    case KEY_TOKEN_KEY:
        root->token.place.key = text;
        return 0;
    case KEY_PIN:
        root->token.pin_file = text;
        return 0;
    default: /* number: keys of argp */
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct keyd_options *options = state->input;

    switch (key) {
    case KEY_DATA:
        options->data = text;
        return 0;
    case KEY_REGION:
        options->region = text;
        return 0;
    case KEY_ACCOUNT:
        options->account = text;
        return 0;
    case KEY_LISTEN:
        options->listen = text;
        return 0;
    case KEY_CERT:
        options->tls.certificate = text;
        return 0;
    case KEY_KEY:
        options->tls.key = text;
        return 0;
    case KEY_CREATE:
        options->create = true;
        return 0;
    case KEY_CREDENTIALS:
        options->credentials = text;
        return 0;
    case KEY_METRICS:
        options->metrics = text;
        return 0;
    case KEY_VERIFY_AUDIT:
        options->verify_audit = true;
        return 0;
    case KEY_BACKUP:
        options->backup = text;
        return 0;
    case KEY_RESTORE:
        options->restore = text;
        return 0;
    case KEY_CONF:
        return 0; /* read already */
    case ARGP_KEY_ARG:
        argp_error(state, "%s: this program takes options only", text);
        return 0;
    case ARGP_KEY_END:
        check(options, state);
        return 0;
    default: /* number: keys of argp */
        return parse_root(&options->root, key, text);
    }
}

int main(int argc, char **argv)
{
    static const struct argp parser = {
        options_table,
        parse_option,
        NULL,
        "A region's key service: KMS keys, their uses and who used them, over the AWS KMS API.",
        NULL,
        NULL,
        NULL};
    static const struct argp_option *const known[] = {options_table, NULL};
    static struct conf conf;
    struct keyd_options options = {.account = "000000000000",
                                   .root.token.seconds_max = ROOT_TOKEN_SECONDS};
    char why[CONF_WHY_MAX];

    argp_err_exit_status = EXIT_USAGE;
    if (conf_gather(&conf, argc, argv, known, why) != OK) {
        fprintf(stderr, "%s: %s\n", argv[0], why);
        return EXIT_USAGE;
    }
    argp_parse(&parser, conf.count, conf.arguments, 0, NULL, &options);

    const int code = keyd_daemon_run(&options, argv[0]);

    conf_free(&conf);
    return code;
}
