/* The loop with toy nodes, real TLS, real disk, two processes: what is asked happens, in order, and
 * what happens is told. */
#include "base/check.h"
#include "host/host.h"
#include "node/effects.h"
#include "proto/message.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"
#include "transport/certificates.h"

#include <signal.h>
#include <string.h>
#include <time.h>

enum { ECHOES = 200, SEGMENT_BYTES = 4 << 20 };

struct rig {
    char folder[FOLDER_MAX];
    char ca[FOLDER_MAX + 32];
    char certificate[2][FOLDER_MAX + 32];
    char key[2][FOLDER_MAX + 32];
    char data[FOLDER_MAX + 32];
    char socket[FOLDER_MAX + 32];
    struct identity self[2];
};

static void path_of(const struct rig *rig, char path[FOLDER_MAX + 32], const char *name)
{
    char whole[FOLDER_MAX + 32];

    snprintf(whole, sizeof whole, "%s/%s", rig->folder, name);
    memcpy(path, whole, sizeof whole);
}

static void make_leaf(struct rig *rig, const struct certificate *ca, unsigned i, enum role role)
{
    const int64_t now = (int64_t)time(NULL);
    struct certificate_order order = {.validity = {now - 60, now + 3600}};
    struct certificate leaf = {0};
    char name[16];

    order.identity.role = role;
    snprintf(order.identity.deployment, sizeof order.identity.deployment, "toys");
    snprintf(order.identity.region, sizeof order.identity.region, "eu-west-1");
    snprintf(order.identity.member, sizeof order.identity.member, "toy-%u", i);
    memset(order.identity.lineage.bytes, 0x11, 16);
    rig->self[i] = order.identity;
    snprintf(name, sizeof name, "%u.crt", i);
    path_of(rig, rig->certificate[i], name);
    snprintf(name, sizeof name, "%u.key", i);
    path_of(rig, rig->key[i], name);
    NEED(certificate_issue(&leaf, ca, &order) == OK);
    NEED(certificate_write(&leaf, rig->certificate[i], rig->key[i]) == OK);
    certificate_free(&leaf);
}

static void rig_start(struct rig *rig)
{
    const int64_t now = (int64_t)time(NULL);
    struct certificate ca = {0};

    memset(rig, 0, sizeof *rig);
    NEED(folder_make(rig->folder) != NULL);
    path_of(rig, rig->ca, "ca.crt");
    path_of(rig, rig->data, "data");
    path_of(rig, rig->socket, "socket");
    NEED(certificate_make_ca(&ca, "toys", (struct certificate_validity){now - 60, now + 3600})
         == OK);
    NEED(certificate_write(&ca, rig->ca, NULL) == OK);
    make_leaf(rig, &ca, 0, ROLE_PRIMARY);
    make_leaf(rig, &ca, 1, ROLE_REPLICA);
    certificate_free(&ca);
}

static struct host_settings settings_of(const struct rig *rig, unsigned i, struct node *node)
{
    return (struct host_settings){
        .node = node,
        .program = "toy",
        .tls = {.ca = rig->ca, .certificate = rig->certificate[i], .key = rig->key[i]},
        .self = rig->self[i]};
}

/* Writes every message to its disk, and only then sends it back. Takes one at a time: the others
 * are deferred and come again. */
struct echo {
    struct node node;
    link_t link, waiting;
    uint64_t offset, timers;
    bool busy;
    _Alignas(4096) uint8_t kept[4096];
};

static void echo_take(struct echo *echo, const struct event *event, struct effects *fx)
{
    struct store_write write = {.op = STORE_APPEND, .data = bytes_of(echo->kept, 4096)};

    if (echo->busy) {
        echo->waiting = event->message.link;
        effects_defer(fx, event->message.link);
        return;
    }
    CHECK(event->message.message.tail.size == 4096);
    echo->busy = true;
    echo->link = event->message.link;
    memcpy(echo->kept, event->message.message.tail.data, 4096);
    echo->offset += 4096;
    write.offset = echo->offset;
    effects_write(fx, echo->offset, &write);
}

static void echo_written(struct echo *echo, const struct event *event, struct effects *fx)
{
    CHECK(event->written.status == OK && event->written.ticket == echo->offset);
    echo->busy = false;
    if (echo->offset > 0) {
        effects_send_tail(fx, echo->link, MESSAGE_RECORDS, bytes_text("done"),
                          bytes_of(echo->kept, 2048), bytes_of(echo->kept + 2048, 2048));
    }
    if (echo->waiting != 0) {
        effects_resume(fx, echo->waiting);
        echo->waiting = 0;
    }
}

static void echo_step(struct node *node, const struct event *event, struct effects *fx)
{
    struct echo *echo = (struct echo *)node;
    const struct store_write create = {.op = STORE_CREATE, .data = bytes_of(echo->kept, 4096)};

    switch (event->kind) {
    case EVENT_START:
        CHECK(event->start.segment_count == 0);
        echo->busy = true;
        effects_write(fx, 0, &create);
        break;
    case EVENT_MESSAGE:
        echo_take(echo, event, fx);
        break;
    case EVENT_WRITTEN:
        echo_written(echo, event, fx);
        break;
    case EVENT_STOP:
        effects_halt(fx, OK, "%s", "");
        break;
    case EVENT_TIMER:
    case EVENT_LINK_UP:
    case EVENT_LINK_DOWN:
    case EVENT_READ:
    case EVENT_KEYS:
    case EVENT_CLAIMED:
    case EVENT_SAVED:
    case EVENT_SPACE:
    case EVENT_KINDS:
        break;
    }
}

/* Dials, sends all at once, halts well when everything has come back in order. */
struct caller {
    struct node node;
    const char *address;
    unsigned back, downs;
    enum role expected;
    bool sees_peer;
    uint8_t tail[4096];
};

static void caller_up(struct caller *caller, const struct event *event, struct effects *fx)
{
    CHECK(event->link.dialed && event->link.link != 0);
    caller->sees_peer = event->link.peer.role == caller->expected;
    for (unsigned i = 0; i < ECHOES; i++) {
        caller->tail[0] = (uint8_t)i;
        effects_send_tail(fx, event->link.link, MESSAGE_APPEND, bytes_text("h"),
                          bytes_of(caller->tail, 4096), bytes_none());
    }
}

static void caller_step(struct node *node, const struct event *event, struct effects *fx)
{
    struct caller *caller = (struct caller *)node;

    switch (event->kind) {
    case EVENT_START:
        effects_dial(fx, "127.0.0.1:1"); /* nobody is there */
        break;
    case EVENT_LINK_DOWN:
        CHECK(event->link.link == 0 && event->link.dialed);
        caller->downs++;
        effects_wake_at(fx, instant_add(event->now, SPAN_MS(5)));
        break;
    case EVENT_TIMER:
        CHECK(caller->downs == 1);
        effects_dial(fx, caller->address);
        break;
    case EVENT_LINK_UP:
        caller_up(caller, event, fx);
        break;
    case EVENT_MESSAGE:
        CHECK(event->message.message.type == MESSAGE_RECORDS);
        CHECK(event->message.message.tail.size == 4096);
        caller->back++;
        if (caller->back == ECHOES) {
            effects_hang_up(fx, event->message.link, OK);
            effects_halt(fx, caller->sees_peer ? OK : E_IDENTITY, "%s", "");
        }
        break;
    case EVENT_STOP:
    case EVENT_WRITTEN:
    case EVENT_READ:
    case EVENT_KEYS:
    case EVENT_CLAIMED:
    case EVENT_SAVED:
    case EVENT_SPACE:
    case EVENT_KINDS:
        break;
    }
}

/* In a child: the echoing member, until SIGTERM. Its port comes through the pipe. */
static int run_echo(const struct rig *rig, int port_to)
{
    static struct echo echo = {.node = {echo_step}};
    static struct store_posix store;
    static char why[HOST_WHY_MAX];
    const struct store_settings store_settings = {
        .path = rig->data, .segment_bytes = SEGMENT_BYTES, .create = true};
    struct host_settings settings = settings_of(rig, 0, &echo.node);
    char local[FOLDER_MAX + 40];
    struct host *host;

    snprintf(local, sizeof local, "unix:%s", rig->socket);
    settings.listen[0] = "127.0.0.1:0";
    settings.listen[1] = local;
    settings.listen_count = 2;
    settings.store = &store;
    if (store_open(&store, &store_settings, why) != OK || host_open(&host, &settings, why) != OK) {
        fprintf(stderr, "%s\n", why);
        return 2;
    }

    const unsigned port = host_port(host, 0);

    if (write(port_to, &port, sizeof port) != (ssize_t)sizeof port) {
        return 3;
    }

    const int code = host_run(host);

    host_close(host);
    store_close(&store);
    return code;
}

static pid_t start_echo(const struct rig *rig, unsigned *port)
{
    int ends[2];

    NEED(pipe(ends) == 0);

    const pid_t child = fork();

    if (child == 0) {
        _exit(run_echo(rig, ends[1]));
    }
    close(ends[1]);
    NEED(read(ends[0], port, sizeof *port) == (ssize_t)sizeof *port);
    close(ends[0]);
    return child;
}

static int stop_echo(pid_t child)
{
    int ended;

    kill(child, SIGTERM);
    waitpid(child, &ended, 0);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
}

static int call(const struct rig *rig, const char *address, enum role expected)
{
    static struct caller caller;
    struct host_settings settings = settings_of(rig, 1, &caller.node);
    struct host *host;
    char why[HOST_WHY_MAX];

    caller = (struct caller){.node = {caller_step}, .address = address, .expected = expected};
    NEED(host_open(&host, &settings, why) == OK);

    const int code = host_run(host);

    host_close(host);
    return code;
}

TEST(messages_are_written_and_come_back_over_tls_and_unix_sockets)
{
    struct rig rig;
    unsigned port;
    char address[64], local[FOLDER_MAX + 40];

    rig_start(&rig);

    const pid_t child = start_echo(&rig, &port);

    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    snprintf(local, sizeof local, "unix:%s", rig.socket);
    EXPECT(call(&rig, address, ROLE_PRIMARY) == HOST_EXIT_STOPPED);
    kill(child, SIGHUP);
    EXPECT(call(&rig, local, ROLE_CLIENT) == HOST_EXIT_STOPPED);
    EXPECT(call(&rig, address, ROLE_PRIMARY) == HOST_EXIT_STOPPED);
    EXPECT(stop_echo(child) == HOST_EXIT_STOPPED);
    folder_remove(rig.folder);
}

TEST(a_port_in_use_is_named)
{
    struct rig rig;
    struct echo echo = {.node = {echo_step}};
    struct host *host;
    unsigned port;
    char address[64], why[HOST_WHY_MAX];

    rig_start(&rig);

    const pid_t child = start_echo(&rig, &port);
    struct host_settings settings = settings_of(&rig, 1, &echo.node);

    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    settings.listen[0] = address;
    settings.listen_count = 1;
    EXPECT_STATUS(host_open(&host, &settings, why), E_USAGE);
    EXPECT(strstr(why, address) != NULL);
    EXPECT(stop_echo(child) == HOST_EXIT_STOPPED);
    folder_remove(rig.folder);
}

/* Claims, is told, and halts with what it was told. */
struct claimer {
    struct node node;
    unsigned steps_under_way;
};

static void claimer_step(struct node *node, const struct event *event, struct effects *fx)
{
    struct claimer *claimer = (struct claimer *)node;
    struct claim_record record = {.epoch = 7};

    CHECK(claimer->steps_under_way++ == 0);
    memset(record.lineage.bytes, 0x22, 16);
    if (event->kind == EVENT_START) {
        effects_claim(fx, &record);
    } else if (event->kind == EVENT_CLAIMED) {
        effects_halt(fx, event->claimed.record.epoch == 7 ? event->claimed.status : E_GAP, "%s",
                     "claimed:");
    }
    claimer->steps_under_way--;
}

static int claim(const struct rig *rig, const char *coordinator)
{
    struct claimer claimer = {.node = {claimer_step}};
    struct host_settings settings = settings_of(rig, 0, &claimer.node);
    struct claim_file file;
    struct host *host;
    char why[HOST_WHY_MAX];

    NEED(claim_file_open(&file, coordinator, "/etc", (struct trace){0}, why) == OK);
    settings.claim = &file;
    NEED(host_open(&host, &settings, why) == OK);

    const int code = host_run(host);

    host_close(host);
    claim_file_close(&file);
    return code;
}

TEST(a_claim_is_answered_after_the_step_and_a_lost_one_ends_the_process_badly)
{
    struct rig rig;
    char coordinator[FOLDER_MAX + 40];

    rig_start(&rig);
    snprintf(coordinator, sizeof coordinator, "file:%s/claim", rig.folder);
    EXPECT(claim(&rig, coordinator) == HOST_EXIT_STOPPED);
    EXPECT(claim(&rig, coordinator) == HOST_EXIT_REFUSED);
    folder_remove(rig.folder);
}
