/* Small files, read whole and wiped after use.
 *
 * Creating never overwrites, and a failure takes the name away again. The name comes last: a crash
 * in between leaves at most PATH.PID.new, which nothing reads and which nothing was sealed under.
 */
#include "host/secret_file.h"

#include "base/check.h"
#include "base/hex.h"
#include "host/failpoint.h"
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status explain(enum status status, const char *path, const char *what, char *why)
{
    snprintf(why, SECRET_FILE_WHY_MAX, "%s: %s (%s)", path, what, status_name(status));
    return status;
}

bool secret_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum status secret_file_load(const char *path, char **text, char *why)
{
    struct stat about;
    uint8_t *data;
    size_t size;

    *text = NULL;
    if (stat(path, &about) != 0) {
        return explain(file_status_of_errno(errno), path, strerror(errno), why);
    }
    if ((about.st_mode & 077) != 0) {
        return explain(E_USAGE, path, "others than its owner may use it; chmod 600", why);
    }

    const enum status status = file_load(AT_FDCWD, path, SECRET_FILE_BYTES_MAX, &data, &size);

    if (status != OK) {
        return explain(status, path, status_text(status), why);
    }
    data[size] = '\0'; /* file_load leaves room for it */
    if (strlen((char *)data) != size) {
        secret_wipe_memory(data, size);
        free(data);
        return explain(E_MALFORMED, path, "not a text", why);
    }
    *text = (char *)data;
    return OK;
}

void secret_file_forget(char *text)
{
    if (text != NULL) {
        secret_wipe_memory(text, strlen(text));
        free(text);
    }
}

static enum status sync_parent(const char *path)
{
    char copy[PATH_MAX];

    snprintf(copy, sizeof copy, "%s", path);

    const int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0) {
        return file_status_of_errno(errno);
    }

    const enum status status = file_sync_folder(folder);

    close(folder);
    return status;
}

/* A name of our own beside it: two processes may be making the same file. */
static enum status write_beside(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        return file_status_of_errno(errno);
    }
    failpoint_pass(FAILPOINT_SECRET_BEFORE_WRITE);

    enum status status = file_write(fd, bytes_text(text), 0);

    failpoint_pass(FAILPOINT_SECRET_BEFORE_SYNC);
    if (status == OK) {
        status = file_sync(fd);
    }

    const enum status closed = file_close(fd);

    return status == OK ? closed : status;
}

enum status secret_file_create(const char *path, const char *text, char *why)
{
    char beside[PATH_MAX + 32];

    snprintf(beside, sizeof beside, "%s.%ld.new", path, (long)getpid());

    enum status status = write_beside(beside, text);

    failpoint_pass(FAILPOINT_SECRET_AFTER_SYNC);
    if (status == OK && renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_NOREPLACE) != 0) {
        status = file_status_of_errno(errno);
    }
    if (status != OK) {
        const int error = errno;

        unlink(beside);
        return explain(status, path, strerror(error), why);
    }
    failpoint_pass(FAILPOINT_SECRET_AFTER_RENAME);
    status = sync_parent(path);
    if (status != OK) {
        unlink(path);
        return explain(status, path, status_text(status), why);
    }
    failpoint_pass(FAILPOINT_SECRET_AFTER_FOLDER_SYNC);
    return OK;
}

enum status root_key_load(const char *path, struct secret *root, char *why)
{
    char *text;

    TRY(secret_file_load(path, &text, why));

    const size_t digits = strcspn(text, "\r\n");
    const bool alone = text[digits + strspn(text + digits, "\r\n")] == '\0';
    enum status status = E_MALFORMED;

    text[digits] = '\0'; /* the text behind it was line ends only, or is refused */
    if (alone && digits == 2 * (size_t)SECRET_BYTES) {
        status = hex_decode(text, root->bytes, SECRET_BYTES);
    }
    secret_file_forget(text);
    if (status != OK) {
        secret_wipe(root);
        return explain(status, path, "a root key is 64 hexadecimal digits", why);
    }
    return OK;
}

enum status root_key_create(const char *path, const struct entropy *entropy, char *why)
{
    uint8_t random[SECRET_BYTES];
    char text[2 * SECRET_BYTES + 2];

    entropy_fill(entropy, random, sizeof random);
    hex_encode(bytes_of(random, sizeof random), text);
    memcpy(text + 2 * (size_t)SECRET_BYTES, "\n", 2);

    const enum status status = secret_file_create(path, text, why);

    secret_wipe_memory(random, sizeof random);
    secret_wipe_memory(text, sizeof text);
    return status;
}
