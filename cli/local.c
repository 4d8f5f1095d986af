/* Find a free port, start, knock until somebody answers; at the end remove the folder.
 *
 * What cannot be had (no /proc, no credentials, a child that ends at once) is said on stderr, and
 * the caller gives up: nothing here is tried twice but the knocking. */
#include "cli/local.h"

#include "base/check.h"
#include "seal/secret.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { START_MS_MAX = 30000, KNOCK_MS = 50, PORT_FIRST = 10000, PORTS = 22000 };

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
    return false;
}

void local_sleep_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

bool local_programs(char *path, size_t room)
{
    const ssize_t size = readlink("/proc/self/exe", path, room - 1);

    if (size <= 0 || (size_t)size >= room - 1) {
        return fail("/proc/self/exe", size <= 0 ? strerror(errno) : "its path is too long");
    }
    path[size] = '\0';
    *strrchr(path, '/') = '\0';
    return true;
}

static bool binds(int fd, unsigned port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int bound = bind(fd, (const struct sockaddr *)&address, sizeof address);

    CHECK(bound == 0 || errno == EADDRINUSE || errno == EACCES);
    return bound == 0;
}

/* Below the ports that the kernel gives to outgoing connections (32768 and up): one of those may be
 * in use, by whoever dials, just when its daemon is started anew (ip_local_port_range). */
unsigned local_free_port(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned port;

    CHECK(fd >= 0);
    do {
        port = PORT_FIRST + arc4random_uniform(PORTS);
    } while (!binds(fd, port));
    close(fd);
    return port;
}

/* As the daemon binds it: connections of its last life that linger are no hindrance. */
bool local_port_is_free(unsigned port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;

    CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);

    const bool is_free = binds(fd, port);

    close(fd);
    return is_free;
}

static bool port_answers(unsigned port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool answers =
        fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return answers;
}

bool local_wait_for_port(struct child *child, unsigned port)
{
    for (int waited = 0; waited < START_MS_MAX; waited += KNOCK_MS) {
        if (port_answers(port)) {
            return true;
        }
        if (!child_is_running(child)) {
            break;
        }
        local_sleep_ms(KNOCK_MS);
    }
    child_show_log(child);
    return fail(child->name, "did not start");
}

static bool line_value(const char *line, const char *key, char *value, size_t room)
{
    const char *equals = strchr(line, '=');

    if (strncmp(line, key, strlen(key)) != 0 || equals == NULL) {
        return false;
    }
    equals += strspn(equals, "= \t");
    snprintf(value, room, "%.*s", (int)strcspn(equals, "\r\n"), equals);
    return true;
}

bool local_read_credentials(const char *path, struct local_credentials *credentials)
{
    char line[512];
    FILE *file = fopen(path, "r");

    *credentials = (struct local_credentials){0};
    if (file == NULL) {
        return fail(path, strerror(errno));
    }
    while (fgets(line, sizeof line, file) != NULL) {
        (void)(line_value(line, "access_key_id", credentials->access_key_id,
                          sizeof credentials->access_key_id)
               || line_value(line, "secret_access_key", credentials->secret_access_key,
                             sizeof credentials->secret_access_key));
    }
    fclose(file);
    if (credentials->access_key_id[0] == '\0' || credentials->secret_access_key[0] == '\0') {
        return fail(path, "holds no access key");
    }
    return true;
}

/* Open until we end, and in every child: a name that each of them opens anew, at its beginning. */
static bool lend_profile(const struct local_credentials *credentials, char *path, size_t room)
{
    const int fd = memfd_create("credentials", 0);
    char text[sizeof *credentials + 128];

    if (fd < 0) {
        return false;
    }
    snprintf(text, sizeof text, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
             credentials->access_key_id, credentials->secret_access_key);
    snprintf(path, room, "/proc/self/fd/%d", fd);

    const bool done = fchmod(fd, 0600) == 0 /* as of any file with secrets */
                      && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    secret_wipe_memory(text, sizeof text);
    return done;
}

bool local_lend_credentials(const char *path)
{
    struct local_credentials credentials;
    char profile[64];

    if (!local_read_credentials(path, &credentials)) {
        return false;
    }

    const bool done = lend_profile(&credentials, profile, sizeof profile)
                      && setenv("AWS_SHARED_CREDENTIALS_FILE", profile, 1) == 0
                      && unsetenv("AWS_PROFILE") == 0 && unsetenv("AWS_ACCESS_KEY_ID") == 0
                      && unsetenv("AWS_SECRET_ACCESS_KEY") == 0
                      && unsetenv("AWS_SESSION_TOKEN") == 0;

    secret_wipe_memory(&credentials, sizeof credentials);
    return done ? true : fail("credentials for members", strerror(errno));
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

void local_remove_folder(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
