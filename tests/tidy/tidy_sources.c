/* Does the source tree keep the rules of the house?
 *
 *     tidy_sources ROOT [--expect N]
 *
 * Walks all of our .c and .h files. Fails where a fault is found; with --expect, where not exactly
 * that many are (the tree of bad examples must stay bad in every way). */
#include "tests/tidy/tidy_rules.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned faults, files;

static bool is_source(const char *name)
{
    const size_t size = strlen(name);

    return size > 2 && (strcmp(name + size - 2, ".c") == 0 || strcmp(name + size - 2, ".h") == 0);
}

/* What is not ours, or bad on purpose. */
static bool is_skipped(const FTSENT *entry, const char *path)
{
    return entry->fts_level > 0
           && (entry->fts_name[0] == '.' || strcmp(path, "build") == 0
               || strcmp(path, "tests/tidy/bad") == 0);
}

static void check_file(const char *full, const char *path)
{
    FILE *const stream = fopen(full, "r");
    char line[TIDY_LINE_MAX];
    struct tidy_file file;

    if (stream == NULL) {
        printf("%s:1: readable: cannot be opened\n", path);
        faults++;
        return;
    }
    tidy_begin(&file, path);
    while (fgets(line, sizeof line, stream) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        tidy_line(&file, line);
    }
    faults += tidy_end(&file);
    files++;
    fclose(stream);
}

static void walk(char *root)
{
    char *const roots[] = {root, NULL};
    FTS *const tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry;

    while (tree != NULL && (entry = fts_read(tree)) != NULL) {
        const char *path = entry->fts_path + strlen(root);

        path += *path == '/';
        if (entry->fts_info == FTS_D && is_skipped(entry, path)) {
            fts_set(tree, entry, FTS_SKIP);
        } else if (entry->fts_info == FTS_F && is_source(entry->fts_name)) {
            check_file(entry->fts_path, path);
        }
    }
    if (tree != NULL) {
        fts_close(tree);
    }
}

int main(int argc, char **argv)
{
    const bool expects = argc == 4 && strcmp(argv[2], "--expect") == 0;

    if (argc != 2 && !expects) {
        fprintf(stderr, "usage: tidy_sources ROOT [--expect N]\n");
        return 2;
    }
    walk(argv[1]);
    printf("%u files, %u faults\n", files, faults);
    return files > 0 && faults == (expects ? strtoul(argv[3], NULL, 10) : 0) ? EXIT_SUCCESS
                                                                             : EXIT_FAILURE;
}
