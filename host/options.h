/* What every daemon that hosts a member is told, on the command line or in a file.
 *
 * `options_argp` is a child parser (argp) for both daemons; its input is a struct options. Sizes
 * take K, M or G. Texts are borrowed from the arguments. Mistakes end the process with exit code 2
 * and one sentence, as argp does. */
#ifndef SEALIFT_HOST_OPTIONS_H
#define SEALIFT_HOST_OPTIONS_H

#include "host/conf.h"
#include "host/host.h"
#include "member/settings.h"
#include "seal/aes_provider.h"

enum { OPTIONS_EXIT_USAGE = 2 };

struct options {
    const char *data;
    const char *listen[HOST_LISTEN_MAX];
    unsigned listen_count;
    struct tls_files tls;
    const char *metrics;
    struct key_service services[KEY_SERVICES_MAX];
    unsigned service_count;
    const char *service_ca;
    const char *service_crl;
    const char *key;
    const char *cluster;
    enum wish encrypted;
    uint64_t window_bytes, segment_bytes, feed_window_bytes; /* 0: the default */
    uint64_t segments_max; /* likewise */
    uint64_t retain_bytes, pin_bytes; /* likewise */
    struct span retain_age, pin_age; /* likewise */
    uint64_t scrub_rate; /* likewise */
    struct span scrub_gap; /* likewise */
    uint64_t dek_max_bytes; /* likewise */
    struct span dek_max_age; /* likewise */
    bool no_scrub;
    struct span key_poll, key_loss_window; /* 0: the default */
    bool accept_suspect;
    enum aes_choice aes;
    uint64_t link_age_seconds; /* 0: the default */
};

enum {
    LINK_AGE_SECONDS_MAX = 86400, /* the default, too */
    SPAN_DAYS_MAX = 36500, /* nanoseconds of it still fit */
};

extern const struct argp options_argp;
extern const struct argp_option options_table[];

/* Parses the file and the command line together. `own` is the daemon's parser, with options_argp
 * among its children; `own_table` its options. `input` is its argp input. */
void options_parse(const struct argp *own, const struct argp_option *own_table, struct conf *conf,
                   int argc, char **argv, void *input);

/* Ends the process where something that every daemon needs is missing. */
void options_check(const struct options *options, const struct argp_state *state);

/* Puts what was said into the settings; what was not said stays. */
void options_apply(const struct options *options, struct member_settings *settings);

#endif
