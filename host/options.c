/* One table of options, one switch.
 *
 * Single settings may be repeated (the last wins, so the command line overrides the file), lists
 * grow. What contradicts itself within one option is refused here; what contradicts the certificate
 * or the limits is refused by those who know them. */
#include "host/options.h"

#include "base/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_key {
    KEY_DATA = 0x1000,
    KEY_LISTEN,
    KEY_CA,
    KEY_CERT,
    KEY_KEY,
    KEY_CONF,
    KEY_METRICS,
    KEY_SERVICE,
    KEY_SERVICE_CA,
    KEY_SERVICE_CRL,
    KEY_KMS_KEY,
    KEY_ENCRYPTED,
    KEY_NOT_ENCRYPTED,
    KEY_CLUSTER,
    KEY_WINDOW,
    KEY_SEGMENT,
    KEY_FEED_WINDOW,
    KEY_SEGMENTS,
    KEY_ACCEPT_SUSPECT,
    KEY_AES,
    KEY_CRL,
    KEY_LINK_AGE,
    KEY_RETAIN_BYTES,
    KEY_RETAIN_AGE,
    KEY_PIN_BYTES,
    KEY_PIN_AGE,
    KEY_SCRUB_RATE,
    KEY_SCRUB_GAP,
    KEY_DEK_MAX_AGE,
    KEY_DEK_MAX_BYTES,
    KEY_POLL,
    KEY_LOSS_WINDOW,
};

const struct argp_option options_table[] = {
    {"data", KEY_DATA, "DIR", 0, "Data folder", 0},
    {"listen", KEY_LISTEN, "ADDRESS", 0, "HOST:PORT or unix:PATH where links come in (repeatable)",
     0},
    {"ca", KEY_CA, "FILE", 0, "The deployment's CA certificate (PEM)", 0},
    {"cert", KEY_CERT, "FILE", 0, "This member's certificate; it says who this member is", 0},
    {"key", KEY_KEY, "FILE", 0, "The private key of that certificate", 0},
    {"crl", KEY_CRL, "FILE", 0,
     "The CA's list of revoked certificates (PEM); read again, with the certificates, at SIGHUP",
     0},
    {"link-age", KEY_LINK_AGE, "SECONDS", 0,
     "Links to upstreams are made anew before they are older (default and most: 86400)", 0},
    {"conf", KEY_CONF, "FILE", 0, "Settings file: lines of OPTION = VALUE", 0},
    {"metrics", KEY_METRICS, "HOST:PORT", 0, "Serve /metrics (loopback only)", 0},
    {"key-service", KEY_SERVICE, "REGION=URL", 0,
     "Where a region's key service answers, as https://HOST:PORT (repeatable). Credentials are "
     "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile AWS_PROFILE "
     "(default) of AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials)",
     0},
    {"key-service-ca", KEY_SERVICE_CA, "FILE", 0, "CA of the key services (default: the system's)",
     0},
    {"key-service-crl", KEY_SERVICE_CRL, "FILE", 0,
     "That CA's list of revoked certificates (PEM); read at each new connection", 0},
    {"kms-key-id", KEY_KMS_KEY, "ID", 0, "KMS key of this region: id, ARN or alias", 0},
    {"key-poll", KEY_POLL, "SPAN", 0,
     "How often it is asked whether that key may still be used (5s)", 0},
    {"key-loss-window", KEY_LOSS_WINDOW, "SPAN", 0,
     "Refused for so long, the key is lost for good (7d)", 0},
    {"storage-encrypted", KEY_ENCRYPTED, NULL, 0, "Demand encryption at rest", 0},
    {"no-storage-encrypted", KEY_NOT_ENCRYPTED, NULL, 0, "Demand none", 0},
    {"cluster-id", KEY_CLUSTER, "ID", 0, "Resource id of this region's cluster", 0},
    {"window-bytes", KEY_WINDOW, "SIZE", 0, "Memory for recent sealed batches", 0},
    {"segment-bytes", KEY_SEGMENT, "SIZE", 0, "Size of a segment file", 0},
    {"segments-max", KEY_SEGMENTS, "NUMBER", 0, "Segments that the WAL may have (65536)", 0},
    {"retain-bytes", KEY_RETAIN_BYTES, "SIZE", 0,
     "Old segments are deleted while so much is left behind them (default: nothing is deleted)", 0},
    {"retain-age", KEY_RETAIN_AGE, "SPAN", 0,
     "Segments that were closed so long ago are deleted: 90s, 15m, 12h, 7d (default: none are)", 0},
    {"pin-bytes", KEY_PIN_BYTES, "SIZE", 0,
     "So much is kept for a replica that is behind or away, and no more (64G)", 0},
    {"pin-age", KEY_PIN_AGE, "SPAN", 0, "For so long (72h)", 0},
    {"scrub-rate", KEY_SCRUB_RATE, "SIZE", 0,
     "Closed segments are read again, so many bytes a second (4M); 0: they are not", 0},
    {"scrub-gap", KEY_SCRUB_GAP, "SPAN", 0, "From the end of one pass to the next (1h)", 0},
    {"dek-max-age", KEY_DEK_MAX_AGE, "SPAN", 0,
     "A primary takes another data key when the present one is so old (default: never by itself)",
     0},
    {"dek-max-bytes", KEY_DEK_MAX_BYTES, "SIZE", 0,
     "Or when so much was sealed under it (default: never by itself)", 0},
    {"accept-suspect", KEY_ACCEPT_SUSPECT, NULL, 0,
     "The disk failed, was looked at, and may be relied upon again", 0},
    {"aes", KEY_AES, "WHICH", 0,
     "Whose AES-256-GCM: openssl, ipsec-mb (needs AVX-512 and VAES to pay), or auto (default)", 0},
    {"feed-window-bytes", KEY_FEED_WINDOW, "SIZE", 0,
     "Unacknowledged bytes on the way to one replica", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static uint64_t parse_size(const char *text, const char *name, const struct argp_state *state)
{
    static const char units[] = "KMG";
    char *end;

    errno = 0;

    const uint64_t number = strtoull(text, &end, 10);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    const unsigned shift = unit == NULL ? 0 : 10 * (unsigned)(unit - units + 1);

    if (errno != 0 || end == text || text[0] == '-' || number == 0
        || (*end != '\0' && (unit == NULL || end[1] != '\0')) || number > (UINT64_MAX >> shift)) {
        argp_error(state, "--%s %s: must be a size like 65536, 64K, 64M or 1G", name, text);
    }
    return number << shift;
}

static uint64_t parse_seconds(const char *text, const char *name, const struct argp_state *state)
{
    char *end;
    const uint64_t seconds = strtoull(text, &end, 10); /* too large: saturates, and is refused */

    if (end == text || *end != '\0' || text[0] == '-' || seconds == 0
        || seconds > LINK_AGE_SECONDS_MAX) {
        argp_error(state, "--%s %s: must be 1 to %d seconds", name, text, LINK_AGE_SECONDS_MAX);
    }
    return seconds;
}

/* A number and its unit. */
static struct span parse_span(const char *text, const char *name, const struct argp_state *state)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end;
    uint64_t seconds = 0;
    const uint64_t number = strtoull(text, &end, 10); /* too large: saturates, and is refused */

    for (unsigned i = 0; i < COUNT_OF(units); i++) {
        seconds = *end == units[i].unit && end[1] == '\0' ? units[i].seconds : seconds;
    }
    if (end == text || text[0] == '-' || number == 0 || seconds == 0
        || number > SPAN_DAYS_MAX * UINT64_C(86400) / seconds) {
        argp_error(state, "--%s %s: must be a span like 90s, 15m, 12h or 7d, of at most %d days",
                   name, text, SPAN_DAYS_MAX);
    }
    return SPAN_S(number * seconds);
}

static void add_listen(struct options *options, const char *address, const struct argp_state *state)
{
    if (options->listen_count == HOST_LISTEN_MAX) {
        argp_error(state, "--listen: at most %d", HOST_LISTEN_MAX);
    }
    options->listen[options->listen_count++] = address;
}

/* REGION=URL is cut in two in place: argv is ours. */
static void add_service(struct options *options, char *text, const struct argp_state *state)
{
    char *equals = strchr(text, '=');

    if (equals == NULL || equals == text) {
        argp_error(state, "--key-service %s: must be REGION=https://HOST:PORT", text);
        return;
    }
    *equals = '\0';
    for (unsigned i = 0; i < options->service_count; i++) {
        if (strcmp(options->services[i].region, text) == 0) {
            options->services[i].url = equals + 1;
            return;
        }
    }
    if (options->service_count == KEY_SERVICES_MAX) {
        argp_error(state, "--key-service: at most %d", KEY_SERVICES_MAX);
    }
    options->services[options->service_count++] = (struct key_service){text, equals + 1};
}

static void set_text(const char **into, const char *text, size_t room, const char *name,
                     const struct argp_state *state)
{
    if (text[0] == '\0' || strlen(text) >= room) {
        argp_error(state, "--%s: must have 1 to %zu characters", name, room - 1);
    }
    *into = text;
}

static enum aes_choice parse_aes(const char *text, const struct argp_state *state)
{
    static const char *const names[] = {
        [AES_AUTO] = "auto", [AES_OPENSSL] = "openssl", [AES_IPSEC_MB] = "ipsec-mb"};

    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            return (enum aes_choice)i;
        }
    }
    argp_error(state, "--aes %s: must be auto, openssl or ipsec-mb", text);
    return AES_AUTO;
}

/* Who is trusted on links and at key services, and for how long. */
static error_t parse_link_option(struct options *options, int key, char *text,
                                 const struct argp_state *state)
{
    switch (key) {
    case KEY_CA:
        options->tls.ca = text;
        return 0;
    case KEY_CERT:
        options->tls.certificate = text;
        return 0;
    case KEY_KEY:
        options->tls.key = text;
        return 0;
    case KEY_CRL:
        options->tls.crl = text;
        return 0;
    case KEY_SERVICE_CRL:
        options->service_crl = text;
        return 0;
    case KEY_LINK_AGE:
        options->link_age_seconds = parse_seconds(text, "link-age", state);
        return 0;
    default: /* number: keys of argp */
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_key_loss(struct options *options, int key, char *text,
                              const struct argp_state *state)
{
    switch (key) {
    case KEY_POLL:
        options->key_poll = parse_span(text, "key-poll", state);
        return 0;
    case KEY_LOSS_WINDOW:
        options->key_loss_window = parse_span(text, "key-loss-window", state);
        return 0;
    default: /* number: keys of argp */
        return parse_link_option(options, key, text, state);
    }
}

static error_t parse_scrub(struct options *options, int key, char *text,
                           const struct argp_state *state)
{
    switch (key) {
    case KEY_SCRUB_RATE:
        options->no_scrub = strcmp(text, "0") == 0;
        options->scrub_rate = options->no_scrub ? 0 : parse_size(text, "scrub-rate", state);
        return 0;
    case KEY_SCRUB_GAP:
        options->scrub_gap = parse_span(text, "scrub-gap", state);
        return 0;
    default: /* number: keys of argp */
        return parse_key_loss(options, key, text, state);
    }
}

/* When a primary takes another data key by itself. */
static error_t parse_rotation(struct options *options, int key, char *text,
                              const struct argp_state *state)
{
    switch (key) {
    case KEY_DEK_MAX_AGE:
        options->dek_max_age = parse_span(text, "dek-max-age", state);
        return 0;
    case KEY_DEK_MAX_BYTES:
        options->dek_max_bytes = parse_size(text, "dek-max-bytes", state);
        return 0;
    default: /* number: keys of argp */
        return parse_scrub(options, key, text, state);
    }
}

/* What is deleted, and what is kept for whom. */
static error_t parse_retention(struct options *options, int key, char *text,
                               const struct argp_state *state)
{
    switch (key) {
    case KEY_RETAIN_BYTES:
        options->retain_bytes = parse_size(text, "retain-bytes", state);
        return 0;
    case KEY_RETAIN_AGE:
        options->retain_age = parse_span(text, "retain-age", state);
        return 0;
    case KEY_PIN_BYTES:
        options->pin_bytes = parse_size(text, "pin-bytes", state);
        return 0;
    case KEY_PIN_AGE:
        options->pin_age = parse_span(text, "pin-age", state);
        return 0;
    default: /* number: keys of argp */
        return parse_rotation(options, key, text, state);
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case KEY_DATA:
        set_text(&options->data, text, PATH_MAX / 2, "data", state);
        return 0;
    case KEY_LISTEN:
        add_listen(options, text, state);
        return 0;
    case KEY_CONF:
        return 0; /* read already */
    case KEY_METRICS:
        options->metrics = text;
        return 0;
    case KEY_SERVICE:
        add_service(options, text, state);
        return 0;
    case KEY_SERVICE_CA:
        options->service_ca = text;
        return 0;
    case KEY_KMS_KEY:
        set_text(&options->key, text, KEY_ARN_TEXT_MAX, "kms-key-id", state);
        return 0;
    case KEY_ENCRYPTED:
        options->encrypted = WISH_YES;
        return 0;
    case KEY_NOT_ENCRYPTED:
        options->encrypted = WISH_NO;
        return 0;
    case KEY_CLUSTER:
        set_text(&options->cluster, text, CLUSTER_TEXT_MAX, "cluster-id", state);
        return 0;
    case KEY_WINDOW:
        options->window_bytes = parse_size(text, "window-bytes", state);
        return 0;
    case KEY_SEGMENT:
        options->segment_bytes = parse_size(text, "segment-bytes", state);
        return 0;
    case KEY_FEED_WINDOW:
        options->feed_window_bytes = parse_size(text, "feed-window-bytes", state);
        return 0;
    case KEY_SEGMENTS:
        options->segments_max = parse_size(text, "segments-max", state);
        if (options->segments_max > UINT32_MAX / 2) {
            argp_error(state, "--segments-max %s: at most %u", text, UINT32_MAX / 2);
        }
        return 0;
    case KEY_ACCEPT_SUSPECT:
        options->accept_suspect = true;
        return 0;
    case KEY_AES:
        options->aes = parse_aes(text, state);
        return 0;
    case ARGP_KEY_END:
        options_check(options, state);
        return 0;
    default: /* number: keys of argp */
        return parse_retention(options, key, text, state);
    }
}

const struct argp options_argp = {options_table, parse_option, NULL, NULL, NULL, NULL, NULL};

void options_check(const struct options *options, const struct argp_state *state)
{
    const struct {
        const char *name, *value;
    } needed[] = {{"data", options->data},
                  {"ca", options->tls.ca},
                  {"cert", options->tls.certificate},
                  {"key", options->tls.key}};

    for (unsigned i = 0; i < COUNT_OF(needed); i++) {
        if (needed[i].value == NULL) {
            argp_error(state, "--%s is missing", needed[i].name);
        }
    }
    if (options->segment_bytes % 4096 != 0) {
        argp_error(state, "--segment-bytes must be a multiple of 4096");
    }
}

void options_parse(const struct argp *own, const struct argp_option *own_table, struct conf *conf,
                   int argc, char **argv, void *input)
{
    const struct argp_option *const known[] = {own_table, options_table, NULL};
    char why[CONF_WHY_MAX];

    argp_err_exit_status = OPTIONS_EXIT_USAGE;
    if (conf_gather(conf, argc, argv, known, why) != OK) {
        fprintf(stderr, "%s: %s\n", argv[0], why);
        exit(OPTIONS_EXIT_USAGE);
    }
    argp_parse(own, conf->count, conf->arguments, 0, NULL, input);
}

void options_apply(const struct options *options, struct member_settings *settings)
{
    settings->encrypted = options->encrypted;
    if (options->key != NULL) {
        snprintf(settings->key, sizeof settings->key, "%s", options->key);
    }
    if (options->cluster != NULL) {
        snprintf(settings->cluster, sizeof settings->cluster, "%s", options->cluster);
    }
    if (options->window_bytes != 0) {
        settings->window_bytes = options->window_bytes;
    }
    if (options->segment_bytes != 0) {
        settings->segment_bytes = options->segment_bytes;
    }
    if (options->feed_window_bytes != 0) {
        settings->feed_window_bytes = options->feed_window_bytes;
    }
    if (options->segments_max != 0) {
        settings->segments_max = (uint32_t)options->segments_max;
    }
    settings->retain_bytes = options->retain_bytes; /* 0: nothing is deleted by it, as by default */
    settings->retain_age = options->retain_age;
    settings->dek_max_age = options->dek_max_age; /* 0: by command only, as by default */
    settings->dek_max_bytes = options->dek_max_bytes;
    if (options->pin_bytes != 0) {
        settings->pin_bytes = options->pin_bytes;
    }
    if (options->pin_age.ns != 0) {
        settings->pin_age = options->pin_age;
    }
    if (options->no_scrub || options->scrub_rate != 0) {
        settings->scrub_rate = options->scrub_rate;
    }
    if (options->scrub_gap.ns != 0) {
        settings->scrub_gap = options->scrub_gap;
    }
    if (options->key_poll.ns != 0) {
        settings->key_poll = options->key_poll;
    }
    if (options->key_loss_window.ns != 0) {
        settings->key_loss_window = options->key_loss_window;
    }
    settings->accept_suspect = options->accept_suspect;
}
