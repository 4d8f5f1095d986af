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

    for (; *golden != '\0' && *golden == *told; golden++, told++) {
        line += *golden == '\n';
    }
    fprintf(stderr, "%s: line %u differs\n  golden: %.100s\n  told:   %.100s\n", name, line, golden,
            told);
}

void story_end(struct world *world, const char *name)
{
    char path[PATH_MAX_BYTES];

    world_calm(world);
    world_settle(world, SPAN_S(60).ns);
    if (world->sim->failed) {
        transcript_print_tail(&world->sim->transcript, stderr);
    }
    EXPECT(!world->sim->failed);
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
