/* The archive is a folder that only grows: a file has its name once it is whole (it is renamed
 * there). What is there and not shipped yet goes into the next `sealift append`, at most so many
 * files at once; while one runs, the next waits.
 *
 * How it goes wrong: an append that fails. It says why in its log, and the demo ends. */
#include "cli/demo_pg.h"

#include "base/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_AT_ONCE = 16 };

/* Not its backup labels and histories. */
static bool is_segment_file(const char *name)
{
    return strlen(name) == DEMO_PG_NAME_BYTES
           && strspn(name, "0123456789ABCDEF") == DEMO_PG_NAME_BYTES;
}

static bool is_new(const struct demo_pg *pg, const char *name)
{
    return pg->file_count == 0 || strcmp(name, pg->files[pg->file_count - 1].name) > 0;
}

static void add(struct demo_pg *pg, const char *folder, const char *name)
{
    char path[CHILD_PATH_MAX];
    struct stat about;

    if (pg->file_count == pg->file_room) {
        pg->file_room = pg->file_room == 0 ? 64 : 2 * pg->file_room;
        pg->files = realloc(pg->files, pg->file_room * sizeof *pg->files);
        CHECK(pg->files != NULL);
    }
    snprintf(path, sizeof path, "%.900s/%s", folder, name);
    if (stat(path, &about) == 0) {
        struct demo_pg_file *file = &pg->files[pg->file_count++];

        snprintf(file->name, sizeof file->name, "%s", name);
        file->bytes = (uint64_t)about.st_size;
        pg->bytes_archived += file->bytes;
    }
}

void demo_pg_look(struct demo_pg *pg)
{
    char folder[CHILD_PATH_MAX];
    struct dirent **entries;
    const int count = scandir(demo_pg_path(pg, folder, "archive"), &entries, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        if (is_segment_file(entries[i]->d_name) && is_new(pg, entries[i]->d_name)) {
            add(pg, folder, entries[i]->d_name);
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
}

static bool start_append(struct demo_pg *pg, unsigned count)
{
    const struct demo_world *world = pg->world;
    const struct connect *connect = &world->connect;
    char program[CHILD_PATH_MAX], log[CHILD_PATH_MAX], paths[FILES_AT_ONCE][CHILD_PATH_MAX];
    const char *arguments[CHILD_ARGUMENTS_MAX] = {program,
                                                  "append",
                                                  "-q",
                                                  "--raw",
                                                  "262144",
                                                  "--durability",
                                                  "region:1",
                                                  "--to",
                                                  world->members[0].answer.address,
                                                  "--ca",
                                                  connect->ca,
                                                  "--cert",
                                                  connect->certificate,
                                                  "--key",
                                                  connect->key};
    unsigned words = 15;

    snprintf(program, sizeof program, "%s/sealift", world->programs);
    demo_log_path(world, log, "append");
    for (unsigned i = 0; i < count; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/archive/%s", pg->home,
                 pg->files[pg->shipped + i].name);
        arguments[words++] = paths[i];
    }
    arguments[words] = NULL;
    pg->shipping = count;
    return child_start(&pg->append, "append", log, arguments);
}

bool demo_pg_ship(struct demo_pg *pg)
{
    if (child_is_running(&pg->append)) {
        return true;
    }
    if (pg->shipping > 0 && pg->append.exit_code != 0) {
        snprintf(pg->why, sizeof pg->why, "'sealift append' ended with %d: see log/append.log",
                 pg->append.exit_code);
        child_show_log(&pg->append);
        pg->shipping = 0;
        return false;
    }
    for (; pg->shipping > 0; pg->shipping--) {
        pg->bytes_shipped += pg->files[pg->shipped++].bytes;
    }
    const unsigned left = pg->file_count - pg->shipped;

    return left == 0 || start_append(pg, left < FILES_AT_ONCE ? left : FILES_AT_ONCE);
}
