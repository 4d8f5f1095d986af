/* Names lead to files by number, so that a rename takes the contents along, durable or not. */
#include "tests/replay/model.h"

#include "base/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- names ---- */

static struct model_name *find(struct names *names, const char *path)
{
    for (unsigned i = 0; i < names->count; i++) {
        if (strcmp(names->list[i].path, path) == 0) {
            return &names->list[i];
        }
    }
    return NULL;
}

static int file_of(struct names *names, const char *path)
{
    const struct model_name *name = find(names, path);

    return name == NULL ? -1 : name->file;
}

static void put(struct names *names, const char *path, int file)
{
    struct model_name *name = find(names, path);

    if (name == NULL) {
        CHECK(names->count < NAMES_MAX);
        name = &names->list[names->count++];
        snprintf(name->path, sizeof name->path, "%s", path);
    }
    name->file = file;
}

static void drop(struct names *names, const char *path)
{
    struct model_name *name = find(names, path);

    if (name != NULL) {
        *name = names->list[--names->count];
    }
}

/* One change of names; `file` and `other` are what its names meant. */
static void change(struct names *names, const struct op *op, int file, int other)
{
    switch (op->kind) {
    case OP_MAKE_FOLDER:
    case OP_CREATE:
        put(names, op->path, file);
        return;
    case OP_RENAME:
        drop(names, op->path);
        put(names, op->other, file);
        return;
    case OP_EXCHANGE:
        put(names, op->path, other);
        put(names, op->other, file);
        return;
    case OP_LINK:
        put(names, op->other, file);
        return;
    case OP_UNLINK:
        drop(names, op->path);
        return;
    case OP_TRUNCATE:
    case OP_WRITE:
    case OP_ALLOCATE:
    case OP_SYNC_FILE:
    case OP_SYNC_FOLDER:
        break;
    }
    UNREACHABLE();
}

/* ---- contents ---- */

static int file_new(struct model *model)
{
    CHECK(model->file_count < FILES_MAX);
    model->files[model->file_count] = (struct model_file){0};
    return model->file_count++;
}

static void resize(struct contents *contents, uint64_t size)
{
    contents->data = realloc(contents->data, size + 1);
    CHECK(contents->data != NULL);
    if (size > contents->size) {
        memset(contents->data + contents->size, 0, size - contents->size);
    }
    contents->size = size;
}

static void write_at(struct contents *contents, uint64_t offset, const uint8_t *data, uint64_t size)
{
    if (offset + size > contents->size) {
        resize(contents, offset + size);
    }
    if (size > 0) { /* an empty file has no data at all */
        memcpy(contents->data + offset, data, size);
    }
}

/* ---- what is chosen ---- */

struct chooser {
    const struct choice *choice;
    struct prng dice;
    unsigned share; /* of 8: how much of it all is there */
    unsigned things;
};

static struct chooser chooser_of(const struct choice *choice)
{
    struct chooser chooser = {.choice = choice};

    prng_seed(&chooser.dice, choice->number);
    chooser.share = 1 + (unsigned)(prng_next(&chooser.dice) % 7);
    return chooser;
}

static bool is_there(struct chooser *chooser)
{
    const unsigned thing = chooser->things++;

    switch (chooser->choice->how) {
    case CHOOSE_NONE:
        return false;
    case CHOOSE_ALL:
        return true;
    case CHOOSE_SOME:
        return prng_next(&chooser->dice) % 8 < chooser->share;
    case CHOOSE_ALL_BUT:
        return thing != chooser->choice->number;
    case CHOOSE_ONLY:
        return thing == chooser->choice->number;
    }
    UNREACHABLE();
}

static void write_sectors(struct contents *contents, const struct op *op, struct chooser *chooser)
{
    for (uint64_t at = 0; at < op->size; at += SECTOR_BYTES) {
        const uint64_t left = op->size - at;

        if (is_there(chooser)) {
            write_at(contents, op->offset + at, op->data + at,
                     left < SECTOR_BYTES ? left : SECTOR_BYTES);
        }
    }
}

static void contents_after(const struct model_file *file, struct contents *contents,
                           struct chooser *chooser)
{
    *contents = (struct contents){0};
    write_at(contents, 0, file->durable.data, file->durable.size);
    for (unsigned i = 0; i < file->pending_count; i++) {
        const struct op *op = file->pending[i];

        if (op->kind == OP_WRITE) {
            write_sectors(contents, op, chooser);
        } else if (is_there(chooser)) {
            resize(contents, op->kind == OP_TRUNCATE ? 0 : op->size);
        }
    }
    if (file->live_size > contents->size && is_there(chooser)) {
        resize(contents, file->live_size); /* the size came, the sectors did not */
    }
}

/* ---- operations ---- */

static void note_contents(struct model *model, const struct op *op)
{
    const int number = file_of(&model->live, op->path);

    CHECK(number >= 0);
    struct model_file *file = &model->files[number];

    CHECK(file->pending_count < PENDING_MAX);
    file->pending[file->pending_count++] = op;
    if (op->kind == OP_TRUNCATE) {
        file->live_size = 0;
    } else if (op->offset + op->size > file->live_size) {
        file->live_size = op->offset + op->size;
    }
}

static void sync_file(struct model *model, const char *path)
{
    const struct choice all = {.how = CHOOSE_ALL};
    struct chooser chooser = chooser_of(&all);
    const int number = file_of(&model->live, path);
    struct contents contents;

    CHECK(number >= 0);
    struct model_file *file = &model->files[number];

    contents_after(file, &contents, &chooser);
    free(file->durable.data);
    file->durable = contents;
    file->pending_count = 0;
}

static bool is_in(const char *path, const char *folder)
{
    const char *slash = strrchr(path, '/');
    const size_t size = slash == NULL ? 0 : (size_t)(slash - path);

    return path[0] != '\0' && strlen(folder) == size && strncmp(path, folder, size) == 0;
}

/* A rename is one change, durable with the folder of its new name: the old one's is not enough. */
static bool is_made_durable(const struct op *op, const char *folder)
{
    const bool two = op->kind == OP_RENAME || op->kind == OP_LINK;

    return two ? is_in(op->other, folder) : is_in(op->path, folder) || is_in(op->other, folder);
}

static bool share_a_name(const struct op *a, const struct op *b)
{
    return strcmp(a->path, b->path) == 0 || strcmp(a->path, b->other) == 0
           || (a->other[0] != '\0'
               && (strcmp(a->other, b->path) == 0 || strcmp(a->other, b->other) == 0));
}

/* Whether it becomes durable with what comes behind it: a file cannot leave a name that it has not
 * had. */
static bool is_needed(const struct model *model, unsigned number, const bool *durable)
{
    for (unsigned i = number + 1; i < model->pending_count; i++) {
        if (durable[i] && share_a_name(model->pending[number], model->pending[i])) {
            return true;
        }
    }
    return false;
}

static void sync_folder(struct model *model, const char *folder)
{
    bool durable[PENDING_MAX];
    unsigned kept = 0;

    for (unsigned i = model->pending_count; i-- > 0;) {
        durable[i] = is_made_durable(model->pending[i], folder) || is_needed(model, i, durable);
    }
    for (unsigned i = 0; i < model->pending_count; i++) {
        const struct op *op = model->pending[i];
        const int file = model->pending_file[i][0], other = model->pending_file[i][1];

        if (durable[i]) {
            change(&model->durable, op, file, other);
            continue;
        }
        model->pending[kept] = op;
        model->pending_file[kept][0] = file;
        model->pending_file[kept++][1] = other;
    }
    model->pending_count = kept;
}

static void note_name(struct model *model, const struct op *op)
{
    const bool makes = op->kind == OP_CREATE;
    const int file = makes ? file_new(model) : file_of(&model->live, op->path);
    const int other = file_of(&model->live, op->other);

    CHECK(model->pending_count < PENDING_MAX);
    model->pending[model->pending_count] = op;
    model->pending_file[model->pending_count][0] = file;
    model->pending_file[model->pending_count++][1] = other;
    change(&model->live, op, file, other);
}

void model_apply(struct model *model, const struct op *op)
{
    switch (op->kind) {
    case OP_WRITE:
    case OP_TRUNCATE:
    case OP_ALLOCATE:
        note_contents(model, op);
        return;
    case OP_SYNC_FILE:
        sync_file(model, op->path);
        return;
    case OP_SYNC_FOLDER:
        sync_folder(model, op->path);
        return;
    case OP_MAKE_FOLDER:
    case OP_CREATE:
    case OP_RENAME:
    case OP_EXCHANGE:
    case OP_LINK:
    case OP_UNLINK:
        note_name(model, op);
        return;
    }
    UNREACHABLE();
}

/* ---- from and to a real folder ---- */

static void load_file(struct model *model, const char *folder, const char *path)
{
    char full[PATH_MAX];
    struct stat about;

    snprintf(full, sizeof full, "%s/%s", folder, path);
    FILE *file = fopen(full, "r");

    CHECK(file != NULL && fstat(fileno(file), &about) == 0);
    const int number = file_new(model);
    struct contents *contents = &model->files[number].durable;

    resize(contents, (uint64_t)about.st_size);
    CHECK(fread(contents->data, 1, contents->size, file) == contents->size);
    fclose(file);
    model->files[number].live_size = contents->size;
    put(&model->live, path, number);
}

static void load_folder(struct model *model, const char *folder, const char *below)
{
    char path[PATH_MAX];
    struct dirent *entry;

    snprintf(path, sizeof path, "%s/%s", folder, below);
    DIR *entries = opendir(path);

    CHECK(entries != NULL);
    while ((entry = readdir(entries)) != NULL) {
        char name[PATH_BYTES];

        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "lock") == 0) {
            continue;
        }
        snprintf(name, sizeof name, "%s%s%.60s", below, below[0] == '\0' ? "" : "/", entry->d_name);
        if (entry->d_type == DT_DIR) {
            put(&model->live, name, -1);
        } else {
            load_file(model, folder, name);
        }
    }
    closedir(entries);
}

void model_load(struct model *model, const char *folder)
{
    *model = (struct model){0};
    model->files = calloc(FILES_MAX, sizeof *model->files);
    CHECK(model->files != NULL);
    load_folder(model, folder, "");
    for (unsigned i = 0, folders = model->live.count; i < folders; i++) {
        if (model->live.list[i].file < 0) {
            load_folder(model, folder, model->live.list[i].path);
        }
    }
    model->durable = model->live;
}

void model_copy(struct model *copy, const struct model *model)
{
    *copy = *model;
    copy->files = calloc(FILES_MAX, sizeof *copy->files);
    CHECK(copy->files != NULL);
    for (int i = 0; i < model->file_count; i++) {
        copy->files[i] = model->files[i];
        copy->files[i].durable = (struct contents){0};
        write_at(&copy->files[i].durable, 0, model->files[i].durable.data,
                 model->files[i].durable.size);
    }
}

void model_free(struct model *model)
{
    for (int i = 0; i < model->file_count; i++) {
        free(model->files[i].durable.data);
    }
    free(model->files);
}

static bool parent_is_there(struct names *names, const char *path)
{
    char parent[PATH_BYTES];
    char *slash;

    snprintf(parent, sizeof parent, "%s", path);
    slash = strrchr(parent, '/');
    if (slash == NULL) {
        return true;
    }
    *slash = '\0';
    return find(names, parent) != NULL;
}

static void write_out(const struct contents *contents, const char *folder, const char *path)
{
    char full[PATH_MAX];

    snprintf(full, sizeof full, "%s/%s", folder, path);
    FILE *file = fopen(full, "w");

    CHECK(file != NULL);
    CHECK(contents->size == 0 || fwrite(contents->data, 1, contents->size, file) == contents->size);
    CHECK(fclose(file) == 0);
}

unsigned model_cut(const struct model *model, const struct choice *choice, const char *folder)
{
    struct chooser chooser = chooser_of(choice);
    struct names *names = malloc(sizeof *names);

    CHECK(names != NULL);
    *names = model->durable;
    for (unsigned i = 0; i < model->pending_count; i++) {
        if (is_there(&chooser)) {
            change(names, model->pending[i], model->pending_file[i][0], model->pending_file[i][1]);
        }
    }
    for (unsigned i = 0; i < names->count; i++) {
        char full[PATH_MAX];

        snprintf(full, sizeof full, "%s/%s", folder, names->list[i].path);
        CHECK(names->list[i].file >= 0 || mkdir(full, 0700) == 0);
    }
    for (unsigned i = 0; i < names->count; i++) {
        const struct model_name *name = &names->list[i];
        struct contents contents;

        if (name->file >= 0 && parent_is_there(names, name->path)) {
            contents_after(&model->files[name->file], &contents, &chooser);
            write_out(&contents, folder, name->path);
            free(contents.data);
        }
    }
    free(names);
    return chooser.things;
}
