/* Opens what a member needs, from the outside in, and closes it in the reverse order.
 *
 * Every part says its own sentence when it refuses; here it only gets the program's name in front.
 * The check of limits comes before the data folder is touched, so that a typing mistake leaves no
 * trace on the disk. */
#include "host/daemon.h"

#include "base/check.h"
#include "host/anew.h"
#include "host/entropy.h"
#include "host/failpoint.h"
#include "host/lockdown.h"
#include "host/trace_lines.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

struct running {
    const struct daemon *daemon;
    struct host_settings settings;
    struct store_posix store;
    struct claim_file claim;
    void *memory;
    size_t memory_bytes;
    struct host *host;
    char why[HOST_WHY_MAX];
};

/* A primary's certificate is good for a replica, too: that is what one can be promoted with. */
static bool may_be(enum role certified, enum role role)
{
    return certified == role || (certified == ROLE_PRIMARY && role == ROLE_REPLICA);
}

/* A promoted member needs them again. */
static struct key_credentials credentials;

static enum role role_before = ROLE_NONE; /* in the process before this one */

static void take_over(void)
{
    static bool taken;

    if (!taken) {
        taken = true;
        (void)anew_take(&credentials, &role_before);
    }
}

enum role daemon_role(enum role usual)
{
    take_over();
    return role_before == ROLE_NONE ? usual : role_before;
}

/* Who we are is what our certificate says. */
static enum status learn_self(struct running *running)
{
    const struct daemon *daemon = running->daemon;
    struct tls_identity *identity = NULL;
    struct identity *self = &daemon->member->self;

    TRY(tls_identity_load(&identity, &daemon->options->tls, running->why));
    *self = *tls_identity_self(identity);

    const bool revoked = tls_identity_is_revoked(identity);

    tls_identity_free(identity);
    if (revoked) {
        snprintf(running->why, sizeof running->why,
                 "certificate %s is revoked by %s: every peer that has that list refuses it "
                 "(E_REVOKED)",
                 daemon->options->tls.certificate, daemon->options->tls.crl);
        return E_REVOKED;
    }
    if (!may_be(self->role, daemon->role) || self->any_lineage) {
        snprintf(running->why, sizeof running->why,
                 "certificate %s is for role %s%s; this program needs role %s with a lineage "
                 "(E_IDENTITY)",
                 daemon->options->tls.certificate, role_name(self->role),
                 self->any_lineage ? " of any lineage" : "", role_name(daemon->role));
        return E_IDENTITY;
    }
    return OK;
}

/* Before the first cipher and the first thread. */
static enum status choose_aes(struct running *running)
{
    if (!aes_provider_choose(running->daemon->options->aes)) {
        snprintf(running->why, sizeof running->why,
                 "--aes ipsec-mb: this build or OpenSSL's configuration has no libipsec-mb; "
                 "use --aes auto (E_USAGE)");
        return E_USAGE;
    }
    trace_event(&running->settings.trace, "aes.chosen by=\"%s\"", aes_provider_name());
    return OK;
}

static enum status prepare(struct running *running)
{
    const struct daemon *daemon = running->daemon;
    struct member_settings *member = daemon->member;

    if (!failpoint_arm()) {
        snprintf(running->why, sizeof running->why, "SEALIFT_FAILPOINT is wrong (E_USAGE)");
        return E_USAGE;
    }
    TRY(lockdown_process(running->settings.trace, &running->settings.memory_locked, running->why));
    TRY(choose_aes(running));
    TRY(learn_self(running));
    member->entropy = host_entropy();
    member->trace = running->settings.trace;
    return member_settings_check(member, running->why);
}

static enum status open_folder(struct running *running)
{
    const struct daemon *daemon = running->daemon;
    const struct store_settings settings = {.path = daemon->options->data,
                                            .segment_bytes = daemon->member->segment_bytes,
                                            .create = daemon->create_folder,
                                            .leave_nothing = true,
                                            .trace = running->settings.trace};

    TRY(store_open(&running->store, &settings, running->why));
    running->settings.store = &running->store;
    if (daemon->coordinator == NULL) {
        return OK;
    }
    TRY(claim_file_open(&running->claim, daemon->coordinator, daemon->options->data,
                        running->settings.trace, running->why));
    running->claim.adopt = daemon->adopt_folder;
    running->settings.claim = &running->claim;
    return OK;
}

static enum status create_node(struct running *running)
{
    const struct daemon *daemon = running->daemon;

    running->memory_bytes = daemon->memory_bytes(daemon->settings);
    running->memory = lockdown_memory(running->memory_bytes);
    if (running->memory == NULL) {
        snprintf(running->why, sizeof running->why,
                 "no memory: these settings need %zu MiB (E_USAGE)", running->memory_bytes >> 20);
        return E_USAGE;
    }

    struct arena arena = arena_of(running->memory, running->memory_bytes);

    running->settings.node = daemon->create(daemon->settings, &arena);
    return OK;
}

static enum status open_world(struct running *running)
{
    const struct daemon *daemon = running->daemon;
    const struct options *options = daemon->options;
    struct host_settings *settings = &running->settings;

    settings->program = daemon->program;
    settings->tls = options->tls;
    settings->link_age_max =
        SPAN_S(options->link_age_seconds != 0 ? options->link_age_seconds : LINK_AGE_SECONDS_MAX);
    memcpy(settings->listen, options->listen, sizeof settings->listen);
    settings->listen_count = options->listen_count;
    settings->self = daemon->member->self;
    settings->has_keys = true;
    settings->keys.ca = options->service_ca;
    settings->keys.crl = options->service_crl;
    settings->keys.keep = &credentials;
    memcpy(settings->keys.services, options->services, sizeof settings->keys.services);
    settings->keys.service_count = options->service_count;
    settings->metrics = options->metrics;
    settings->status = daemon->status;
    return host_open(&running->host, settings, running->why);
}

static enum status open_all(struct running *running)
{
    TRY(prepare(running));
    TRY(open_folder(running));
    TRY(create_node(running));
    return open_world(running);
}

static void close_all(struct running *running)
{
    if (running->host != NULL) {
        host_close(running->host);
    }
    if (running->settings.node != NULL) {
        running->daemon->destroy(running->settings.node);
    }
    if (running->memory != NULL) {
        lockdown_free(running->memory, running->memory_bytes);
    }
    if (running->settings.claim != NULL) {
        claim_file_close(running->settings.claim);
    }
    if (running->settings.store != NULL) {
        store_close(running->settings.store);
    }
}

int daemon_run(const struct daemon *daemon)
{
    static struct running running; /* some ten KiB of texts; there is one daemon a process */
    int code = HOST_EXIT_REFUSED;

    running = (struct running){.daemon = daemon, .settings.trace = host_trace()};
    check_listen(host_last_words);
    take_over();
    if (open_all(&running) == OK) {
        code = host_run(running.host);
    } else {
        fprintf(stderr, "%s: %s\n", daemon->program, running.why);
    }
    close_all(&running);
    if (code == HOST_EXIT_ANEW) {
        anew_begin(&credentials, daemon->role, running.why);
        fprintf(stderr, "%s: %s\n", daemon->program, running.why);
        code = HOST_EXIT_REFUSED;
    }
    if (code != HOST_EXIT_PROMOTED) {
        OPENSSL_cleanse(&credentials, sizeof credentials);
    }
    return code;
}
