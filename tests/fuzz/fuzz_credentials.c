/* The key service's file of callers, as somebody has written it.
 *
 * Every caller in it is whole and has its own key id, and what is told of them can be written into
 * a line of the audit. Written down again, the file says the same. */
#include "base/check.h"
#include "host/credentials.h"
#include "tests/fuzz/file.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static enum status load(struct credentials **credentials, struct bytes text)
{
    char path[FUZZ_PATH_MAX], why[CREDENTIALS_WHY_MAX] = "";
    const int fd = fuzz_file_open(text, path);
    const enum status status = credentials_load(credentials, path, why);

    fuzz_file_close(fd);
    CHECK((status == OK) == (why[0] == '\0'));
    CHECK(status == OK || strncmp(why, path, strlen(path)) == 0);
    return status;
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

static void check_one(const struct credentials *credentials, const struct credential *one)
{
    CHECK(strlen(one->access_key) >= 16 && strlen(one->secret_key) >= 16);
    CHECK(strspn(one->account, "0123456789") == 12 && one->account[12] == '\0');
    CHECK(is_printable(one->access_key) && is_printable(one->secret_key));
    CHECK(is_printable(one->principal) && strncmp(one->principal, "arn:", 4) == 0);
    CHECK(credentials_find(credentials, one->access_key) == one);
}

static void write_again(const struct credentials *credentials, FILE *file)
{
    for (unsigned i = 0; i < credentials->count; i++) {
        const struct credential *one = &credentials->list[i];

        check_one(credentials, one);
        fprintf(file, "[caller-%u]\n", i);
        fprintf(file, "principal=%s\n\taccount = %s \n", one->principal, one->account);
        fprintf(file, "access_key_id = %s\n", one->access_key);
        fprintf(file, "secret_access_key = %s\n", one->secret_key);
    }
}

static void try_again(const struct credentials *credentials)
{
    struct credentials *again;
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    CHECK(file != NULL);
    write_again(credentials, file);
    fclose(file);
    CHECK(load(&again, bytes_of(text, size)) == OK && again->count == credentials->count);
    for (unsigned i = 0; i < again->count; i++) {
        const struct credential *a = &credentials->list[i], *b = &again->list[i];

        CHECK(strcmp(a->access_key, b->access_key) == 0);
        CHECK(strcmp(a->secret_key, b->secret_key) == 0);
        CHECK(strcmp(a->principal, b->principal) == 0);
        CHECK(strcmp(a->account, b->account) == 0);
    }
    credentials_free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct credentials *credentials;

    if (load(&credentials, bytes_of(data, size)) == OK) {
        try_again(credentials);
        credentials_free(credentials);
    }
    return 0;
}
