/* A child process loads the module, logs in, seals or opens, and puts its answer into memory that
 * it shares with us; then it ends.
 *
 * The child locks its own memory, since locks are not inherited, and dies with its parent. One that
 * crashes has left the answer that was put there for this case; one that hangs is killed. */
#include "host/root_token.h"

#include "base/check.h"
#include "base/hex.h"
#include "host/lockdown.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum task { TASK_SEAL, TASK_UNSEAL };

struct answer {
    enum status status;
    bool made_key;
    struct secret root;
    struct pkcs11_seal seal;
    char why[SECRET_FILE_WHY_MAX];
};

static enum status explain(enum status status, const char *path, const char *what, char *why)
{
    snprintf(why, SECRET_FILE_WHY_MAX, "%s: %s (%s)", path, what, status_name(status));
    return status;
}

static enum status load_pin(const char *path, char **pin, char *why)
{
    TRY(secret_file_load(path, pin, why));

    const size_t size = strcspn(*pin, "\r\n");

    if (size > 0 && size <= ROOT_TOKEN_PIN_MAX
        && (*pin)[size + strspn(*pin + size, "\r\n")] == '\0') {
        (*pin)[size] = '\0'; /* only the end of the line was behind it */
        return OK;
    }
    secret_file_forget(*pin);
    return explain(E_MALFORMED, path, "a PIN is one line of 1 to 255 bytes", why);
}

static enum status log_in(struct pkcs11 *pkcs11, const struct root_token *token, enum task task,
                          char *why)
{
    char *pin;

    TRY(load_pin(token->pin_file, &pin, why));

    const enum status status =
        pkcs11_open(pkcs11, &token->place, bytes_text(pin), task == TASK_SEAL, why);

    secret_file_forget(pin);
    return status;
}

static enum status seal(struct pkcs11 *pkcs11, struct answer *answer)
{
    TRY(pkcs11_choose_key(pkcs11, &answer->made_key, answer->why));
    return pkcs11_seal(pkcs11, &answer->root, &answer->seal, answer->why);
}

static enum status work(const struct root_token *token, enum task task, struct answer *answer)
{
    struct pkcs11 pkcs11;
    bool locked;

    TRY(lockdown_process((struct trace){0}, &locked, answer->why));
    TRY(log_in(&pkcs11, token, task, answer->why));

    const enum status status =
        task == TASK_SEAL ? seal(&pkcs11, answer)
                          : pkcs11_unseal(&pkcs11, &answer->seal, &answer->root, answer->why);

    pkcs11_close(&pkcs11);
    return status;
}

/* What became of the child, or NULL where it has ended as it should. */
static const char *trouble_of(pid_t child, unsigned seconds_max)
{
    struct pollfd ended = {.fd = pidfd_open(child, 0), .events = POLLIN};
    const bool in_time = ended.fd >= 0 && poll(&ended, 1, (int)seconds_max * 1000) == 1;
    int code = 0;

    if (!in_time) {
        kill(child, SIGKILL);
    }
    waitpid(child, &code, 0);
    if (ended.fd >= 0) {
        close(ended.fd);
    }
    if (!in_time) {
        return "the PKCS#11 module takes too long, and was given up";
    }
    return WIFEXITED(code) && WEXITSTATUS(code) == 0 ? NULL : "the PKCS#11 module has crashed";
}

static void run_apart(const struct root_token *token, enum task task, struct answer *answer)
{
    const pid_t parent = getpid(), child = fork();

    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) { /* else it died before that was set */
            answer->status = work(token, task, answer);
        }
        _exit(0);
    }

    const char *trouble =
        child < 0 ? "no process for the PKCS#11 module" : trouble_of(child, token->seconds_max);

    if (trouble != NULL) {
        answer->status = explain(E_KEY_UNREACHABLE, token->place.module, trouble, answer->why);
    }
}

/* Shared with the child. Touched here, it is locked here: the child's locks end with the child. */
static struct answer *answer_make(char *why)
{
    struct answer *answer =
        mmap(NULL, sizeof *answer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (answer == MAP_FAILED) {
        snprintf(why, SECRET_FILE_WHY_MAX, "no memory (E_USAGE)");
        return NULL;
    }
    memset(answer, 0, sizeof *answer);
    return answer;
}

static enum status answer_take(struct answer *answer, char *why)
{
    const enum status status = answer->status;

    if (status != OK) {
        memcpy(why, answer->why, sizeof answer->why);
    }
    secret_wipe_memory(answer, sizeof *answer);
    munmap(answer, sizeof *answer);
    return status;
}

static enum status write_seal(const char *path, const struct pkcs11_seal *seal, char *why)
{
    char iv[2 * PKCS11_IV_BYTES + 1], sealed[2 * PKCS11_SEALED_BYTES + 1], text[256];

    hex_encode(bytes_of(seal->iv, sizeof seal->iv), iv);
    hex_encode(bytes_of(seal->sealed, sizeof seal->sealed), sealed);
    snprintf(text, sizeof text, "pkcs11 aes-256-gcm iv=%s sealed=%s\n", iv, sealed);
    return secret_file_create(path, text, why);
}

enum status root_token_create(const struct root_token *token, const char *sealed_path,
                              const struct entropy *entropy, bool *made_key, char *why)
{
    struct answer *answer = answer_make(why);

    if (answer == NULL) {
        return E_USAGE;
    }
    entropy_fill(entropy, answer->root.bytes, sizeof answer->root.bytes);
    entropy_fill(entropy, answer->seal.iv, sizeof answer->seal.iv);
    run_apart(token, TASK_SEAL, answer);
    *made_key = answer->made_key;
    if (answer->status == OK) {
        answer->status = write_seal(sealed_path, &answer->seal, answer->why);
    }
    return answer_take(answer, why);
}

static enum status parse_seal(const char *text, struct pkcs11_seal *seal)
{
    char iv[2 * PKCS11_IV_BYTES + 1], sealed[2 * PKCS11_SEALED_BYTES + 1];
    int end = 0;

    if (sscanf(text, "pkcs11 aes-256-gcm iv=%24[0-9a-f] sealed=%96[0-9a-f]\n%n", iv, sealed, &end)
            != 2
        || text[end] != '\0' || strlen(iv) != sizeof iv - 1
        || strlen(sealed) != sizeof sealed - 1) {
        return E_MALFORMED;
    }
    TRY(hex_decode(iv, seal->iv, sizeof seal->iv));
    return hex_decode(sealed, seal->sealed, sizeof seal->sealed);
}

static enum status read_seal(const char *path, struct pkcs11_seal *seal, char *why)
{
    char *text;

    TRY(secret_file_load(path, &text, why));

    const enum status status = parse_seal(text, seal);

    secret_file_forget(text);
    return status == OK ? OK : explain(status, path, "not what a key service wrote", why);
}

enum status root_token_load(const struct root_token *token, const char *sealed_path,
                            struct secret *root, char *why)
{
    struct pkcs11_seal seal;

    TRY(read_seal(sealed_path, &seal, why));

    struct answer *answer = answer_make(why);

    if (answer == NULL) {
        return E_USAGE;
    }
    answer->seal = seal;
    run_apart(token, TASK_UNSEAL, answer);
    if (answer->status == OK) {
        secret_copy(root, &answer->root);
    }
    return answer_take(answer, why);
}
