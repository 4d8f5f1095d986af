#include "tests/unit/transport/wan_rig.h"

#include "transport/loop.h"
#include "transport/tls_identity.h"
#include "transport/wan_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct wan_map map; /* some hundred KiB */

double rig_ms(void)
{
    return (double)wan_now().ns / 1e6;
}

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static unsigned listen_somewhere(int *listener)
{
    struct sockaddr_in name = loopback(0);
    socklen_t size = sizeof name;

    *listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    NEED(bind(*listener, (struct sockaddr *)&name, size) == 0 && listen(*listener, 8) == 0);
    NEED(getsockname(*listener, (struct sockaddr *)&name, &size) == 0);
    return ntohs(name.sin_port);
}

static void add_lines(const char *const *lines, unsigned port)
{
    char route[64];
    char why[TRANSPORT_WHY_MAX];

    wan_map_init(&map);
    NEED(wan_map_line(&map, "region a", why) == OK && wan_map_line(&map, "region b", why) == OK);
    while (*lines != NULL) {
        NEED(wan_map_line(&map, *lines++, why) == OK);
    }
    snprintf(route, sizeof route, "route a b 127.0.0.1:0 127.0.0.1:%u", port);
    NEED(wan_map_line(&map, route, why) == OK);
}

void rig_open(struct rig *rig, const char *const *lines)
{
    struct event_config *config = event_config_new();
    char why[TRANSPORT_WHY_MAX];

    rig->near = rig->far = -1;
    add_lines(lines, listen_somewhere(&rig->listener));
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    rig->base = event_base_new_with_config(config);
    event_config_free(config);
    NEED(rig->base != NULL && wan_open(&rig->wan, rig->base, &map, why) == OK);
}

static void close_one(int *file)
{
    if (*file >= 0) {
        close(*file);
    }
    *file = -1;
}

void rig_close(struct rig *rig)
{
    wan_close(rig->wan);
    event_base_free(rig->base);
    close_one(&rig->near);
    close_one(&rig->far);
    close_one(&rig->listener);
}

/* One turn of the loop, at most a millisecond. */
static void rig_turn(struct rig *rig)
{
    const struct timeval millisecond = {.tv_usec = 1000};

    event_base_loopexit(rig->base, &millisecond);
    event_base_loop(rig->base, EVLOOP_ONCE);
}

void rig_run(struct rig *rig, double ms)
{
    for (const double end = rig_ms() + ms; rig_ms() < end;) {
        rig_turn(rig);
    }
}

int rig_call(struct rig *rig)
{
    const struct sockaddr_in name = loopback(wan_port(rig->wan, 0));
    const int file = socket(AF_INET, SOCK_STREAM, 0);

    NEED(connect(file, (const struct sockaddr *)&name, sizeof name) == 0);
    return file;
}

bool rig_accept(struct rig *rig, double patience_ms)
{
    const double end = rig_ms() + patience_ms;

    do {
        rig_turn(rig);
        rig->far = accept4(rig->listener, NULL, NULL, 0);
    } while (rig->far < 0 && rig_ms() < end);
    return rig->far >= 0;
}

void rig_join(struct rig *rig)
{
    char byte = 0;

    rig->near = rig_call(rig);
    NEED(rig_accept(rig, RIG_PATIENCE_MS));
    NEED(send(rig->near, "!", 1, 0) == 1);
    NEED(rig_read(rig, rig->far, &byte, 1, RIG_PATIENCE_MS) == RIG_GOT && byte == '!');
}

enum rig_end rig_read(struct rig *rig, int file, void *into, size_t size, double patience_ms)
{
    size_t got = 0;

    for (double end = rig_ms() + patience_ms; rig_ms() < end;) {
        const ssize_t more = recv(file, (char *)into + got, size - got, MSG_DONTWAIT);

        if (more == 0) {
            return RIG_ENDED;
        }
        if (more > 0) {
            got += (size_t)more;
            end = rig_ms() + patience_ms;
        } else if (errno != EAGAIN) {
            return RIG_RESET;
        }
        if (got == size) {
            return RIG_GOT;
        }
        rig_turn(rig);
    }
    return RIG_NOTHING;
}

void rig_say(struct rig *rig, const char *command)
{
    char line[128];

    snprintf(line, sizeof line, "%s", command);
    EXPECT_STATUS(wan_command(rig->wan, line, rig->answer), OK);
}

void rig_hang_up_hard(int *file)
{
    const struct linger at_once = {.l_onoff = 1};

    NEED(setsockopt(*file, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    close_one(file);
}
