/* Opens what the key service needs, from the outside in, and closes it in the reverse order.
 *
 * lock the process down; give jansson its arena; open the catalog; read the root key; create the
 * node in one block of memory; open the world; run. The root key is wiped here once the node has
 * its own copy.
 *
 * A root key is never made for a catalog that holds keys: it could not open them, and would hide
 * that the right one is missing. A start that fails takes away what it has made: a port in use must
 * not leave secrets that nobody was told about. */
#include "host/keyd_daemon.h"

#include "base/check.h"
#include "host/clock.h"
#include "host/entropy.h"
#include "host/failpoint.h"
#include "host/keyd_upkeep.h"
#include "host/lockdown.h"
#include "host/trace_lines.h"
#include "keys/json_arena.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BLOCK_BYTES_MAX = 1 << 20, /* larger ones do go back */
    KEPT_BYTES = 64 << 20, /* of blocks that were given back; only touched pages are real */
};

struct running {
    const struct keyd_options *options;
    struct keyd_settings settings;
    struct secret root;
    struct root_source source;
    char credentials_path[PATH_MAX];
    void *memory;
    size_t memory_bytes;
    struct keyd *keyd;
    bool made_root, made_credentials; /* in this start */
    char why[KEYD_WHY_MAX];
};

static enum status choose_credentials(struct running *running)
{
    const char *given = running->options->credentials;
    const int size = given != NULL ? snprintf(running->credentials_path, PATH_MAX, "%s", given)
                                   : snprintf(running->credentials_path, PATH_MAX, "%s/credentials",
                                              running->options->data);

    if (size < PATH_MAX) {
        return OK;
    }
    snprintf(running->why, sizeof running->why, "the path of credentials is too long (E_USAGE)");
    return E_USAGE;
}

/* Each answer takes a block of a quarter of a MiB and gives it back. If that went back to the
 * kernel each time, getting it again would be a tenth of what a request costs. A sanitizer's
 * allocator takes no such advice. */
static void keep_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, BLOCK_BYTES_MAX);
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

static enum status prepare(struct running *running)
{
    const struct entropy entropy = host_entropy();
    size_t seed = 0;

    umask(077);
    keep_memory();
    if (!failpoint_arm()) {
        snprintf(running->why, sizeof running->why, "SEALIFT_FAILPOINT is wrong (E_USAGE)");
        return E_USAGE;
    }
    TRY(lockdown_process(running->settings.trace, &running->settings.memory_locked, running->why));
    while (seed == 0) {
        entropy_fill(&entropy, &seed, sizeof seed);
    }
    json_arena_install(seed);
    TRY(root_source_choose(&running->source, &running->options->root, running->options->data,
                           running->why));
    return choose_credentials(running);
}

static enum status catalog_is_empty(struct running *running, bool *empty)
{
    struct catalog_rows rows;
    const enum status status = catalog_load(running->settings.catalog, &rows);

    *empty = rows.count == 0;
    catalog_rows_free(&rows);
    if (status != OK) {
        snprintf(running->why, sizeof running->why, "%s: cannot read " CATALOG_FILE ": %s (%s)",
                 running->options->data, catalog_error(running->settings.catalog),
                 status_name(status));
    }
    return status;
}

static enum status create_root_key(struct running *running)
{
    const struct entropy entropy = host_entropy();
    bool empty;

    if (secret_file_exists(running->source.path)) {
        return OK;
    }
    TRY(catalog_is_empty(running, &empty));
    if (!empty) {
        snprintf(running->why, sizeof running->why,
                 "%s: the root key is missing, and the keys in %s were sealed under it "
                 "(E_MISSING)",
                 running->source.path, running->options->data);
        return E_MISSING;
    }
    TRY(root_source_create(&running->source, &entropy, running->why));
    running->made_root = true;
    return OK;
}

static enum status create_credentials(struct running *running)
{
    const struct entropy entropy = host_entropy();

    if (secret_file_exists(running->credentials_path)) {
        return OK;
    }
    TRY(credentials_create(running->credentials_path, running->options->account, &entropy,
                           running->why));
    running->made_credentials = true;
    return OK;
}

static enum status open_data(struct running *running)
{
    const bool create = running->options->create;

    TRY(catalog_open(&running->settings.catalog, running->options->data, create, running->why));
    if (create) {
        TRY(create_root_key(running));
        TRY(create_credentials(running));
    }
    return root_source_load(&running->source, &running->root, running->why);
}

static enum status create_node(struct running *running)
{
    struct kms_settings settings;

    kms_settings_default(&settings);
    settings.links_max = KEYD_REQUESTS_MAX;
    snprintf(settings.region, sizeof settings.region, "%s", running->options->region);
    settings.entropy = host_entropy();
    settings.trace = running->settings.trace;
    running->memory_bytes = kms_memory_bytes(&settings);
    running->memory = lockdown_memory(running->memory_bytes);
    if (running->memory == NULL) {
        snprintf(running->why, sizeof running->why, "no memory: %zu MiB are needed (E_USAGE)",
                 running->memory_bytes >> 20);
        return E_USAGE;
    }

    struct arena arena = arena_of(running->memory, running->memory_bytes);

    running->settings.node = kms_create(&settings, &running->root, &arena);
    secret_wipe(&running->root);
    return OK;
}

static enum status open_world(struct running *running)
{
    struct keyd_settings *settings = &running->settings;

    settings->credentials = running->credentials_path;
    settings->region = running->options->region;
    settings->listen = running->options->listen;
    settings->tls = running->options->tls;
    settings->metrics = running->options->metrics;
    return keyd_open(&running->keyd, settings, running->why);
}

static enum status open_all(struct running *running)
{
    TRY(prepare(running));
    TRY(open_data(running));
    TRY(create_node(running));
    return open_world(running);
}

static void announce(const struct running *running)
{
    if (running->made_root) {
        printf("root key: %s\n", running->source.path);
    }
    if (running->source.made_token_key) {
        printf("token key: %s\n", running->options->root.token.place.key);
    }
    if (running->made_credentials) {
        printf("credentials: %s\n", running->credentials_path);
    }
    fflush(stdout);
}

/* The catalog is still locked: nobody has sealed a key under this root key. */
static void unmake(struct running *running)
{
    if (running->made_root) {
        unlink(running->source.path);
    }
    if (running->made_credentials) {
        unlink(running->credentials_path);
    }
    if (running->settings.catalog != NULL) {
        catalog_close_unused(running->settings.catalog, running->options->data);
        running->settings.catalog = NULL;
    }
}

static void close_all(struct running *running)
{
    if (running->keyd != NULL) {
        keyd_close(running->keyd);
    }
    if (running->settings.node != NULL) {
        kms_destroy(running->settings.node);
    }
    if (running->memory != NULL) {
        lockdown_free(running->memory, running->memory_bytes);
    }
    if (running->settings.catalog != NULL) {
        catalog_close(running->settings.catalog);
    }
    secret_wipe(&running->root);
}

int keyd_daemon_run(const struct keyd_options *options, const char *program)
{
    static struct running running; /* some ten KiB of texts; there is one daemon a process */
    int code = KEYD_EXIT_REFUSED;

    if (options->verify_audit || options->backup != NULL || options->restore != NULL) {
        return keyd_upkeep_run(options, program);
    }
    running = (struct running){.options = options, .settings.trace = host_trace()};
    check_listen(host_last_words);
    if (open_all(&running) == OK) {
        announce(&running);
        code = keyd_run(running.keyd);
    } else {
        unmake(&running);
        fprintf(stderr, "%s: %s\n", program, running.why);
    }
    close_all(&running);
    return code;
}
