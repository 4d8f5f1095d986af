/* A table of the three and two switches.
 *
 * A store that has keys is never given another root key (host/keyd_daemon.c). What is guarded here
 * is the operator who starts an old store with new options: he is told which ones it was made
 * with, not only that something is missing. */
#include "host/root_source.h"

#include "base/check.h"

#include <stdio.h>

static const struct {
    const char *file, *option;
} kinds[] = {
    [ROOT_OF_FILE] = {"root.key", "--root-key-file"},
    [ROOT_OF_PASSPHRASE] = {"root.scrypt", "--root-passphrase-file"},
    [ROOT_OF_TOKEN] = {"root.pkcs11", "--root-pkcs11"},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static enum status check_others(const struct root_source *source, const char *data, char *why)
{
    char path[PATH_MAX];

    for (unsigned i = 0; i < KINDS; i++) {
        if (i == source->kind) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", data, kinds[i].file);
        if (secret_file_exists(path)) {
            snprintf(why, SECRET_FILE_WHY_MAX,
                     "%s: this store was made with %s; its root key comes from there for life, not "
                     "from %s (E_USAGE)",
                     path, kinds[i].option, kinds[source->kind].option);
            return E_USAGE;
        }
    }
    return OK;
}

enum status root_source_choose(struct root_source *source, const struct root_options *options,
                               const char *data, char *why)
{
    *source = (struct root_source){.options = options};
    source->kind = options->token.place.module != NULL ? ROOT_OF_TOKEN
                   : options->passphrase_file != NULL  ? ROOT_OF_PASSPHRASE
                                                       : ROOT_OF_FILE;

    const int size =
        options->key_file != NULL
            ? snprintf(source->path, PATH_MAX, "%s", options->key_file)
            : snprintf(source->path, PATH_MAX, "%s/%s", data, kinds[source->kind].file);

    if (size >= PATH_MAX) {
        snprintf(why, SECRET_FILE_WHY_MAX, "the path of %s is too long (E_USAGE)",
                 kinds[source->kind].file);
        return E_USAGE;
    }
    return check_others(source, data, why);
}

enum status root_source_create(struct root_source *source, const struct entropy *entropy, char *why)
{
    const struct root_options *options = source->options;

    switch (source->kind) {
    case ROOT_OF_FILE:
        return root_key_create(source->path, entropy, why);
    case ROOT_OF_PASSPHRASE:
        return root_passphrase_create(options->passphrase_file, source->path, entropy, why);
    case ROOT_OF_TOKEN:
        return root_token_create(&options->token, source->path, entropy, &source->made_token_key,
                                 why);
    }
    UNREACHABLE();
}

enum status root_source_load(const struct root_source *source, struct secret *root, char *why)
{
    const struct root_options *options = source->options;

    switch (source->kind) {
    case ROOT_OF_FILE:
        return root_key_load(source->path, root, why);
    case ROOT_OF_PASSPHRASE:
        return root_passphrase_load(options->passphrase_file, source->path, root, why);
    case ROOT_OF_TOKEN:
        return root_token_load(&options->token, source->path, root, why);
    }
    UNREACHABLE();
}
