/* One session: HELLO, the order, and its answer, which takes as long as key services and disks do.
 *
 * How it goes wrong: refused: the member's own sentence is shown, and nothing has been lost: the
 * WAL goes on under the keys that it has. The link is lost before the answer: whether the order was
 * carried out is not known here; `keys show` of the member's folder tells, and it may be given
 * again. */
#include "cli/keys_order.h"

#include "base/hex.h"
#include "cli/verbs.h"
#include "client/session.h"
#include "proto/keys_order.h"

#include <jansson.h>
#include <stdio.h>

enum { ANSWER_S = 180 }; /* a key service's minute, and one for replicas that must store a key */

struct keys_asked {
    enum keys_order_kind kind;
    struct session *session;
    bool was_sent, answered, refused;
    struct rotated rotated;
    struct rewrapped rewrapped;
    struct refused refusal;
};

static void on_welcomed(void *context)
{
    struct keys_asked *asked = context;
    const bool rotates = asked->kind == KEYS_ORDER_ROTATE;

    if (!asked->was_sent) { /* not again over another link: it may have been carried out */
        asked->was_sent = true;
        session_send(asked->session, rotates ? MESSAGE_ROTATE : MESSAGE_REWRAP, bytes_none(),
                     bytes_none(), bytes_none());
    } else {
        asked->session->stop = 1;
    }
}

static void on_message(void *context, const struct message *message)
{
    struct keys_asked *asked = context;
    struct proto_scratch *scratch = &asked->session->scratch;

    if (message->type == MESSAGE_ROTATED && asked->kind == KEYS_ORDER_ROTATE) {
        asked->answered = rotated_decode(&asked->rotated, message->head, scratch) == OK;
    } else if (message->type == MESSAGE_REWRAPPED && asked->kind == KEYS_ORDER_REWRAP) {
        asked->answered = rewrapped_decode(&asked->rewrapped, message->head, scratch) == OK;
    } else if (message->type == MESSAGE_REFUSED) {
        asked->refused = refused_decode(&asked->refusal, message->head, scratch) == OK;
    }
}

/* False where there was no answer; `why` (SEALIFT_TEXT_MAX) then says so. */
static bool ask(struct keys_asked *asked, const struct connect *connect, const char *address,
                char *why)
{
    static const struct session_events events = {on_welcomed, on_message, NULL};
    const struct session_settings settings = {
        .addresses = {address},
        .files = {connect->ca, connect->certificate, connect->key, connect->crl},
        .give_up = SPAN_S(10)};
    const struct instant end = instant_add(session_now(), SPAN_S(ANSWER_S));

    if (connect_lacks(connect, address, why)
        || session_open(&asked->session, &settings, &events, asked, why) != OK) {
        return false;
    }
    while (!asked->answered && !asked->refused && !asked->session->failed && !asked->session->stop
           && !instant_reached(end, session_now())) {
        (void)session_wait(asked->session, 1000);
    }
    if (!asked->answered && !asked->refused) {
        snprintf(why, SEALIFT_TEXT_MAX, "%s",
                 asked->session->failed ? asked->session->text
                                        : "no answer: whether it was done, 'sealift keys show' of "
                                          "the member's folder tells");
    }
    session_close(asked->session);
    return asked->answered || asked->refused;
}

static void print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

static int say_refused(const struct keys_asked *asked, const char *address, bool json,
                       const char *name, const char *text)
{
    const bool rotates = asked->kind == KEYS_ORDER_ROTATE;

    if (json) {
        print_json(json_pack("{s:b,s:s,s:s}", rotates ? "rotated" : "rewrapped", 0, "name", name,
                             "text", text));
    } else {
        fprintf(stderr, "sealift keys %s: %s: %s (%s)\n", rotates ? "rotate-dek" : "rewrap",
                address, text, name);
    }
    return EXIT_REFUSED;
}

static void say_rotated(const struct rotated *rotated, bool json)
{
    char dek[33];

    hex_encode(bytes_of(rotated->dek.bytes, sizeof rotated->dek.bytes), dek);
    if (json) {
        print_json(json_pack("{s:b,s:s,s:I,s:I,s:I}", "rotated", 1, "dek", dek, "first_segment",
                             (json_int_t)rotated->segment, "holders", (json_int_t)rotated->holders,
                             "lacking", (json_int_t)rotated->lacking));
        return;
    }
    printf("data key %s is in use from segment %llu on; %llu linked replicas held it before\n", dek,
           (unsigned long long)rotated->segment, (unsigned long long)rotated->holders);
    if (rotated->lacking > 0) {
        printf("%llu linked replicas did not get it in time: they go on when their region's key "
               "service answers\n",
               (unsigned long long)rotated->lacking);
    }
}

static void say_rewrapped(const struct rewrapped *rewrapped, bool json)
{
    if (json) {
        print_json(
            json_pack("{s:b,s:I}", "rewrapped", 1, "envelopes", (json_int_t)rewrapped->envelopes));
    } else {
        printf("%llu envelopes are wrapped anew; no segment was touched\n",
               (unsigned long long)rewrapped->envelopes);
    }
}

int keys_order_run(enum keys_order_kind kind, struct connect *connect, const char *address,
                   bool json)
{
    static struct keys_asked asked;
    char why[SEALIFT_TEXT_MAX] = "";

    asked = (struct keys_asked){.kind = kind};
    if (connect->as == NULL) {
        connect->as = "operator";
    }
    connect_complete(connect);
    if (!ask(&asked, connect, address, why)) {
        return say_refused(&asked, address, json, "E_UNREACHABLE", why);
    }
    if (asked.refused) {
        return say_refused(&asked, address, json, status_name(asked.refusal.why),
                           asked.refusal.text);
    }
    if (kind == KEYS_ORDER_ROTATE) {
        say_rotated(&asked.rotated, json);
    } else {
        say_rewrapped(&asked.rewrapped, json);
    }
    return EXIT_DONE;
}
