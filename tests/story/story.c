/* A fixed seed, calm links and fast disks, so that what happens is what the story makes happen. */
#include "tests/story/story.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEED = 1, PATH_MAX_BYTES = 256, STEPS_MAX = 200000 };

struct world *story_begin(bool encrypted, struct level level)
{
    struct world *world = world_create(SEED, encrypted, level);

    world->sim->transcript.keep = true;
    return world;
}

void story_run_to(struct world *world, uint64_t ms)
{
    sim_run_until(world->sim, SPAN_MS(ms).ns);
}

void story_run_until(struct world *world, bool (*is_so)(const struct world *world))
{
    unsigned steps = 0;

    while (!is_so(world) && sim_next(world->sim) && steps < STEPS_MAX) {
        steps++;
    }
    NEED(is_so(world));
}

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text;
    long size;

    if (file == NULL) {
        return NULL;
    }
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    text = calloc(1, (size_t)size + 1);
    if (text != NULL && fread(text, 1, (size_t)size, file) != (size_t)size) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

static void write_whole(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    NEED(file != NULL);
    fputs(text, file);
    fclose(file);
}

/* The first line that differs, for whoever has to look. */
static void show_difference(const char *name, const char *golden, const char *told)
{
    unsigned line = 1;
    size_t same = 0, begin = 0;

    for (; golden[same] != '\0' && golden[same] == told[same]; same++) {
        if (golden[same] == '\n') {
            line++;
            begin = same + 1;
        }
    }
    fprintf(stderr, "%s: line %u differs\n  golden: %.*s\n  told:   %.*s\n", name, line,
            (int)strcspn(golden + begin, "\n"), golden + begin, (int)strcspn(told + begin, "\n"),
            told + begin);
}

/* Where everybody stands at the end, as the oracle's own reader finds it on the disks. */
static void say_end(const struct world *world)
{
    struct sim *sim = world->sim;

    for (unsigned i = 0; i < sim->member_count; i++) {
        const struct oracle_disk disk = oracle_read_disk(world->oracle, &sim->members[i]);
        const struct oracle_batch *last = oracle_at(world->oracle, disk.reached.batch);

        sim_say(sim, sim->members[i].name, "holds epoch=%llu batch=%llu lsn=%llu",
                (unsigned long long)disk.reached.epoch, (unsigned long long)disk.reached.batch,
                (unsigned long long)(last == NULL ? 0 : last->end_lsn));
    }
    for (unsigned i = 0; i < world->workload.client_count; i++) {
        const struct workload_client *client = &world->workload.clients[i];

        if (client->kind == CLIENT_READER) {
            sim_say(sim, sim->members[client->target].name, "was read by client-%u: records=%llu",
                    i, (unsigned long long)client->records_read);
        }
    }
}

void story_end(struct world *world, const char *name)
{
    char path[PATH_MAX_BYTES];

    world_calm(world);
    world_settle(world, SPAN_S(60).ns);
    if (world->sim->failed) {
        transcript_print_tail(&world->sim->transcript, stderr);
    }
    NEED(!world->sim->failed); /* a broken promise never becomes a golden file */
    say_end(world);
    snprintf(path, sizeof path, "story/golden/%s.txt", name);
    if (getenv("STORY_UPDATE") != NULL) {
        write_whole(path, world->sim->transcript.text);
    }
    char *golden = read_whole(path);

    NEED(golden != NULL);
    if (strcmp(golden, world->sim->transcript.text) != 0) {
        show_difference(name, golden, world->sim->transcript.text);
    }
    EXPECT(strcmp(golden, world->sim->transcript.text) == 0);
    free(golden);
    world_destroy(world);
}
