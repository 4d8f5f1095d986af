/* Writes the vectors as files.
 *
 *     make_vectors good DIR    what is checked in as tests/vectors/good (folders are made)
 *     make_vectors bad DIR     one folder a bad one: the files that differ, and `case`:
 *                              "FOLDER STATUS-WITH-KEYS STATUS-WITHOUT", then lost files, each a
 *                              line of its own
 *
 * What an earlier build wrote there goes first: a folder that is made no longer, or under another
 * name, would be judged as if it were. Only folders that look like ours are removed.
 */
#include "base/hex.h"
#include "cli/local.h"
#include "tests/vectors/bad.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void fail(const char *path)
{
    perror(path);
    exit(EXIT_FAILURE);
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        fail(path);
    }
}

/* Removes each folder of `root` that has such a file. */
static void remove_folders(const char *root, const char *with)
{
    char pattern[512];
    glob_t found;

    if (snprintf(pattern, sizeof pattern, "%s/*/%s", root, with) >= (int)sizeof pattern) {
        errno = ENAMETOOLONG;
        fail(root);
    }
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            *strrchr(found.gl_pathv[i], '/') = '\0';
            local_remove_folder(found.gl_pathv[i]);
        }
    }
    globfree(&found);
}

static void write_file(const char *folder, const char *name, struct good_bytes bytes)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", folder, name);

    FILE *const file = fopen(path, "wb");

    if (file == NULL || fwrite(bytes.data, 1, bytes.size, file) != bytes.size
        || fclose(file) != 0) {
        fail(path);
    }
}

static const char *path_in(char path[512], const char *folder, const char *name)
{
    if (snprintf(path, 512, "%s/%s", folder, name) >= 512) {
        errno = ENAMETOOLONG;
        fail(folder);
    }
    make_folder(path);
    return path;
}

static void write_folder(const char *root, const struct good_folder *folder)
{
    char path[512], wal[512], name[GOOD_NAME_MAX];

    path_in(path, root, folder->name);
    path_in(wal, path, "wal");
    for (unsigned i = 0; i < GOOD_FILES; i++) {
        if (folder->files[i].data != NULL) {
            write_file(path, good_file_name((enum good_file)i, name), folder->files[i]);
        }
    }
}

static bool is_same(struct good_bytes a, struct good_bytes b)
{
    return a.size == b.size && (a.data == NULL) == (b.data == NULL)
           && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static struct good_bytes text_of_deks(const struct audit_dek *deks, char *text, size_t room)
{
    size_t size = 0;

    for (unsigned i = 0; i < GOOD_DEKS; i++) {
        char id[33], secret[65];

        size += (size_t)snprintf(text + size, room - size, "%s %s\n",
                                 hex_encode(bytes_of(deks[i].id.bytes, 16), id),
                                 hex_encode(bytes_of(deks[i].secret.bytes, SECRET_BYTES), secret));
    }
    return (struct good_bytes){(uint8_t *)text, size};
}

static void write_bad(const char *root, const struct good *good, const struct bad *bad)
{
    const struct good_folder *from = bad_base(good, bad);
    char path[512], wal[512], name[GOOD_NAME_MAX], text[1024];
    struct bad_copy copy;
    size_t size;

    bad_make(&copy, good, bad);
    path_in(path, root, bad->name);
    path_in(wal, path, "wal");
    size = (size_t)snprintf(text, sizeof text, "%s %s %s\n", from->name, status_name(bad->keyed),
                            status_name(bad->keyless));
    for (unsigned i = 0; i < GOOD_FILES; i++) {
        const char *file = good_file_name((enum good_file)i, name);

        if (copy.folder.files[i].data == NULL && from->files[i].data != NULL) {
            size += (size_t)snprintf(text + size, sizeof text - size, "%s\n", file);
        } else if (!is_same(copy.folder.files[i], from->files[i])) {
            write_file(path, file, copy.folder.files[i]);
        }
    }
    write_file(path, "case", (struct good_bytes){(uint8_t *)text, size});
    write_file(path, "deks.txt", text_of_deks(copy.deks, text, sizeof text));
    good_folder_free(&copy.folder);
}

int main(int argc, char **argv)
{
    struct good good;

    if (argc != 3 || (strcmp(argv[1], "good") != 0 && strcmp(argv[1], "bad") != 0)) {
        fprintf(stderr, "usage: make_vectors good|bad DIR\n");
        return 2;
    }
    good_make(&good);
    make_folder(argv[2]);
    remove_folders(argv[2], strcmp(argv[1], "good") == 0 ? "records.txt" : "case");
    if (strcmp(argv[1], "good") == 0) {
        write_folder(argv[2], &good.encrypted);
        write_folder(argv[2], &good.plain);
        write_folder(argv[2], &good.torn);
        write_folder(argv[2], &good.restored);
        write_folder(argv[2], &good.retained);
        write_file(argv[2], "deks.txt", good.deks_text);
    }
    for (unsigned i = 0; strcmp(argv[1], "bad") == 0 && bad_at(i) != NULL; i++) {
        write_bad(argv[2], &good, bad_at(i));
    }
    good_free(&good);
    return EXIT_SUCCESS;
}
