/* A session of its own for each question: HELLO, STATUS, goodbye. */
#include "cli/ask_status.h"

#include "client/session.h"

#include <stdio.h>

enum { ASK_MS = 5000 };

struct asking {
    struct session *session;
    struct status_answer *answer;
    bool done;
};

static void on_welcomed(void *context)
{
    struct asking *asking = context;

    session_send(asking->session, MESSAGE_STATUS, bytes_none(), bytes_none(), bytes_none());
}

static void on_message(void *context, const struct message *message)
{
    struct asking *asking = context;
    struct status_answer *answer = asking->answer;

    if (message->type != MESSAGE_STATUS_IS
        || member_status_decode(&answer->status, message->head, &asking->session->scratch) != OK) {
        snprintf(answer->why, sizeof answer->why, "%.200s: its answer has not the form of a status",
                 answer->address);
    } else {
        answer->answered = true;
    }
    asking->done = true;
}

void status_ask(const struct connect *connect, struct status_answer *answer)
{
    static const struct session_events events = {on_welcomed, on_message, NULL};
    const struct session_settings settings = {
        .addresses = {answer->address},
        .files = {.ca = connect->ca,
                  .certificate = connect->certificate,
                  .key = connect->key,
                  .crl = connect->crl},
        .give_up = SPAN_MS(1)}; /* one try: a member that is down is an answer too */
    const struct instant end = instant_add(session_now(), SPAN_MS(ASK_MS));
    struct asking asking = {.answer = answer};

    answer->answered = false;
    if (connect_lacks(connect, answer->address, answer->why)
        || session_open(&asking.session, &settings, &events, &asking, answer->why) != OK) {
        return;
    }
    while (!asking.done && !asking.session->failed && !instant_reached(end, session_now())) {
        session_wait(asking.session, ASK_MS);
    }
    if (!asking.done) {
        snprintf(answer->why, sizeof answer->why, "%s",
                 asking.session->failed ? asking.session->text : "no answer in time");
    }
    session_close(asking.session);
}
