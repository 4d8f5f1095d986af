/* `sealift keys`: which KMS key wraps which data key, where, since when; others from now on;
 * and what the deletion of one would cost.
 *
 *   sealift keys show DIR...                a data folder, which may be in use
 *   sealift keys show HOST:PORT...          a running member
 *   sealift keys survivors KEY DIR|HOST:PORT...
 *                                           what would not open any more without that key
 *   sealift keys rotate-dek HOST:PORT       the primary goes on under a new data key
 *   sealift keys rewrap HOST:PORT           a member's envelopes are wrapped anew
 *
 * Showing needs no KMS key: what it shows is written in the open. A key service is asked for
 * nothing but which key an alias means, and a key's state. */
#include "base/check.h"
#include "cli/ask_status.h"
#include "cli/copy.h"
#include "cli/key_name.h"
#include "cli/keys_form.h"
#include "cli/keys_order.h"
#include "cli/keys_survivors.h"
#include "cli/verbs.h"
#include "host/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPTION_JSON = 0x200, OPTION_SERVICE, OPTION_SERVICE_CA, COPIES_MAX = SURVIVORS_COPIES_MAX };

struct keys_order {
    struct connect connect;
    const char *action;
    const char *key; /* survivors: as it was named */
    struct folder_keys_order services;
    const char *copies[COPIES_MAX];
    unsigned count;
    bool json;
};

static const struct argp_option options[] = {
    {"json", OPTION_JSON, 0, 0, "one object", 1},
    {"key-service", OPTION_SERVICE, "REGION=URL", 0,
     "survivors: ask there which key an alias means, and for the key's state (repeat)", 1},
    {"key-service-ca", OPTION_SERVICE_CA, "FILE", 0,
     "CA of the key service (default: the system's)", 1},
    {0}};

static bool is_action(const struct keys_order *order, const char *action)
{
    return strcmp(order->action, action) == 0;
}

static void add(struct keys_order *order, const char *argument, struct argp_state *state)
{
    if (order->action == NULL) {
        order->action = argument;
    } else if (is_action(order, "survivors") && order->key == NULL) {
        order->key = argument;
    } else if (order->count == COPIES_MAX) {
        argp_error(state, "at most %d copies", COPIES_MAX);
    } else {
        order->copies[order->count++] = argument;
    }
}

static bool is_order(const struct keys_order *order)
{
    return is_action(order, "rotate-dek") || is_action(order, "rewrap");
}

static void check(const struct keys_order *order, struct argp_state *state)
{
    if (order->action == NULL
        || (!is_action(order, "show") && !is_action(order, "survivors") && !is_order(order))) {
        argp_error(state, "say 'show', 'survivors', 'rotate-dek' or 'rewrap'");
    } else if (order->services.service_count > 0 && !is_action(order, "survivors")) {
        argp_error(state, "--key-service belongs to 'survivors'");
    } else if (is_action(order, "survivors") && order->key == NULL) {
        argp_error(state, "survivors of which key? Give its ARN, or REGION=alias/NAME");
    } else if (is_order(order) && order->count != 1) {
        argp_error(state, "%s: give the ADDRESS of one member", order->action);
    } else if (order->count == 0) {
        argp_error(state, "of which data folder or member?");
    }
}

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct keys_order *order = state->input;

    switch (option) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &order->connect;
        return 0;
    case OPTION_JSON:
        order->json = true;
        return 0;
    case ARGP_KEY_ARG:
        add(order, argument, state);
        return 0;
    case ARGP_KEY_END:
        check(order, state);
        return 0;
    case OPTION_SERVICE:
        if (!folder_keys_add_service(&order->services, argument)) {
            argp_error(state, "--key-service %s: must be REGION=https://HOST:PORT", argument);
        }
        return 0;
    case OPTION_SERVICE_CA:
        order->services.ca = argument;
        return 0;
    default: /* foreign: argp's keys */
        return ARGP_ERR_UNKNOWN;
    }
}

static void see_member(struct keys_seen *seen, const struct connect *connect)
{
    static struct status_answer answer;

    memset(&answer, 0, sizeof answer);
    snprintf(answer.address, sizeof answer.address, "%s", seen->copy);
    status_ask(connect, &answer);
    if (answer.answered) {
        keys_of_member(seen, &answer.status);
    } else {
        snprintf(seen->why, sizeof seen->why, "%s", answer.why);
    }
}

static const char *sentence(enum status status, bool is_open)
{
    if (status == E_MISSING) {
        return is_open ? "it has no keyring: restore it from a copy of this folder"
                       : "no data folder of a member, and no HOST:PORT of one";
    }
    return status_text(status);
}

static void see_folder(struct keys_seen *seen)
{
    struct folder folder;
    enum status status = folder_open(&folder, seen->copy);
    const bool is_open = status == OK;

    if (is_open) {
        status = keys_of_folder(seen, &folder.seen);
    }
    if (status != OK) {
        snprintf(seen->why, sizeof seen->why, "%s (%s)", sentence(status, is_open),
                 status_name(status));
    }
    folder_close(&folder);
}

static bool see_all(const struct keys_order *order, struct keys_seen *seen)
{
    bool all = true;

    for (unsigned i = 0; i < order->count; i++) {
        seen[i].copy = order->copies[i];
        if (copy_is_address(seen[i].copy)) {
            see_member(&seen[i], &order->connect);
        } else {
            see_folder(&seen[i]);
        }
        all &= seen[i].why[0] == '\0';
    }
    return all;
}

static void print_object(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

static json_t *copies_to_json(const struct keys_seen *seen, unsigned count, uint64_t now_ns)
{
    json_t *copies = json_array();

    for (unsigned i = 0; i < count; i++) {
        json_array_append_new(copies, keys_to_json(&seen[i], now_ns));
    }
    return json_pack("{s:o}", "copies", copies);
}

static int show(const struct keys_order *order, struct keys_seen *seen)
{
    const bool all = see_all(order, seen);

    if (order->json) {
        print_object(copies_to_json(seen, order->count, clock_wall_ns()));
    } else {
        keys_print_table(stdout, seen, order->count, clock_wall_ns());
    }
    return all ? EXIT_DONE : EXIT_REFUSED;
}

static int survivors(const struct keys_order *order, struct keys_seen *seen)
{
    struct key_description key;
    const enum status status = key_name_resolve(order->key, &order->services, &key);

    if (status != OK) {
        fprintf(stderr, "sealift keys: %s: %s: %s\n", order->key, status_name(status), key.why);
        return status == E_USAGE ? EXIT_USAGE : EXIT_REFUSED;
    }
    (void)see_all(order, seen); /* what cannot be read says so itself */
    const struct survivors found = {.seen = seen,
                                    .count = order->count,
                                    .asked = order->key,
                                    .key = key.arn,
                                    .state = key.state};

    if (order->json) {
        print_object(survivors_to_json(&found));
    } else {
        survivors_print(stdout, &found);
    }
    return survivors_code(&found);
}

int verb_keys(int argc, char **argv)
{
    static const struct argp_child children[] = {{&connect_argp, 0, "Members:", 10}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "show DIR|HOST:PORT...\nsurvivors KEY DIR|HOST:PORT...\nrotate-dek "
                    "ADDRESS\nrewrap ADDRESS",
        .doc = "'show' tells which KMS key wraps the data keys of a copy, in which region, which "
               "segments are sealed under them, and since when they are in use. 'survivors' tells "
               "which copies would not open any more without KEY (an ARN, or REGION=alias/NAME), "
               "and which still would.\vSINCE is by the clock of "
               "whoever used the data key first; '>' before an AGE: it is older, for its first "
               "segments have been let go. A running member tells its KMS key and its current "
               "data key; its folder tells the rest. Whether a key opens its envelope now, "
               "'sealift verify' says. 'rotate-dek' has the primary go on under a new data key; "
               "'rewrap' has a member wrap its envelopes anew, under the newest version of its KMS "
               "key. Both need a certificate of role operator, or the member's UNIX socket. The "
               "exit code is 0 when all copies could be read, or the order was carried out. That "
               "of survivors is 0 where no copy is under the key, 3 where some are and every "
               "lineage has another, 4 where a lineage has none, 1 where a copy could not be read. "
               "It knows the copies that it was given, and no others.",
        .children = children};
    struct keys_order order = {0};

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    if (is_order(&order)) {
        return keys_order_run(strcmp(order.action, "rewrap") == 0 ? KEYS_ORDER_REWRAP
                                                                  : KEYS_ORDER_ROTATE,
                              &order.connect, order.copies[0], order.json);
    }
    connect_complete(&order.connect);
    struct keys_seen *seen = calloc(order.count, sizeof *seen);

    CHECK(seen != NULL);
    const int code = (is_action(&order, "survivors") ? survivors : show)(&order, seen);

    free(seen);
    return code;
}
