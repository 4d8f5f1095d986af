/* Each promise is tried on the running regions, or on their folders once all has stopped. */
#include "cli/demo_promises.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CATCH_UP_MS_MAX = 60000 };

bool demo_show_run(struct demo_show *show, unsigned ms)
{
    return show->pg != NULL ? demo_pg_run(show->pg, ms) : demo_load_run(show->load, ms);
}

bool demo_show_drain(struct demo_show *show, int timeout_ms)
{
    return show->pg != NULL ? demo_pg_drain(show->pg, timeout_ms)
                            : demo_load_drain(show->load, timeout_ms);
}

const char *demo_show_why(const struct demo_show *show)
{
    return show->pg != NULL ? show->pg->why : show->load->why;
}

static bool drained_and_in_step(struct demo_show *show)
{
    return demo_show_drain(show, CATCH_UP_MS_MAX)
           && demo_wait_in_step(show->world, CATCH_UP_MS_MAX);
}

bool promise_region_cut_and_healed(struct demo_show *show)
{
    const struct member_status *eu = &demo_member_named(show->world, "replica-eu")->answer.status;
    const struct member_status *ap = &demo_member_named(show->world, "replica-ap")->answer.status;
    const struct member_status *primary = &show->world->members[0].answer.status;

    if (!demo_wan(show->world, "cut", "eu-west-1", "us-east-1") || !demo_show_run(show, 3000)) {
        return false;
    }
    if (!demo_ask(show->world)) {
        snprintf(show->saw, sizeof show->saw, "a member does not answer");
        return false;
    }
    const uint64_t behind = primary->durable_lsn - eu->durable_lsn;
    const bool others_went_on = ap->durable_lsn > eu->durable_lsn;

    if (!demo_wan(show->world, "heal", "eu-west-1", "us-east-1") || !demo_show_run(show, 1000)) {
        return false;
    }
    const bool back = drained_and_in_step(show);

    snprintf(show->saw, sizeof show->saw,
             "eu-west-1 was %" PRIu64 " records behind; the others %s; now %s", behind,
             others_went_on ? "went on" : "did not go on", back ? "in step" : "still behind");
    return back && behind > 0 && others_went_on;
}

bool promise_replica_killed_and_recovered(struct demo_show *show)
{
    struct demo_member *ap = demo_member_named(show->world, "replica-ap");

    if (!demo_show_run(show, 500)) {
        return false;
    }
    child_kill(&ap->process);
    if (!demo_show_run(show, 1000) || !demo_start_member(show->world, ap)
        || !demo_show_run(show, 500)) {
        return false;
    }
    const bool back = drained_and_in_step(show);

    snprintf(show->saw, sizeof show->saw, "killed with -9 under load, restarted, %s",
             back ? "in step again" : "still behind");
    return back;
}

static bool file_contains(const char *path, const char *text)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    bool found = false;

    if (fd >= 0 && fstat(fd, &about) == 0 && about.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (bytes != MAP_FAILED) {
            found = memmem(bytes, (size_t)about.st_size, text, strlen(text)) != NULL;
            munmap(bytes, (size_t)about.st_size);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return found;
}

bool promise_other_setting_refused(struct demo_show *show)
{
    struct demo_world *world = show->world;
    char program[CHILD_PATH_MAX], data[CHILD_PATH_MAX], ca[CHILD_PATH_MAX], log[CHILD_PATH_MAX];
    char certificate[CHILD_PATH_MAX], key[CHILD_PATH_MAX], upstream[64];

    snprintf(program, sizeof program, "%s/sealift-replica", world->programs);
    snprintf(upstream, sizeof upstream, "127.0.0.1:%u", world->members[0].port);
    demo_path(world, data, "replica-odd");
    demo_path(world, ca, "pki/ca.crt");
    demo_path(world, certificate, "pki/replica-odd.crt");
    demo_path(world, key, "pki/replica-odd.key");
    const char *arguments[] = {program,
                               "--data",
                               data,
                               "--listen",
                               "127.0.0.1:0",
                               "--ca",
                               ca,
                               "--cert",
                               certificate,
                               "--key",
                               key,
                               "--upstream",
                               upstream,
                               "--no-storage-encrypted",
                               NULL};

    mkdir(data, 0700);
    demo_log_path(world, log, "replica-odd");
    const int code = demo_run(world, "replica-odd", arguments);
    const bool named = file_contains(log, "InvalidParameterCombination");

    snprintf(show->saw, sizeof show->saw,
             "an unencrypted replica of the encrypted cluster: exit code %d, %s", code,
             named ? "InvalidParameterCombination" : "but the error is not named");
    return code == 1 && named;
}

struct tally {
    const struct demo_load *load;
    size_t place; /* in its text */
    uint64_t records;
    bool same; /* so far */
};

static bool count_record(void *context, uint64_t lsn, const void *data, size_t size)
{
    struct tally *tally = context;

    tally->records++;
    tally->same =
        lsn == tally->records && demo_load_made(tally->load, &tally->place, bytes_of(data, size));
    return tally->same;
}

static bool read_all(const struct demo_world *world, const struct demo_member *member,
                     struct tally *tally)
{
    struct sealift_options options = connect_options(&world->connect);
    const struct sealift_reading reading = {.record = count_record, .context = tally};
    char text[SEALIFT_TEXT_MAX];

    options.addresses[0] = member->answer.address;
    struct sealift *sealift = sealift_open(&options, text);

    if (sealift == NULL) {
        return false;
    }
    const bool done = sealift_read(sealift, &reading) == SEALIFT_OK;

    sealift_close(sealift);
    return done;
}

bool promise_acknowledged_records_are_read(struct demo_show *show)
{
    const uint64_t acked = show->load->acked;

    if (show->load->refused > 0) {
        snprintf(show->saw, sizeof show->saw, "%" PRIu64 " records were refused: %.200s",
                 show->load->refused, show->load->why);
        return false;
    }
    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        const char *name = show->world->members[i].name;
        struct tally tally = {.load = show->load, .same = true};
        const bool read = read_all(show->world, &show->world->members[i], &tally);

        if (!tally.same) {
            snprintf(show->saw, sizeof show->saw, "%s: LSN %" PRIu64 " is not what was appended",
                     name, tally.records);
            return false;
        }
        if (!read || tally.records < acked) {
            snprintf(show->saw, sizeof show->saw, "%s has %" PRIu64 " of %" PRIu64, name,
                     tally.records, acked);
            return false;
        }
    }
    snprintf(show->saw, sizeof show->saw, "%" PRIu64 " records, read back from all %d members",
             acked, DEMO_MEMBERS);
    return acked > 0;
}

/* ---- verify ---- */

static int verify(struct demo_show *show, const char *copy, const char *const *more)
{
    const struct demo_world *world = show->world;
    const char *arguments[CHILD_ARGUMENTS_MAX];
    char program[CHILD_PATH_MAX];
    unsigned count = 3;

    snprintf(program, sizeof program, "%s/sealift", world->programs);
    arguments[0] = program;
    arguments[1] = "verify";
    arguments[2] = copy;
    for (; *more != NULL; more++) {
        arguments[count++] = *more;
    }
    arguments[count] = NULL;
    return demo_run(world, "verify", arguments);
}

bool promise_verified_while_serving(struct demo_show *show)
{
    const struct demo_world *world = show->world;
    const struct connect *connect = &world->connect;

    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        const char *more[] = {"--ca",
                              connect->ca,
                              "--cert",
                              connect->certificate,
                              "--key",
                              connect->key,
                              "--rate",
                              "1000",
                              i == 0 ? NULL : "--against",
                              world->members[0].answer.address,
                              NULL};

        if (verify(show, world->members[i].answer.address, more) != 0) {
            snprintf(show->saw, sizeof show->saw, "%s: see log/verify.log", world->members[i].name);
            return false;
        }
    }
    snprintf(show->saw, sizeof show->saw,
             "all %d members read their own copies while they serve, and say the same digests",
             DEMO_MEMBERS);
    return true;
}

/* ---- on the folders ---- */

bool promise_same_bytes_everywhere(struct demo_show *show)
{
    for (unsigned i = 1; i < DEMO_MEMBERS; i++) {
        const char *more[] = {"--no-key", "--against", show->world->members[0].data, NULL};

        if (verify(show, show->world->members[i].data, more) != 0) {
            snprintf(show->saw, sizeof show->saw, "%s differs: see log/verify.log",
                     show->world->members[i].name);
            return false;
        }
    }
    snprintf(show->saw, sizeof show->saw,
             "the valid bytes of %" PRIu64 " segments are the same in all regions",
             show->world->members[0].answer.status.segment + 1);
    return true;
}

bool promise_verified_without_key(struct demo_show *show)
{
    const char *more[] = {"--no-key", NULL};

    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        if (verify(show, show->world->members[i].data, more) != 0) {
            snprintf(show->saw, sizeof show->saw, "%s: see log/verify.log",
                     show->world->members[i].name);
            return false;
        }
    }
    snprintf(show->saw, sizeof show->saw, "checksums, chain and places of all %d copies",
             DEMO_MEMBERS);
    return true;
}

bool promise_verified_with_key(struct demo_show *show)
{
    char ca[CHILD_PATH_MAX], service[128], url[REGION_URL_MAX];

    demo_path(show->world, ca, "pki/ca.crt");
    for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
        const struct region_keyd *keyd = &show->world->regions[show->world->members[i].region];
        const char *more[] = {"--key-service", service, "--key-service-ca", ca, NULL};

        snprintf(service, sizeof service, "%s=%s", keyd->region, region_url(url, keyd));
        if (verify(show, show->world->members[i].data, more) != 0) {
            snprintf(show->saw, sizeof show->saw, "%s: see log/verify.log",
                     show->world->members[i].name);
            return false;
        }
    }
    snprintf(show->saw, sizeof show->saw, "every seal of all %d copies, under each region's key",
             DEMO_MEMBERS);
    return true;
}

static const char *probe_marker, *probe_not; /* a folder that is not ours to encrypt */
static char probe_found[DEMO_SAW_MAX];
static uint64_t probe_bytes;

static int probe_file(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)where;
    if (probe_not != NULL && strncmp(path, probe_not, strlen(probe_not)) == 0) {
        return 0;
    }
    if (kind == FTW_F) {
        probe_bytes += (uint64_t)about->st_size;
        if (file_contains(path, probe_marker)) {
            snprintf(probe_found, sizeof probe_found, "%.200s", path);
            return 1;
        }
    }
    return 0;
}

/* A server's WAL must hold the marker, or finding it nowhere shows nothing. */
static bool is_in_archive(const struct demo_pg *pg)
{
    char path[CHILD_PATH_MAX];
    bool found = false;

    for (unsigned i = 0; i < pg->shipped && !found; i++) {
        snprintf(path, sizeof path, "%s/archive/%s", pg->home, pg->files[i].name);
        found = file_contains(path, pg->marker);
    }
    return found;
}

bool promise_no_plaintext_on_disk(struct demo_show *show)
{
    probe_marker = show->pg != NULL ? show->pg->marker : show->load->marker;
    probe_not = show->pg != NULL ? show->pg->home : NULL;
    probe_found[0] = '\0';
    probe_bytes = 0;
    if (show->pg != NULL && !is_in_archive(show->pg)) {
        snprintf(show->saw, sizeof show->saw, "the marker was in no segment file to begin with");
        return false;
    }
    const int ended = nftw(show->world->dir, probe_file, 16, FTW_PHYS);

    if (ended != 0) {
        snprintf(show->saw, sizeof show->saw, "the marker is in %.200s", probe_found);
        return false;
    }
    snprintf(show->saw, sizeof show->saw,
             "the marker of all records is in none of %" PRIu64 " MB of files%s",
             probe_bytes / 1000000, show->pg != NULL ? " (the server's own aside)" : "");
    return probe_bytes > 0;
}
