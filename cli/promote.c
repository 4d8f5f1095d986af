/* `sealift promote`: asks a replica to become the primary, and waits until it serves as one.
 *
 * One session: HELLO, PROMOTE, and the answer, which takes as long as an election does. Then the
 * member closes all links and starts again as a primary, and is asked for its STATUS until it
 * serves.
 *
 * How it goes wrong: refused: the member's own sentence is shown, with what to do, and nothing has
 * been promoted. The link is lost before the answer: PROMOTE is sent again; a member that was
 * promoted meanwhile says that it is the primary. */
#include "proto/promote.h"
#include "base/check.h"
#include "cli/ask_status.h"
#include "cli/local.h"
#include "cli/verbs.h"
#include "client/session.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    OPTION_LOSS = 0x200,
    OPTION_JSON,
    ANSWER_S = 180, /* an election, and catching up with what another member holds */
    SERVE_S = 60, /* opening the folder, and claiming once more */
    POLL_MS = 100,
};

struct promotion {
    struct connect connect;
    const char *address;
    struct promote wish;
    bool json;

    struct session *session;
    unsigned asked;
    bool answered, refused;
    struct promoted promoted;
    struct refused refusal;
};

static void on_welcomed(void *context)
{
    struct promotion *promotion = context;
    uint8_t head[64];

    promotion->asked++;
    session_send(promotion->session, MESSAGE_PROMOTE, promote_encode(&promotion->wish, head),
                 bytes_none(), bytes_none());
}

static void on_message(void *context, const struct message *message)
{
    struct promotion *promotion = context;
    struct proto_scratch *scratch = &promotion->session->scratch;

    if (message->type == MESSAGE_PROMOTED) {
        promotion->answered = promoted_decode(&promotion->promoted, message->head, scratch) == OK;
    } else if (message->type == MESSAGE_REFUSED) {
        promotion->refused = refused_decode(&promotion->refusal, message->head, scratch) == OK;
    }
}

/* False where there was no answer; `why` (SEALIFT_TEXT_MAX) then says so. */
static bool ask(struct promotion *promotion, char *why)
{
    static const struct session_events events = {on_welcomed, on_message, NULL};
    const struct connect *connect = &promotion->connect;
    const struct session_settings settings = {
        .addresses = {promotion->address},
        .files = {connect->ca, connect->certificate, connect->key, connect->crl},
        .give_up = SPAN_S(10)};
    const struct instant end = instant_add(session_now(), SPAN_S(ANSWER_S));

    if (connect_lacks(connect, promotion->address, why)
        || session_open(&promotion->session, &settings, &events, promotion, why) != OK) {
        return false;
    }
    while (!promotion->answered && !promotion->refused && !promotion->session->failed
           && !instant_reached(end, session_now())) {
        session_wait(promotion->session, 1000);
    }
    if (!promotion->answered && !promotion->refused) {
        snprintf(why, SEALIFT_TEXT_MAX, "%s",
                 promotion->session->failed ? promotion->session->text : "no answer in time");
    }
    session_close(promotion->session);
    return promotion->answered || promotion->refused;
}

/* Until it serves as a primary. */
static bool wait_until_it_serves(const struct promotion *promotion, struct status_answer *answer)
{
    const struct instant end = instant_add(session_now(), SPAN_S(SERVE_S));

    snprintf(answer->address, sizeof answer->address, "%s", promotion->address);
    for (;;) {
        status_ask(&promotion->connect, answer);
        if (answer->answered && answer->status.role == ROLE_PRIMARY
            && strcmp(answer->status.state, "serving") == 0) {
            return true;
        }
        if (instant_reached(end, session_now())) {
            return false;
        }
        local_sleep_ms(POLL_MS);
    }
}

static void print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

static int say_refused(const struct promotion *promotion, const char *name, const char *text)
{
    if (promotion->json) {
        print_json(json_pack("{s:b,s:s,s:s}", "promoted", 0, "name", name, "text", text));
    } else {
        fprintf(stderr, "sealift promote: %s: %s (%s)\n", promotion->address, text, name);
    }
    return EXIT_REFUSED;
}

static void say_done_json(const struct promotion *promotion, const struct status_answer *answer)
{
    const struct promoted *promoted = &promotion->promoted;
    const struct member_status *status = &answer->status;

    print_json(json_pack("{s:b,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:b}", "promoted", 1, "member",
                         status->member, "region", status->region, "epoch",
                         (json_int_t)status->epoch, "end_lsn", (json_int_t)promoted->end_lsn,
                         "batch", (json_int_t)promoted->batch, "loss_first_lsn",
                         (json_int_t)promoted->loss_first_lsn, "loss_last_lsn",
                         (json_int_t)promoted->loss_last_lsn, "was_primary", promoted->was_writer));
}

static void say_done(const struct promotion *promotion, const struct status_answer *answer)
{
    const struct promoted *promoted = &promotion->promoted;
    const struct member_status *status = &answer->status;

    if (promotion->json) {
        say_done_json(promotion, answer);
    } else if (promoted->was_writer) {
        printf("%s in %s is the primary: epoch %llu, LSN %llu\n", status->member, status->region,
               (unsigned long long)status->epoch, (unsigned long long)status->durable_lsn);
    } else {
        printf("%s in %s is the primary now: epoch %llu, going on after LSN %llu\n", status->member,
               status->region, (unsigned long long)status->epoch,
               (unsigned long long)promoted->end_lsn);
        if (promoted->loss_last_lsn > 0) {
            printf("declared lost, as accepted: LSN %llu to %llu\n",
                   (unsigned long long)promoted->loss_first_lsn,
                   (unsigned long long)promoted->loss_last_lsn);
        }
    }
}

static const struct argp_option options[] = {{"accept-loss", OPTION_LOSS, "LSN", 0,
                                              "where too few members answer: what this member does "
                                              "not hold may be lost, up to that LSN (the "
                                              "last one that you know of)",
                                              1},
                                             {"json", OPTION_JSON, 0, 0, "one object", 1},
                                             {0}};

static void set_loss(struct promotion *promotion, const char *text, struct argp_state *state)
{
    char *end;

    errno = 0;
    promotion->wish.accepts_loss = true;
    promotion->wish.loss_last_lsn = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-') {
        argp_failure(state, EXIT_USAGE, 0, "--accept-loss %s: must be an LSN", text);
    }
}

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct promotion *promotion = state->input;

    switch (option) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &promotion->connect;
        return 0;
    case OPTION_LOSS:
        set_loss(promotion, argument, state);
        return 0;
    case OPTION_JSON:
        promotion->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (promotion->address != NULL) {
            argp_failure(state, EXIT_USAGE, 0, "one member can be promoted at a time");
        }
        promotion->address = argument;
        return 0;
    case ARGP_KEY_END:
        if (promotion->address == NULL) {
            argp_failure(state, EXIT_USAGE, 0, "give the ADDRESS of the replica to promote");
        }
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

int verb_promote(int argc, char **argv)
{
    static const struct argp_child children[] = {{&connect_argp, 0, "Who we are:", 10}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "ADDRESS",
        .doc = "Makes a replica the primary, and waits until it serves.\vIt needs a certificate of "
               "role operator, or the member's UNIX socket. The replica asks the other members "
               "(its --upstream), fences the old primary if it answers, and claims the next epoch; "
               "it refuses where committed records could be lost. The exit code is 0 when it "
               "serves as the primary, 1 when not.",
        .children = children};
    static struct promotion promotion;
    static struct status_answer answer;
    char why[SEALIFT_TEXT_MAX] = "";

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &promotion);
    if (promotion.connect.as == NULL) {
        promotion.connect.as = "operator";
    }
    connect_complete(&promotion.connect);
    if (!ask(&promotion, why)) {
        return say_refused(&promotion, "E_UNREACHABLE", why);
    }
    if (promotion.refused) {
        return say_refused(&promotion, status_name(promotion.refusal.why), promotion.refusal.text);
    }
    if (!wait_until_it_serves(&promotion, &answer)) {
        return say_refused(&promotion, "E_NOT_READY",
                           "it was promoted, but does not serve: look at its last words, and start "
                           "sealift-primary on its folder");
    }
    say_done(&promotion, &answer);
    return EXIT_DONE;
}
