/* Certificates, key services, the relay, the primary, the replicas; each is waited for. */
#include "cli/demo_world.h"

#include "base/check.h"
#include "cli/local.h"
#include "cli/pki.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { START_MS_MAX = 30000 };

static const char *const region_names[DEMO_REGIONS] = {"us-east-1", "eu-west-1", "ap-southeast-2"};

const char *demo_path(const struct demo_world *world, char *path, const char *below)
{
    snprintf(path, CHILD_PATH_MAX, "%s/%s", world->dir, below);
    return path;
}

void demo_log_path(const struct demo_world *world, char *path, const char *name)
{
    snprintf(path, CHILD_PATH_MAX, "%s/log/%s.log", world->dir, name);
}

int demo_run(const struct demo_world *world, const char *name, const char *const *arguments)
{
    char log[CHILD_PATH_MAX];

    demo_log_path(world, log, name);
    return child_run(log, arguments);
}

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "sealift demo: %s: %s\n", what, why);
    return false;
}

/* ---- folder, certificates ---- */

static bool make_folder(struct demo_world *world, const char *keep)
{
    char path[CHILD_PATH_MAX];

    if (keep != NULL) {
        world->kept = true;
        snprintf(world->dir, sizeof world->dir, "%s", keep);
        if (mkdir(keep, 0700) != 0) {
            return fail(keep,
                        errno == EEXIST ? "exists: give a folder that does not" : strerror(errno));
        }
        char *whole = realpath(keep, NULL); /* programs of others may run in another folder */

        CHECK(whole != NULL);
        snprintf(world->dir, sizeof world->dir, "%s", whole);
        free(whole);
    } else {
        const char *tmp = getenv("TMPDIR");

        snprintf(world->dir, sizeof world->dir, "%.400s/sealift-demo.XXXXXX",
                 tmp != NULL ? tmp : "/var/tmp");
        if (mkdtemp(world->dir) == NULL) {
            return fail(world->dir, strerror(errno));
        }
    }
    return mkdir(demo_path(world, path, "log"), 0700) == 0 ? true : fail(path, strerror(errno));
}

struct wanted_certificate {
    const char *name, *region;
    enum role role;
};

static bool issue(const struct demo_world *world, const struct wanted_certificate *wanted,
                  const struct id *lineage)
{
    char pki[CHILD_PATH_MAX];
    const struct pki_order order = {.dir = demo_path(world, pki, "pki"), .name = wanted->name};
    struct certificate_order certificate = {.identity = {.role = wanted->role},
                                            .validity = pki_validity(&order, PKI_LEAF_DAYS)};

    if (wanted->role == ROLE_CLIENT) {
        certificate.identity.any_lineage = true;
    } else {
        certificate.identity.lineage = *lineage;
    }
    strcpy(certificate.identity.region, wanted->region);
    strcpy(certificate.identity.member, wanted->name);

    const enum status status = pki_make_leaf(&order, &certificate, "");

    return status == OK ? true : fail(wanted->name, status_text(status));
}

static bool make_ca(const struct demo_world *world)
{
    char pki[CHILD_PATH_MAX];
    const struct pki_order order = {.dir = demo_path(world, pki, "pki"), .deployment = "demo"};

    if (mkdir(pki, 0700) != 0) {
        return fail(pki, strerror(errno));
    }

    const enum status status = pki_make_ca(&order);

    return status == OK ? true : fail(pki, status_text(status));
}

static bool make_certificates(struct demo_world *world)
{
    static const struct wanted_certificate wanted[] = {
        {"primary", "us-east-1", ROLE_PRIMARY},     {"replica-us", "us-east-1", ROLE_REPLICA},
        {"replica-eu", "eu-west-1", ROLE_REPLICA},  {"replica-ap", "ap-southeast-2", ROLE_REPLICA},
        {"replica-odd", "eu-west-1", ROLE_REPLICA}, {"client", "us-east-1", ROLE_CLIENT},
    };
    struct id lineage;

    arc4random_buf(&lineage, sizeof lineage);
    if (!make_ca(world)) {
        return false;
    }
    for (unsigned i = 0; i < COUNT_OF(wanted); i++) {
        if (!issue(world, &wanted[i], &lineage)) {
            return false;
        }
    }
    world->connect.ca = demo_path(world, world->connect.ca_path, "pki/ca.crt");
    world->connect.certificate =
        demo_path(world, world->connect.certificate_path, "pki/client.crt");
    world->connect.key = demo_path(world, world->connect.key_path, "pki/client.key");
    return true;
}

/* ---- key services ---- */

static bool start_keyd(struct demo_world *world, struct region_keyd *keyd)
{
    const enum status status = region_certify(world->dir, keyd->region);

    if (status != OK) {
        return fail(keyd->region, status_text(status));
    }
    if (!region_start(keyd, world->programs, world->dir, false)) {
        return fail(keyd->region, strerror(errno));
    }
    return local_wait_for_port(&keyd->process, keyd->port);
}

/* ---- the ocean ---- */

static bool share_file(const struct demo_world *world, char *path, const char *name)
{
    /* From build/bin, from build/PRESET/bin, and where it is installed. */
    static const char *const places[] = {"../../share", "../../../share", "../share/sealift"};

    for (unsigned i = 0; i < COUNT_OF(places); i++) {
        snprintf(path, CHILD_PATH_MAX, "%s/%s/%s", world->programs, places[i], name);
        if (access(path, R_OK) == 0) {
            return true;
        }
    }
    return fail(name, "not found beside the programs");
}

static bool start_wan(struct demo_world *world)
{
    char program[CHILD_PATH_MAX], map[CHILD_PATH_MAX], control[CHILD_PATH_MAX];
    char log[CHILD_PATH_MAX], routes[DEMO_MEMBERS][160];
    const char *arguments[CHILD_ARGUMENTS_MAX];
    unsigned count = 0, last_port = 0;

    if (!share_file(world, map, "wan/aws-2017.map")) {
        return false;
    }
    snprintf(program, sizeof program, "%s/sealift", world->programs);
    snprintf(control, sizeof control, "unix:%s/wan.control", world->dir);
    demo_log_path(world, log, "wan");
    const char *const fixed[] = {program, "wan", "--map", map, "--control", control};

    for (unsigned i = 0; i < COUNT_OF(fixed); i++) {
        arguments[count++] = fixed[i];
    }
    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        const struct demo_member *member = &world->members[i];

        if (member->relay_port != 0) {
            snprintf(routes[i], sizeof routes[i], "%s,%s,127.0.0.1:%u,127.0.0.1:%u",
                     region_names[member->region], region_names[0], member->relay_port,
                     world->members[0].port);
            arguments[count++] = "--route";
            arguments[count++] = routes[i];
            last_port = member->relay_port;
        }
    }
    arguments[count] = NULL;
    return child_start(&world->wan, "wan", log, arguments)
           && local_wait_for_port(&world->wan, last_port);
}

bool demo_wan(struct demo_world *world, const char *verb, const char *from, const char *to)
{
    char program[CHILD_PATH_MAX], control[CHILD_PATH_MAX];

    snprintf(program, sizeof program, "%s/sealift", world->programs);
    snprintf(control, sizeof control, "unix:%s/wan.control", world->dir);
    const char *arguments[] = {program, "wan", "--control", control, verb, from, to, NULL};

    return demo_run(world, "wan-control", arguments) == 0;
}

/* ---- members ---- */

struct member_words {
    char program[CHILD_PATH_MAX], listen[64], upstream[64], ca[CHILD_PATH_MAX];
    char certificate[CHILD_PATH_MAX], key[CHILD_PATH_MAX], coordinator[CHILD_PATH_MAX];
    char services[DEMO_REGIONS][128];
};

static void word_member(const struct demo_world *world, const struct demo_member *member,
                        struct member_words *words)
{
    snprintf(words->program, sizeof words->program, "%s/sealift-%s", world->programs,
             member->is_primary ? "primary" : "replica");
    snprintf(words->listen, sizeof words->listen, "127.0.0.1:%u", member->port);
    snprintf(words->upstream, sizeof words->upstream, "127.0.0.1:%u",
             member->relay_port != 0 ? member->relay_port : world->members[0].port);
    snprintf(words->ca, sizeof words->ca, "%s/pki/ca.crt", world->dir);
    snprintf(words->certificate, sizeof words->certificate, "%s/pki/%s.crt", world->dir,
             member->name);
    snprintf(words->key, sizeof words->key, "%s/pki/%s.key", world->dir, member->name);
    snprintf(words->coordinator, sizeof words->coordinator, "file:%s/coordinator", world->dir);
    for (unsigned i = 0; i < DEMO_REGIONS; i++) {
        char url[REGION_URL_MAX];

        snprintf(words->services[i], sizeof words->services[i], "%s=%s", region_names[i],
                 region_url(url, &world->regions[i]));
    }
}

bool demo_start_member(struct demo_world *world, struct demo_member *member)
{
    struct member_words words;
    char log[CHILD_PATH_MAX];

    word_member(world, member, &words);
    demo_log_path(world, log, member->name);
    const char *arguments[CHILD_ARGUMENTS_MAX] = {
        words.program,     "--data",          member->data,
        "--listen",        words.listen,      "--ca",
        words.ca,          "--cert",          words.certificate,
        "--key",           words.key,         "--key-service",
        words.services[0], "--key-service",   words.services[1],
        "--key-service",   words.services[2], "--key-service-ca",
        words.ca};
    unsigned count = 19;

    if (member->is_primary) {
        static const char *const first[] = {"--create", "--storage-encrypted", "--durability",
                                            "region:1", "--coordinator"};

        for (unsigned i = 0; i < COUNT_OF(first); i++) {
            arguments[count++] = first[i];
        }
        arguments[count++] = words.coordinator;
    } else {
        arguments[count++] = "--upstream";
        arguments[count++] = words.upstream;
        if (member->region != 0) {
            arguments[count++] = "--kms-key-id";
            arguments[count++] = "alias/aws/rds";
        }
    }
    if (mkdir(member->data, 0700) != 0 && errno != EEXIST) {
        return fail(member->data, strerror(errno));
    }
    return child_start(&member->process, member->name, log, arguments)
           && local_wait_for_port(&member->process, member->port);
}

static void plan_members(struct demo_world *world)
{
    static const struct {
        const char *name;
        unsigned region;
    } plan[DEMO_MEMBERS] = {
        {"primary", 0}, {"replica-us", 0}, {"replica-eu", 1}, {"replica-ap", 2}};

    for (unsigned i = 0; i < DEMO_REGIONS; i++) {
        world->regions[i].region = region_names[i];
        world->regions[i].port = local_free_port();
    }
    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        struct demo_member *member = &world->members[i];

        member->name = plan[i].name;
        member->region = plan[i].region;
        member->is_primary = i == 0;
        member->port = local_free_port();
        member->relay_port = member->region != 0 ? local_free_port() : 0;
        snprintf(member->data, sizeof member->data, "%.300s/%s-%s", world->dir,
                 region_names[member->region], member->name);
        snprintf(member->answer.address, sizeof member->answer.address, "127.0.0.1:%u",
                 member->port);
    }
}

struct demo_member *demo_member_named(struct demo_world *world, const char *name)
{
    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        if (strcmp(world->members[i].name, name) == 0) {
            return &world->members[i];
        }
    }
    UNREACHABLE();
}

bool demo_ask(struct demo_world *world)
{
    bool all = true;

    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        struct status_answer *answer = &world->members[i].answer;

        answer->previous_us = answer->status.up_us;
        answer->previous_bytes = status_moved_bytes(&answer->status);
        status_ask(&world->connect, answer);
        all &= answer->answered;
    }
    return all;
}

static bool in_step(const struct demo_world *world)
{
    const struct member_status *primary = &world->members[0].answer.status;

    for (unsigned i = 1; i < DEMO_MEMBERS; i++) {
        const struct member_status *replica = &world->members[i].answer.status;

        if (replica->epoch != primary->epoch || replica->durable_batch != primary->sealed_batch) {
            return false;
        }
    }
    return primary->sealed_batch > 0 && primary->durable_batch == primary->sealed_batch;
}

bool demo_wait_in_step(struct demo_world *world, int timeout_ms)
{
    for (int waited = 0; waited < timeout_ms; waited += 100) {
        if (demo_ask(world) && in_step(world)) {
            return true;
        }
        local_sleep_ms(100);
    }
    return false;
}

bool demo_world_open(struct demo_world *world, const char *keep)
{
    char credentials[CHILD_PATH_MAX];

    if (!local_programs(world->programs, sizeof world->programs) || !make_folder(world, keep)
        || !make_certificates(world)) {
        return false;
    }
    plan_members(world);
    for (unsigned i = 0; i < DEMO_REGIONS; i++) {
        if (!start_keyd(world, &world->regions[i])) {
            return false;
        }
    }
    if (!local_lend_credentials(demo_path(world, credentials, "credentials"))
        || !start_wan(world)) {
        return false;
    }
    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        if (!demo_start_member(world, &world->members[i])) {
            return false;
        }
    }
    return demo_wait_in_step(world, START_MS_MAX) ? true : fail("replicas", "did not join in time");
}

void demo_world_stop_members(struct demo_world *world)
{
    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        child_stop(&world->members[i].process);
    }
}

void demo_world_close(struct demo_world *world)
{
    demo_world_stop_members(world);
    child_stop(&world->wan);
    for (unsigned i = 0; i < DEMO_REGIONS; i++) {
        child_stop(&world->regions[i].process);
    }
    if (!world->kept && world->dir[0] != '\0') {
        local_remove_folder(world->dir);
    }
}
