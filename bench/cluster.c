/* Certificates, the key service, the primary, the replica; each is waited for.
 *
 * A process that does not start shows the end of its log and ends the measurement. The replica is
 * asked for its position over one link that stays open: asking costs it next to nothing. */
#include "bench/cluster.h"

#include "base/check.h"
#include "transport/certificates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

enum { DAY_S = 86400, JOIN_MS_MAX = 30000, ASK_GAP_MS = 1 };

static const char region[] = "us-east-1";

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "sealift-bench: %s: %s\n", what, why);
    return false;
}

static const char *below(const struct cluster *cluster, char *path, const char *name)
{
    snprintf(path, CHILD_PATH_MAX, "%s/%s", cluster->folder, name);
    return path;
}

/* ---- certificates ---- */

static bool issue(const struct cluster *cluster, const struct certificate *ca,
                  const struct id *lineage, enum role role)
{
    struct certificate_order order = {
        .identity = {.deployment = "bench", .role = role, .any_lineage = lineage == NULL},
        .validity = {time(NULL) - DAY_S, time(NULL) + DAY_S}};
    char certificate[CHILD_PATH_MAX], key[CHILD_PATH_MAX], name[64];
    struct certificate leaf = {0};

    if (lineage != NULL) {
        order.identity.lineage = *lineage;
    }
    if (role == ROLE_KEYD) {
        order.names[order.name_count++] = "127.0.0.1";
    }
    strcpy(order.identity.region, region);
    strcpy(order.identity.member, role_name(role));
    snprintf(name, sizeof name, "%s.crt", role_name(role));
    below(cluster, certificate, name);
    snprintf(name, sizeof name, "%s.key", role_name(role));

    const bool made = certificate_issue(&leaf, ca, &order) == OK
                      && certificate_write(&leaf, certificate, below(cluster, key, name)) == OK;

    certificate_free(&leaf);
    return made;
}

static bool make_certificates(struct cluster *cluster)
{
    struct certificate ca = {0};
    struct id lineage;

    CHECK(getrandom(lineage.bytes, sizeof lineage.bytes, 0) == (ssize_t)sizeof lineage.bytes);
    below(cluster, cluster->ca, "ca.crt");
    below(cluster, cluster->certificate, "client.crt");
    below(cluster, cluster->key, "client.key");

    const struct certificate_validity validity = {time(NULL) - DAY_S, time(NULL) + DAY_S};
    const bool made = certificate_make_ca(&ca, "bench", validity) == OK
                      && certificate_write(&ca, cluster->ca, NULL) == OK
                      && issue(cluster, &ca, &lineage, ROLE_PRIMARY)
                      && issue(cluster, &ca, &lineage, ROLE_REPLICA)
                      && issue(cluster, &ca, NULL, ROLE_KEYD)
                      && issue(cluster, &ca, NULL, ROLE_CLIENT);

    certificate_free(&ca);
    return made ? true : fail(cluster->folder, "no certificates");
}

/* ---- processes ---- */

const char *cluster_client(const struct cluster *cluster)
{
    return strncmp(cluster->client_address, "unix:", 5) == 0 ? "unix" : "tls";
}

struct words {
    const char *list[CHILD_ARGUMENTS_MAX];
    unsigned count;
    char program[CHILD_PATH_MAX], data[CHILD_PATH_MAX], listen[64], log[CHILD_PATH_MAX];
    char certificate[CHILD_PATH_MAX], key[CHILD_PATH_MAX], more[2][CHILD_PATH_MAX];
};

static void say(struct words *words, const char *option, const char *value)
{
    CHECK(words->count + 3 <= CHILD_ARGUMENTS_MAX);
    words->list[words->count++] = option;
    if (value != NULL) {
        words->list[words->count++] = value;
    }
}

static void say_common(const struct cluster *cluster, struct words *words, const char *program,
                       enum role role, unsigned port)
{
    char name[64];

    snprintf(words->program, sizeof words->program, "%s/%s", cluster->programs, program);
    snprintf(words->listen, sizeof words->listen, "127.0.0.1:%u", port);
    snprintf(name, sizeof name, "%s.crt", role_name(role));
    below(cluster, words->certificate, name);
    snprintf(name, sizeof name, "%s.key", role_name(role));
    below(cluster, words->key, name);
    snprintf(name, sizeof name, "%s.log", role_name(role));
    below(cluster, words->log, name);
    say(words, words->program, NULL);
    say(words, "--data", below(cluster, words->data, role_name(role)));
    say(words, "--listen", words->listen);
    say(words, "--cert", words->certificate);
    say(words, "--key", words->key);
}

static bool start(const struct words *words, const char *name, struct cluster_process *process)
{
    if (mkdir(words->data, 0700) != 0 && errno != EEXIST) {
        return fail(words->data, strerror(errno));
    }
    return child_start(&process->child, name, words->log, words->list)
           && local_wait_for_port(&process->child, process->port);
}

static bool start_keyd(struct cluster *cluster)
{
    struct words words = {0};

    say_common(cluster, &words, "sealift-keyd", ROLE_KEYD, cluster->keyd.port);
    say(&words, "--create", NULL);
    say(&words, "--region", region);
    say(&words, "--root-key-file", below(cluster, words.more[0], "keyd.root"));
    say(&words, "--credentials", below(cluster, words.more[1], "credentials"));
    return start(&words, "keyd", &cluster->keyd) && local_lend_credentials(words.more[1]);
}

static void say_keys(const struct cluster *cluster, struct words *words)
{
    say(words, "--ca", cluster->ca);
    say(words, "--aes", cluster->aes);
    if (cluster->encrypted) {
        snprintf(words->more[0], sizeof words->more[0], "%s=https://127.0.0.1:%u", region,
                 cluster->keyd.port);
        say(words, "--key-service", words->more[0]);
        say(words, "--key-service-ca", cluster->ca);
    }
}

static bool start_primary(struct cluster *cluster)
{
    struct words words = {0};
    char coordinator[CHILD_PATH_MAX];

    say_common(cluster, &words, "sealift-primary", ROLE_PRIMARY, cluster->primary.port);
    say_keys(cluster, &words);
    say(&words, "--create", NULL);
    say(&words, cluster->encrypted ? "--storage-encrypted" : "--no-storage-encrypted", NULL);
    snprintf(words.more[1], sizeof words.more[1], "file:%.900s",
             below(cluster, coordinator, "coordinator"));
    say(&words, "--coordinator", words.more[1]);
    if (strcmp(cluster_client(cluster), "unix") == 0) {
        say(&words, "--listen", cluster->client_address);
    }
    return start(&words, "primary", &cluster->primary);
}

static bool start_replica(struct cluster *cluster)
{
    struct words words = {0};

    say_common(cluster, &words, "sealift-replica", ROLE_REPLICA, cluster->replica.port);
    say_keys(cluster, &words);
    say(&words, "--upstream", cluster->primary_address);
    return start(&words, "replica", &cluster->replica);
}

/* ---- positions ---- */

struct asking {
    struct session *session;
    struct member_status status;
    bool waits, broken;
};

static void ask(struct asking *asking)
{
    session_send(asking->session, MESSAGE_STATUS, bytes_none(), bytes_none(), bytes_none());
    asking->waits = true;
}

static void on_welcomed(void *context)
{
    ask(context);
}

static void on_message(void *context, const struct message *message)
{
    struct asking *asking = context;

    asking->waits = false;
    asking->broken |=
        message->type != MESSAGE_STATUS_IS
        || member_status_decode(&asking->status, message->head, &asking->session->scratch) != OK;
}

/* Epoch 0 of a status: it has no answer yet. LSN 0 waits for the replica to be in the epoch. */
static bool watch(struct asking *asking, lsn_t lsn, struct instant end)
{
    while (!asking->broken && !asking->session->failed && !instant_reached(end, session_now())) {
        session_wait(asking->session, ASK_GAP_MS);
        if (asking->waits || !asking->session->is_up) {
            continue;
        }
        if (asking->status.epoch > 0 && asking->status.durable_batch > 0
            && asking->status.durable_lsn >= lsn) {
            return true;
        }
        ask(asking);
    }
    return false;
}

bool cluster_wait_for_replica(const struct cluster *cluster, lsn_t lsn, int timeout_ms)
{
    static const struct session_events events = {on_welcomed, on_message, NULL};
    const struct session_settings settings = {
        .addresses = {cluster->replica_address},
        .files = {cluster->ca, cluster->certificate, cluster->key, NULL},
        .give_up = SPAN_MS(timeout_ms)};
    struct asking *asking = calloc(1, sizeof *asking);
    char why[SEALIFT_TEXT_MAX];

    CHECK(asking != NULL);
    if (session_open(&asking->session, &settings, &events, asking, why) != OK) {
        free(asking);
        return fail("replica", why);
    }

    const bool there = watch(asking, lsn, instant_add(session_now(), SPAN_MS(timeout_ms)));

    if (!there) {
        fail("replica",
             asking->session->failed ? asking->session->text : "did not have everything in time");
    }
    session_close(asking->session);
    free(asking);
    return there;
}

struct sealift *cluster_connect(const struct cluster *cluster)
{
    const struct sealift_options options = {.addresses = {cluster->client_address},
                                            .ca = cluster->ca,
                                            .certificate = cluster->certificate,
                                            .key = cluster->key};
    char why[SEALIFT_TEXT_MAX];
    struct sealift *sealift = sealift_open(&options, why);

    if (sealift == NULL) {
        fail("primary", why);
    }
    return sealift;
}

/* ---- all of it ---- */

bool cluster_open(struct cluster *cluster, const struct bench_options *options)
{
    *cluster = (struct cluster){.encrypted = !options->unencrypted, .aes = options->aes};
    snprintf(cluster->folder, sizeof cluster->folder, "%.400s/sealift-bench.XXXXXX",
             options->folder);
    if (!local_programs(cluster->programs, sizeof cluster->programs)) {
        return false;
    }
    if (mkdtemp(cluster->folder) == NULL) {
        const int error = errno;

        cluster->folder[0] = '\0';
        return fail(options->folder, strerror(error));
    }
    cluster->keyd.port = local_free_port();
    cluster->primary.port = local_free_port();
    cluster->replica.port = local_free_port();
    snprintf(cluster->primary_address, sizeof cluster->primary_address, "127.0.0.1:%u",
             cluster->primary.port);
    snprintf(cluster->replica_address, sizeof cluster->replica_address, "127.0.0.1:%u",
             cluster->replica.port);
    if (options->client_tls) {
        strcpy(cluster->client_address, cluster->primary_address);
    } else {
        snprintf(cluster->client_address, sizeof cluster->client_address, "unix:%s/socket",
                 cluster->folder);
    }
    return make_certificates(cluster) && (!cluster->encrypted || start_keyd(cluster))
           && start_primary(cluster) && start_replica(cluster)
           && cluster_wait_for_replica(cluster, 0, JOIN_MS_MAX);
}

void cluster_close(struct cluster *cluster)
{
    child_stop(&cluster->replica.child);
    child_stop(&cluster->primary.child);
    child_stop(&cluster->keyd.child);
    if (cluster->folder[0] != '\0') {
        local_remove_folder(cluster->folder);
    }
}
