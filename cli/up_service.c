/* One service: is it there, does it answer, else start it and wait until it does.
 *
 * Signals are held all the way and looked for where we wait: no moment is between a process and our
 * knowing of it. A pid file that cannot be read is refused, since a service may run. */
#include "cli/pid_file.h"
#include "cli/up.h"
#include "host/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { START_S_MAX = 30, ANSWER_S_MAX = 10, KNOCK_MS = 50 };

/* ---- signals ---- */

static sigset_t signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    return set;
}

/* Whether one has come by then. */
static bool interrupted_within(long ms)
{
    const sigset_t set = signals();
    const struct timespec gap = {.tv_nsec = ms * 1000000L};

    return sigtimedwait(&set, NULL, &gap) > 0;
}

void up_hold_signals(void)
{
    const sigset_t set = signals();

    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* ---- one service ---- */

enum { WHY_MAX = REGION_WHY_MAX + 128 };

/* False: `why` (of WHY_MAX). */
static bool wait_for_answer(struct up *up, struct up_service *service, unsigned seconds, char *why)
{
    const struct instant end = instant_add(clock_now(), SPAN_S(seconds));
    char said[REGION_WHY_MAX], url[REGION_URL_MAX];

    while (!region_answers(&service->keyd, up->folder.dir, said)) {
        if (service->is_ours && !child_is_running(&service->keyd.process)) {
            child_show_log(&service->keyd.process);
            snprintf(why, WHY_MAX, "its key service did not start");
            return false;
        }
        if (instant_reached(end, clock_now())) {
            snprintf(why, WHY_MAX, "process %d does not answer at %s: %s", (int)service->pid,
                     region_url(url, &service->keyd), said);
            return false;
        }
        if (interrupted_within(KNOCK_MS)) {
            snprintf(why, WHY_MAX, "interrupted");
            return false;
        }
    }
    return true;
}

static bool check_running(struct up *up, struct up_service *service)
{
    char why[WHY_MAX], advice[WHY_MAX + 64];

    if (wait_for_answer(up, service, ANSWER_S_MAX, why)) {
        return true;
    }
    snprintf(advice, sizeof advice, "%s; 'sealift down' ends it", why);
    return up_fail(service->keyd.region, advice);
}

bool up_fail_certificate(const char *what, enum status status)
{
    return up_fail(what, status == E_EXISTS
                             ? "its key is in the folder, its certificate is not: an "
                               "earlier start was cut off; remove the .key file"
                             : status_text(status));
}

/* The port that it had, where nobody has taken it. */
static bool choose_port(struct up *up, struct up_service *service, struct up_region *region)
{
    if (region->port == 0 || !local_port_is_free(region->port)) {
        service->port_before = region->port;
        region->port = local_free_port();
    }
    service->keyd.port = region->port;
    return up_folder_save(&up->folder);
}

static bool start_service(struct up *up, struct up_service *service, struct up_region *region)
{
    char why[WHY_MAX];

    if (!choose_port(up, service, region)) {
        return false;
    }

    const enum status status = region_certify(up->folder.dir, region->name);

    if (status != OK) {
        return up_fail_certificate(region->name, status);
    }
    if (!region_start(&service->keyd, up->programs, up->folder.dir, true)) {
        return up_fail(region->name, strerror(errno));
    }
    service->is_ours = true;
    service->pid = service->keyd.process.pid;
    return wait_for_answer(up, service, START_S_MAX, why) ? true : up_fail(region->name, why);
}

bool up_bring_up(struct up *up, struct up_region *region)
{
    struct up_service *service = &up->services[up->count++];
    char path[CHILD_PATH_MAX];
    struct pid_found found;
    const enum status status =
        pid_file_look(region_path(path, up->folder.dir, region->name, "keyd.pid"), &found);

    *service = (struct up_service){.keyd = {.region = region->name, .port = region->port},
                                   .pid = found.pid};
    if (status != OK) {
        return up_fail(path, status_text(status));
    }
    pid_found_close(&found);
    service->how = found.state == PID_RUNS    ? UP_ALREADY_RUNNING
                   : found.state == PID_ENDED ? UP_STARTED_AGAIN
                                              : UP_STARTED;
    return found.state == PID_RUNS ? check_running(up, service)
                                   : start_service(up, service, region);
}

void up_take_back(struct up *up)
{
    char path[CHILD_PATH_MAX];

    for (unsigned i = up->count; i-- > 0;) {
        struct up_service *service = &up->services[i];

        if (service->is_ours) {
            child_stop(&service->keyd.process);
            unlink(region_path(path, up->folder.dir, service->keyd.region, "keyd.pid"));
        }
    }
}
