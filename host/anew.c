/* The message: the role, one byte, then three texts, each with its final zero. It is small enough
 * for any pipe, and is written without waiting, since nobody reads before the exec. */
#include "host/anew.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANEW_VARIABLE "SEALIFT_ANEW"

enum { MESSAGE_MAX = 1 + 3 * CREDENTIAL_MAX };

static char **remembered;

void anew_remember(int argc, char *const *argv)
{
    CHECK(remembered == NULL);
    remembered = calloc((size_t)argc + 1, sizeof *remembered);
    CHECK(remembered != NULL);
    for (int i = 0; i < argc; i++) {
        remembered[i] = strdup(argv[i]);
        CHECK(remembered[i] != NULL);
    }
}

static size_t put(uint8_t *message, const struct key_credentials *credentials, enum role role)
{
    const char *const texts[] = {credentials->access_key, credentials->secret_key,
                                 credentials->session_token};
    size_t size = 0;

    message[size++] = (uint8_t)role;
    for (unsigned i = 0; i < 3; i++) {
        const size_t length = strlen(texts[i]) + 1;

        memcpy(message + size, texts[i], length);
        size += length;
    }
    return size;
}

/* The reading end, with the message in it; -1, and errno. */
static int make_pipe(const struct key_credentials *credentials, enum role role)
{
    uint8_t message[MESSAGE_MAX];
    const size_t size = put(message, credentials, role);
    int ends[2];

    if (pipe2(ends, O_NONBLOCK) != 0) {
        OPENSSL_cleanse(message, sizeof message);
        return -1;
    }

    const ssize_t written = write(ends[1], message, size);

    OPENSSL_cleanse(message, sizeof message);
    close(ends[1]);
    if (written != (ssize_t)size) {
        close(ends[0]);
        errno = written < 0 ? errno : ENOSPC;
        return -1;
    }
    return ends[0];
}

void anew_begin(const struct key_credentials *credentials, enum role role, char *why)
{
    char path[4096], number[16];
    const ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    const int end = make_pipe(credentials, role);

    CHECK(remembered != NULL);
    if (size > 0 && end >= 0) {
        path[size] = '\0';
        snprintf(number, sizeof number, "%d", end);
        if (setenv(ANEW_VARIABLE, number, 1) == 0) {
            execv(path, remembered);
        }
    }
    snprintf(why, ANEW_WHY_MAX, "cannot start again in this process (%s): start it again",
             strerror(errno));
    if (end >= 0) {
        close(end);
    }
}

/* Whether a text of `left` bytes at most, with its zero, is there. */
static const char *take_text(char *into, const char *from, size_t *left)
{
    const size_t length = strnlen(from, *left);

    if (length == *left || length >= CREDENTIAL_MAX) {
        return NULL;
    }
    memcpy(into, from, length + 1);
    *left -= length + 1;
    return from + length + 1;
}

static bool decode(const char *message, size_t size, struct key_credentials *credentials,
                   enum role *role)
{
    size_t left = size - 1;
    const char *at = message + 1;

    if (size == 0 || (message[0] != ROLE_PRIMARY && message[0] != ROLE_REPLICA)) {
        return false;
    }
    at = take_text(credentials->access_key, at, &left);
    at = at == NULL ? NULL : take_text(credentials->secret_key, at, &left);
    at = at == NULL ? NULL : take_text(credentials->session_token, at, &left);
    *role = (enum role)message[0];
    return at != NULL && left == 0;
}

bool anew_take(struct key_credentials *credentials, enum role *role)
{
    const char *number = getenv(ANEW_VARIABLE);
    char message[MESSAGE_MAX];
    struct key_credentials taken;
    enum role was;

    if (number == NULL) {
        return false;
    }

    const int end = atoi(number);
    const ssize_t size = end <= 2 ? -1 : read(end, message, sizeof message);
    const bool good = size > 0 && decode(message, (size_t)size, &taken, &was);

    if (end > 2) {
        close(end);
    }
    unsetenv(ANEW_VARIABLE);
    if (good) {
        *credentials = taken;
        *role = was;
    }
    OPENSSL_cleanse(message, sizeof message);
    OPENSSL_cleanse(&taken, sizeof taken);
    return good;
}
