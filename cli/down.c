/* `sealift down`: ends the key services that `sealift up` has started in a folder, and no others.
 *
 * All are asked at once, then waited for. One that does not end in time is killed: its store is
 * made for that. One that may not be signalled, or of which it cannot be told whether it runs, is
 * said, and the others are ended all the same. */
#include "base/check.h"
#include "cli/pid_file.h"
#include "cli/region_keyd.h"
#include "cli/up_folder.h"
#include "cli/verbs.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_DIR = 0x200, STOP_MS_MAX = 10000 };

static const struct argp_option options[] = {
    {"dir", OPTION_DIR, "DIR", 0, "the folder of 'sealift up'", 1}, {0}};

static error_t parse(int option, char *argument, struct argp_state *state)
{
    const char **dir = state->input;

    switch (option) {
    case OPTION_DIR:
        *dir = argument;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "down takes no '%s'", argument);
        return 0;
    case ARGP_KEY_END:
        if (*dir == NULL) {
            argp_error(state, "--dir is missing");
        }
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const char *pid_path(const struct up_folder *folder, unsigned region, char *path)
{
    return region_path(path, folder->dir, folder->regions[region].name, "keyd.pid");
}

/* Asks it to end, where it runs. */
static bool ask(const struct up_folder *folder, unsigned region, struct pid_found *found)
{
    char path[CHILD_PATH_MAX];
    const enum status status = pid_file_look(pid_path(folder, region, path), found);

    if (status != OK) {
        return up_fail(path, status_text(status));
    }
    if (found->state == PID_RUNS && !pid_found_signal(found, SIGTERM)) {
        return up_fail(folder->regions[region].name, strerror(errno));
    }
    return true;
}

static bool wait_for_end(const char *name, const struct pid_found *found)
{
    char why[64];

    if (pid_found_wait(found, STOP_MS_MAX)) {
        return true;
    }
    snprintf(why, sizeof why, "process %d does not end: killed", (int)found->pid);
    (void)up_fail(name, why);
    return pid_found_signal(found, SIGKILL) && pid_found_wait(found, STOP_MS_MAX);
}

static bool see_it_end(const struct up_folder *folder, unsigned region, struct pid_found *found)
{
    const char *name = folder->regions[region].name;
    char path[CHILD_PATH_MAX];

    switch (found->state) {
    case PID_NOBODY:
        printf("%s: was not running\n", name);
        return true;
    case PID_ENDED:
        printf("%s: had ended by itself (process %d): see %s\n", name, (int)found->pid,
               region_path(path, folder->dir, name, "keyd.log"));
        break;
    case PID_RUNS:
        if (!wait_for_end(name, found)) {
            return up_fail(name, "still runs");
        }
        printf("%s: ended (process %d)\n", name, (int)found->pid);
        break;
    }
    pid_found_close(found);
    return unlink(pid_path(folder, region, path)) == 0 ? true : up_fail(path, strerror(errno));
}

static bool end_all(const struct up_folder *folder)
{
    struct pid_found found[UP_REGIONS_MAX];
    bool asked[UP_REGIONS_MAX], all = true;

    for (unsigned i = 0; i < folder->count; i++) {
        asked[i] = ask(folder, i, &found[i]);
    }
    for (unsigned i = 0; i < folder->count; i++) {
        all &= asked[i] && see_it_end(folder, i, &found[i]);
    }
    return all;
}

int verb_down(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Ends the key services that 'sealift up' has started, and waits for them.\vThe "
               "folder stays: 'sealift up' starts them again with the same keys."};
    struct up_folder folder;
    const char *dir = NULL;

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &dir);

    const bool well = up_folder_open(&folder, dir, false) && end_all(&folder);

    up_folder_close(&folder);
    return well ? EXIT_DONE : EXIT_REFUSED;
}
