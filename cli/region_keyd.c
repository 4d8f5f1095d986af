/* The names of its files, its certificate, its command line, and one call that nobody signed.
 *
 * Any answer to that call is good, a refusal too: it is the service's own, through TLS, past its
 * queue. A process that hangs, or another program at that port, has none to give. */
#include "cli/region_keyd.h"

#include "base/check.h"
#include "cli/pki.h"
#include "transport/http_client.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *region_path(char *path, const char *dir, const char *region, const char *name)
{
    snprintf(path, CHILD_PATH_MAX, "%.800s/%.64s/%s", dir, region, name);
    return path;
}

const char *region_url(char *url, const struct region_keyd *keyd)
{
    snprintf(url, REGION_URL_MAX, "https://127.0.0.1:%u", keyd->port);
    return url;
}

static const char *pki_file(char *path, const char *dir, const char *region, const char *ending)
{
    snprintf(path, CHILD_PATH_MAX, "%.800s/pki/kms-%.64s%s", dir, region, ending);
    return path;
}

enum status region_certify(const char *dir, const char *region)
{
    char path[CHILD_PATH_MAX], pki[CHILD_PATH_MAX], name[CHILD_NAME_MAX];
    const struct pki_order order = {.dir = pki, .name = name};
    struct certificate_order wanted = {.identity = {.role = ROLE_KEYD, .any_lineage = true},
                                       .names = {"127.0.0.1", "localhost"},
                                       .name_count = 2,
                                       .validity = pki_validity(&order, PKI_LEAF_DAYS)};

    if (access(pki_file(path, dir, region, ".crt"), F_OK) == 0) {
        return OK;
    }
    snprintf(pki, sizeof pki, "%.800s/pki", dir);
    snprintf(name, sizeof name, "kms-%s", region);
    strcpy(wanted.identity.region, region);
    snprintf(wanted.identity.member, sizeof wanted.identity.member, "%s", name);
    return pki_make_leaf(&order, &wanted, "");
}

bool region_start(struct region_keyd *keyd, const char *programs, const char *dir, bool outlives)
{
    char program[CHILD_PATH_MAX], data[CHILD_PATH_MAX], listen[64], certificate[CHILD_PATH_MAX];
    char key[CHILD_PATH_MAX], log[CHILD_PATH_MAX], name[CHILD_NAME_MAX], root[CHILD_PATH_MAX];
    char credentials[CHILD_PATH_MAX], folder[CHILD_PATH_MAX], pid_file[CHILD_PATH_MAX];

    snprintf(name, sizeof name, "kms-%s", keyd->region);
    snprintf(program, sizeof program, "%s/sealift-keyd", programs);
    snprintf(listen, sizeof listen, "127.0.0.1:%u", keyd->port);
    snprintf(credentials, sizeof credentials, "%.800s/credentials", dir);
    region_path(data, dir, keyd->region, "keyd");
    region_path(root, dir, keyd->region, "keyd.root");
    region_path(log, dir, keyd->region, "keyd.log");
    region_path(pid_file, dir, keyd->region, "keyd.pid");
    pki_file(certificate, dir, keyd->region, ".crt");
    pki_file(key, dir, keyd->region, ".key");
    const char *arguments[] = {
        program, "--data",        data,        "--region", keyd->region, "--listen",
        listen,  "--cert",        certificate, "--key",    key,          "--root-key-file",
        root,    "--credentials", credentials, "--create", NULL};

    if (mkdir(region_path(folder, dir, keyd->region, ""), 0700) != 0 && errno != EEXIST) {
        return false;
    }
    keyd->process.pid_file = outlives ? pid_file : NULL;

    const bool started = child_start(&keyd->process, name, log, arguments);

    keyd->process.pid_file = NULL; /* it was ours; the child has its own */
    return started;
}

/* ---- does it answer ---- */

struct call {
    struct event_base *base;
    bool answered;
    char *why;
};

static void on_answer(void *context, const struct http_answer *answer)
{
    struct call *call = context;

    call->answered = answer->status == OK;
    snprintf(call->why, REGION_WHY_MAX, "%s", answer->why);
    event_base_loopbreak(call->base);
}

bool region_answers(const struct region_keyd *keyd, const char *dir, char *why)
{
    char ca[CHILD_PATH_MAX], url[REGION_URL_MAX];
    struct call call = {.base = event_base_new(), .why = why};
    const struct http_client_settings settings = {
        .base = call.base, .ca = ca, .call_max = SPAN_S(3)};
    const struct http_call http = {.method = "POST",
                                   .url = region_url(url, keyd),
                                   .body = bytes_text("{}"),
                                   .on_answer = on_answer,
                                   .context = &call};
    struct http_client *client;

    CHECK(call.base != NULL);
    snprintf(ca, sizeof ca, "%.800s/pki/ca.crt", dir);
    snprintf(why, REGION_WHY_MAX, "%s cannot be read", "pki/ca.crt");
    if (http_client_new(&client, &settings) == OK) {
        http_client_send(client, &http);
        event_base_dispatch(call.base);
        http_client_free(client);
    }
    event_base_free(call.base);
    return call.answered;
}
