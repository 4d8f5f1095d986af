/* A shared credentials file, as AWS's tools or somebody else has written it.
 *
 * A pair is whole or there is none, with a sentence then. Written again, in the plainest way and
 * among others, it is found again as the same. A value is a line's, without its blanks. */
#include "base/check.h"
#include "host/key_profile.h"
#include "tests/fuzz/file.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static enum status load(struct key_credentials *credentials, struct bytes text)
{
    static const struct key_credentials none;
    static char why[KEY_PROFILE_WHY_MAX];
    char path[FUZZ_PATH_MAX];
    const int fd = fuzz_file_open(text, path);

    why[0] = '\0';
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    unsetenv("AWS_PROFILE");
    const enum status status = key_profile_load(credentials, why);

    fuzz_file_close(fd);
    CHECK((status == OK) == (why[0] == '\0'));
    CHECK(status == OK || strstr(why, path) != NULL);
    CHECK(status == OK || memcmp(credentials, &none, sizeof none) == 0);
    return status;
}

static void check_value(const char *value)
{
    const size_t size = strlen(value);

    CHECK(strchr(value, '\n') == NULL);
    CHECK(size == 0
          || (strchr(" \t\r", value[0]) == NULL && strchr(" \t\r", value[size - 1]) == NULL));
}

static void try_again(const struct key_credentials *found)
{
    static struct key_credentials again;
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    CHECK(file != NULL);
    fprintf(file, "[other]\naws_access_key_id = x\n[ default ] # ours\nAWS_ACCESS_KEY_ID=%s\n",
            found->access_key);
    fprintf(file, "aws_secret_access_key=%s\t# it\n [a]\n aws_session_token = more of the above\n",
            found->secret_key);
    fprintf(file, "aws_session_token =%s\n[last]\n", found->session_token);
    fclose(file);
    CHECK(load(&again, bytes_of(text, size)) == OK);
    CHECK(strcmp(again.access_key, found->access_key) == 0);
    CHECK(strcmp(again.secret_key, found->secret_key) == 0);
    CHECK(strcmp(again.session_token, found->session_token) == 0);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct key_credentials found;

    if (load(&found, bytes_of(data, size)) == OK) {
        CHECK(found.access_key[0] != '\0' && found.secret_key[0] != '\0');
        check_value(found.access_key);
        check_value(found.secret_key);
        check_value(found.session_token);
        try_again(&found);
    }
    return 0;
}
