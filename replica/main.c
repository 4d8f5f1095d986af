/* sealift-replica: holds a copy of a WAL in its region, byte for byte, and serves readers.
 *
 * Reads the settings, fills in the node's, and leaves the rest to host/daemon.h. What only a
 * replica has: its upstreams. When it has been promoted, the same process opens the same folder as
 * a primary, with the same settings: from then on it is what sealift-primary is. */
#include "base/version.h"
#include "host/anew.h"
#include "host/daemon.h"
#include "primary/primary.h"
#include "replica/replica.h"

#include <stdio.h>
#include <string.h>

const char *argp_program_version = "sealift-replica " SEALIFT_VERSION; /* for --version */

enum own_key { KEY_UPSTREAM = 0x2000, KEY_COORDINATOR };

struct input {
    struct options options;
    struct replica_settings settings;
    const char *coordinator;
};

static const struct argp_option own_table[] = {
    {"upstream", KEY_UPSTREAM, "HOST:PORT", 0,
     "The primary, or a replica that feeds this one (repeatable: tried in turn). For a promotion: "
     "all other members",
     0},
    {"coordinator", KEY_COORDINATOR, "file:PATH", 0,
     "Where epochs are claimed; outside the data folder. Needed to be promoted", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static void add_upstream(struct replica_settings *settings, const char *address,
                         const struct argp_state *state)
{
    if (settings->upstream_count == REPLICA_UPSTREAMS_MAX) {
        argp_error(state, "--upstream: at most %d", REPLICA_UPSTREAMS_MAX);
        return;
    }
    if (address[0] == '\0' || strlen(address) >= ADDRESS_TEXT_MAX
        || strncmp(address, "unix:", 5) == 0) {
        argp_error(state, "--upstream %s: must be HOST:PORT", address);
    }
    snprintf(settings->upstreams[settings->upstream_count++], ADDRESS_TEXT_MAX, "%s", address);
}

static error_t parse_own(int key, char *text, struct argp_state *state)
{
    struct input *input = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &input->options;
        return 0;
    case KEY_UPSTREAM:
        add_upstream(&input->settings, text, state);
        return 0;
    case KEY_COORDINATOR:
        input->coordinator = text;
        input->settings.has_coordinator = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: this program takes options only", text);
        return 0;
    case ARGP_KEY_END:
        if (input->settings.upstream_count == 0) {
            argp_error(state, "--upstream is missing");
        }
        return 0;
    default: /* number: keys of argp */
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
static const struct argp own = {
    own_table, parse_own,
    NULL,      "Holds a copy of a write-ahead log in its region and serves readers.",
    children,  NULL,
    NULL};

static size_t memory_bytes(const void *settings)
{
    return replica_memory_bytes(settings);
}

static struct node *create(const void *settings, struct arena *arena)
{
    return replica_create(settings, arena);
}

static size_t primary_bytes(const void *settings)
{
    return primary_memory_bytes(settings);
}

static struct node *create_primary(const void *settings, struct arena *arena)
{
    return primary_create(settings, arena);
}

/* The level is the record's, the rest as this replica was told. */
static int run_promoted(const struct daemon *replica)
{
    static struct primary_settings settings;

    primary_settings_default(&settings);
    options_apply(replica->options, &settings.member);

    const struct daemon daemon = {.options = replica->options,
                                  .program = replica->program,
                                  .role = ROLE_PRIMARY,
                                  .coordinator = replica->coordinator,
                                  .member = &settings.member,
                                  .settings = &settings,
                                  .memory_bytes = primary_bytes,
                                  .create = create_primary,
                                  .destroy = primary_destroy,
                                  .status = primary_status};

    return daemon_run(&daemon);
}

int main(int argc, char **argv)
{
    static struct input input;
    static struct conf conf;

    anew_remember(argc, argv);
    replica_settings_default(&input.settings);
    options_parse(&own, own_table, &conf, argc, argv, &input);
    options_apply(&input.options, &input.settings.member);

    const struct daemon daemon = {.options = &input.options,
                                  .program = "sealift-replica",
                                  .role = ROLE_REPLICA,
                                  .coordinator = input.coordinator,
                                  .create_folder = true,
                                  .member = &input.settings.member,
                                  .settings = &input.settings,
                                  .memory_bytes = memory_bytes,
                                  .create = create,
                                  .destroy = replica_destroy,
                                  .status = replica_status};
    int code = HOST_EXIT_PROMOTED;

    if (daemon_role(ROLE_REPLICA) == ROLE_REPLICA) {
        code = daemon_run(&daemon);
    }
    if (code == HOST_EXIT_PROMOTED) {
        code = run_promoted(&daemon);
    }
    conf_free(&conf);
    return code;
}
