/* `sealift up`: certificates and key services of regions that are all on this machine.
 *
 *   sealift up --regions us-east-1,eu-west-1 --dir world
 *   sealift up --dir world                                 again: all regions of the folder
 *   sealift down --dir world
 *
 * The services go on when the command has ended. Where one of them does not come up, those that
 * this command started are ended again; a signal does the same. */
#include "cli/up.h"

#include "cli/pki.h"
#include "cli/verbs.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPTION_REGIONS = 0x200, OPTION_DIR, OPTION_JSON };

struct up_order {
    const char *dir;
    char regions[UP_REGIONS_MAX][REGION_TEXT_MAX];
    unsigned count;
    bool json;
};

/* ---- what was asked ---- */

static const struct argp_option options[] = {
    {"regions", OPTION_REGIONS, "A,B,...", 0,
     "which to bring up; those that DIR does not have yet are added (default: all that it has)", 1},
    {"dir", OPTION_DIR, "DIR", 0, "the folder: a new one, or that of an earlier 'sealift up'", 1},
    {"json", OPTION_JSON, 0, 0, "print one object instead of lines for a shell", 1},
    {0}};

static void add_region(struct up_order *order, const char *name, const struct argp_state *state)
{
    if (!up_region_is_valid(name)) {
        argp_failure(state, EXIT_USAGE, 0,
                     "--regions: '%s' is no region: say one like us-east-1, of [a-z0-9-]", name);
    }
    for (unsigned i = 0; i < order->count; i++) {
        if (strcmp(order->regions[i], name) == 0) {
            argp_failure(state, EXIT_USAGE, 0, "--regions: %s is named twice", name);
        }
    }
    if (order->count == UP_REGIONS_MAX) {
        argp_failure(state, EXIT_USAGE, 0, "--regions: at most %d", UP_REGIONS_MAX);
    }
    strcpy(order->regions[order->count++], name);
}

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct up_order *order = state->input;
    char *name;

    switch (option) {
    case OPTION_REGIONS:
        while ((name = strsep(&argument, ",")) != NULL) {
            add_region(order, name, state);
        }
        return 0;
    case OPTION_DIR:
        order->dir = argument;
        return 0;
    case OPTION_JSON:
        order->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "up takes no '%s'", argument);
        return 0;
    case ARGP_KEY_END:
        if (order->dir == NULL) {
            argp_error(state, "--dir is missing");
        }
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

/* ---- certificates ---- */

static bool make_ca(const struct up *up)
{
    char pki[PKI_PATH_MAX], path[PKI_PATH_MAX];
    const struct pki_order order = {.dir = pki, .deployment = "sealift"};

    snprintf(pki, sizeof pki, "%s/pki", up->folder.dir);
    if (access(pki_path(path, &order, "ca", ".crt"), F_OK) == 0) {
        return true;
    }
    if (mkdir(pki, 0700) != 0 && errno != EEXIST) {
        return up_fail(pki, strerror(errno));
    }

    const enum status status = pki_make_ca(&order);

    return status == OK ? true : up_fail_certificate(path, status);
}

/* ---- all of them ---- */

static bool bring_all_up(const struct up_order *order, struct up *up)
{
    struct up_folder *folder = &up->folder;
    char credentials[CHILD_PATH_MAX];
    const unsigned count = order->count > 0 ? order->count : folder->count;

    if (count == 0) {
        return up_fail(folder->dir, "has no regions yet: say --regions");
    }
    for (unsigned i = 0; i < order->count; i++) {
        if (up_folder_region(folder, order->regions[i]) == NULL) {
            return up_fail(order->regions[i], "the folder has as many regions as it can have");
        }
    }
    if (!up_folder_save(folder) || !make_ca(up)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!up_bring_up(up, order->count > 0 ? up_folder_region(folder, order->regions[i])
                                              : &folder->regions[i])) {
            return false;
        }
    }
    snprintf(credentials, sizeof credentials, "%s/credentials", folder->dir);
    return local_read_credentials(credentials, &up->credentials);
}

static bool run(const struct up_order *order, struct up *up)
{
    if (!local_programs(up->programs, sizeof up->programs)
        || !up_folder_open(&up->folder, order->dir, order->count > 0)) {
        return false;
    }
    if (!bring_all_up(order, up)) {
        up_take_back(up);
        return false;
    }
    if (order->json) {
        up_print_json(up);
    } else {
        up_print_lines(up);
    }
    return true;
}

int verb_up(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Starts the key services of simulated regions on this machine, each a process that "
               "goes on by itself, with the certificates that they and members need.\vWhat it "
               "prints is for a shell: eval \"$(sealift up ...)\" takes it. 'sealift down' ends "
               "the services; keys and ports stay in DIR for the next 'sealift up'."};
    static struct up up; /* some hundred KiB */
    struct up_order order = {0};

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    up_hold_signals();
    umask(077);

    const bool well = run(&order, &up);

    up_folder_close(&up.folder);
    return well ? EXIT_DONE : EXIT_REFUSED;
}
