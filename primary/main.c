/* sealift-primary: owns a WAL, takes appends, feeds replicas.
 *
 * Reads the settings, fills in the node's, and leaves the rest to host/daemon.h. What only a
 * primary has: creation, the coordinator, the cluster's durability level. */
#include "base/level.h"
#include "base/version.h"
#include "host/anew.h"
#include "host/daemon.h"
#include "primary/primary.h"

#include <stdio.h>
#include <string.h>

const char *argp_program_version = "sealift-primary " SEALIFT_VERSION; /* for --version */

enum own_key { KEY_CREATE = 0x2000, KEY_COORDINATOR, KEY_DURABILITY, KEY_ENGINE, KEY_ADOPT };

struct input {
    struct options options;
    struct primary_settings settings;
    const char *coordinator;
};

static const struct argp_option own_table[] = {
    {"create", KEY_CREATE, NULL, 0, "Make a new cluster where the data folder is empty", 0},
    {"coordinator", KEY_COORDINATOR, "file:PATH", 0,
     "Where epochs are claimed; outside the data folder", 0},
    {"durability", KEY_DURABILITY, "LEVEL", 0,
     "The cluster's level: local, quorum:K or region:N (default: as recorded; local at first)", 0},
    {"engine", KEY_ENGINE, "TEXT", 0, "What the records are; recorded at creation", 0},
    {"adopt-folder", KEY_ADOPT, NULL, 0,
     "This folder was copied or moved on purpose: let it write from now on", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static void set_level(struct primary_settings *settings, const char *text,
                      const struct argp_state *state)
{
    if (level_parse(&settings->level, text) != OK) {
        argp_error(state,
                   "--durability %s: must be local, quorum:1 to quorum:16, or region:1 to "
                   "region:16",
                   text);
    }
    settings->level_given = true;
}

static void set_engine(struct primary_settings *settings, const char *text,
                       const struct argp_state *state)
{
    if (text[0] == '\0' || strlen(text) >= sizeof settings->engine) {
        argp_error(state, "--engine: must have 1 to %zu characters", sizeof settings->engine - 1);
        return;
    }
    snprintf(settings->engine, sizeof settings->engine, "%s", text);
}

static error_t parse_own(int key, char *text, struct argp_state *state)
{
    struct input *input = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &input->options;
        return 0;
    case KEY_CREATE:
        input->settings.create = true;
        return 0;
    case KEY_COORDINATOR:
        input->coordinator = text;
        return 0;
    case KEY_DURABILITY:
        set_level(&input->settings, text, state);
        return 0;
    case KEY_ENGINE:
        set_engine(&input->settings, text, state);
        return 0;
    case KEY_ADOPT:
        input->settings.adopt_folder = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: this program takes options only", text);
        return 0;
    case ARGP_KEY_END:
        if (input->coordinator == NULL) {
            argp_error(state, "--coordinator is missing: give file:PATH, outside the data folder");
        }
        return 0;
    default: /* number: keys of argp */
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
static const struct argp own = {
    own_table, parse_own,
    NULL,      "Owns a write-ahead log, takes appends, and ships it to replicas in other regions.",
    children,  NULL,
    NULL};

static size_t memory_bytes(const void *settings)
{
    return primary_memory_bytes(settings);
}

static struct node *create(const void *settings, struct arena *arena)
{
    return primary_create(settings, arena);
}

int main(int argc, char **argv)
{
    static struct input input;
    static struct conf conf;

    anew_remember(argc, argv);
    primary_settings_default(&input.settings);
    options_parse(&own, own_table, &conf, argc, argv, &input);
    options_apply(&input.options, &input.settings.member);

    const struct daemon daemon = {.options = &input.options,
                                  .program = "sealift-primary",
                                  .role = ROLE_PRIMARY,
                                  .coordinator = input.coordinator,
                                  .adopt_folder = input.settings.adopt_folder,
                                  .create_folder = input.settings.create,
                                  .member = &input.settings.member,
                                  .settings = &input.settings,
                                  .memory_bytes = memory_bytes,
                                  .create = create,
                                  .destroy = primary_destroy,
                                  .status = primary_status};
    const int code = daemon_run(&daemon);

    conf_free(&conf);
    return code;
}
