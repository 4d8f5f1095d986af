/* Add, send, hear, call back.
 *
 * A message is closed when the next record would make it larger than batch_bytes, has another
 * level, or is large itself. A poll sends the open one early while fewer than EARLY_MESSAGES are in
 * flight, so that one record alone does not wait and many records share their messages. */
#include "client/appends.h"

#include "base/check.h"

#include <stdlib.h>
#include <sys/random.h>

enum {
    EARLY_MESSAGES = 4,
    MESSAGES_MIN = 64,
    HEAD_BYTES_MAX = 256,
};

void appends_init(struct appends *appends, struct session *session, size_t batch_bytes,
                  uint64_t in_flight_bytes)
{
    const uint64_t wanted = in_flight_bytes / batch_bytes;

    *appends = (struct appends){.session = session,
                                .ring = ring_of(wanted < MESSAGES_MIN ? MESSAGES_MIN : wanted),
                                .batch_bytes = batch_bytes,
                                .in_flight_bytes_max = in_flight_bytes,
                                .next_sequence = 1,
                                .next_request = 1};
    appends->messages = calloc(appends->ring.capacity, sizeof *appends->messages);
    CHECK(appends->messages != NULL);
    while (appends->producer == 0) {
        CHECK(getrandom(&appends->producer, sizeof appends->producer, 0)
              == (ssize_t)sizeof appends->producer);
    }
}

static struct append_message *message_at(const struct appends *appends, uint64_t place)
{
    return &appends->messages[ring_slot(&appends->ring, place)];
}

static void tell(struct append_message *message, const struct sealift_appended *first)
{
    struct sealift_appended appended = *first;

    for (uint32_t i = 0; i < message->count; i++) {
        if (message->waiters[i].done != NULL) {
            message->waiters[i].done(message->waiters[i].context, &appended);
        }
        appended.lsn += appended.lsn == 0 ? 0 : 1;
    }
}

void appends_drop(struct appends *appends, enum sealift_status status)
{
    const struct sealift_appended given_up = {
        .status = status, .name = "E_INDEFINITE", .text = appends->session->text};

    while (!ring_is_empty(&appends->ring)) {
        struct append_message *message = message_at(appends, appends->ring.head);

        if (!message->answered) {
            tell(message, &given_up);
        }
        ring_pop(&appends->ring);
    }
    for (uint64_t i = 0; i < appends->ring.capacity; i++) {
        free(appends->messages[i].lengths);
        free(appends->messages[i].waiters);
        free(appends->messages[i].bodies);
    }
    free(appends->messages);
}

static struct append_message *open_message(const struct appends *appends)
{
    if (ring_is_empty(&appends->ring)) {
        return NULL;
    }
    struct append_message *last = message_at(appends, appends->ring.tail - 1);

    return last->closed ? NULL : last;
}

static void make_room(struct append_message *message, size_t bodies)
{
    if (message->lengths == NULL) {
        message->lengths = malloc(APPEND_COUNT_MAX * sizeof *message->lengths);
        message->waiters = malloc(APPEND_COUNT_MAX * sizeof *message->waiters);
        CHECK(message->lengths != NULL && message->waiters != NULL);
    }
    if (message->bodies_room < bodies) {
        free(message->bodies);
        message->bodies = malloc(bodies);
        CHECK(message->bodies != NULL);
        message->bodies_room = bodies;
    }
}

static struct append_message *begin_message(struct appends *appends, size_t size)
{
    struct append_message *message = &appends->messages[ring_push(&appends->ring)];

    make_room(message, size > appends->batch_bytes ? size : appends->batch_bytes);
    message->closed = message->answered = message->has_level = false;
    message->count = 0;
    message->bodies_size = 0;
    message->request = appends->next_request++;
    message->first_sequence = appends->next_sequence;
    return message;
}

static bool fits(const struct appends *appends, const struct append_message *message, size_t size,
                 bool has_level, struct level level)
{
    return message->count < APPEND_COUNT_MAX
           && message->bodies_size + size + 4 * ((size_t)message->count + 1) <= appends->batch_bytes
           && message->has_level == has_level
           && (!has_level
               || (message->level.kind == level.kind && message->level.count == level.count));
}

static void put(struct appends *appends, struct append_message *message,
                const struct sealift_record *record)
{
    const uint32_t size = (uint32_t)record->size;
    const uint8_t length[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16),
                               (uint8_t)(size >> 24)};

    memcpy(&message->lengths[message->count], length, sizeof length);
    memcpy(message->bodies + message->bodies_size, record->data, size);
    message->waiters[message->count] = (struct append_waiter){record->done, record->context};
    message->bodies_size += size;
    message->count++;
    appends->next_sequence++;
    appends->in_flight_bytes += size;
    appends->in_flight_records++;
}

enum sealift_status appends_add(struct appends *appends, const struct sealift_record *record,
                                bool has_level, struct level level)
{
    struct append_message *message = open_message(appends);

    /* One record alone is always taken, however small the bound. */
    if (appends->in_flight_bytes > 0
        && appends->in_flight_bytes + record->size > appends->in_flight_bytes_max) {
        return SEALIFT_FULL;
    }
    if (message == NULL || !fits(appends, message, record->size, has_level, level)) {
        if (ring_is_full(&appends->ring)) {
            return SEALIFT_FULL;
        }
        if (message != NULL) {
            message->closed = true;
        }
        message = begin_message(appends, record->size);
        message->has_level = has_level;
        message->level = level;
    }
    put(appends, message, record);
    return SEALIFT_OK;
}

static void send_message(struct appends *appends, struct append_message *message)
{
    const struct append append = {.request = message->request,
                                  .producer = appends->producer,
                                  .first_sequence = message->first_sequence,
                                  .count = message->count,
                                  .has_level = message->has_level,
                                  .level = message->level};
    uint8_t head[HEAD_BYTES_MAX];

    message->closed = true;
    session_send(appends->session, MESSAGE_APPEND, append_encode(&append, head),
                 bytes_of(message->lengths, 4 * (size_t)message->count),
                 bytes_of(message->bodies, message->bodies_size));
}

void appends_pump(struct appends *appends, bool flush)
{
    if (!appends->session->is_up) {
        return;
    }
    for (; appends->unsent < appends->ring.tail; appends->unsent++) {
        struct append_message *message = message_at(appends, appends->unsent);
        const bool is_early = appends->unsent - appends->ring.head < EARLY_MESSAGES;

        if (!message->closed && !flush && !is_early) {
            return;
        }
        if (link_is_full(appends->session->link)) {
            return; /* the primary reads slower than we write: the next poll goes on */
        }
        if (!message->answered) {
            send_message(appends, message);
        }
    }
}

void appends_on_welcomed(struct appends *appends)
{
    appends->unsent = appends->ring.head;
    appends_pump(appends, false);
}

bool appends_are_owed(const struct appends *appends)
{
    return appends->unsent > appends->ring.head; /* the first of a ring is never answered */
}

static void pop_answered(struct appends *appends)
{
    while (!ring_is_empty(&appends->ring) && message_at(appends, appends->ring.head)->answered) {
        struct append_message *message = message_at(appends, appends->ring.head);

        if (message->bodies_room > appends->batch_bytes) { /* a large record's own memory */
            free(message->bodies);
            message->bodies = NULL;
            message->bodies_room = 0;
        }
        ring_pop(&appends->ring);
    }
    if (appends->unsent < appends->ring.head) {
        appends->unsent = appends->ring.head;
    }
}

/* Requests are dense along the ring, so the place is a subtraction. */
static struct append_message *message_of(const struct appends *appends, uint64_t request)
{
    if (ring_is_empty(&appends->ring)) {
        return NULL;
    }
    const uint64_t first = message_at(appends, appends->ring.head)->request;

    if (request < first || request - first >= appends->unsent - appends->ring.head) {
        return NULL;
    }
    struct append_message *message = message_at(appends, appends->ring.head + request - first);

    return message->answered ? NULL : message;
}

static void answer(struct appends *appends, struct append_message *message,
                   const struct sealift_appended *first)
{
    message->answered = true;
    appends->in_flight_bytes -= message->bodies_size;
    appends->in_flight_records -= message->count;
    tell(message, first);
    pop_answered(appends);
}

static bool on_appended(struct appends *appends, const struct message *message)
{
    struct appended appended;

    if (appended_decode(&appended, message->head, &appends->session->scratch) != OK) {
        return false;
    }
    struct append_message *found = message_of(appends, appended.request);

    if (found == NULL || appended.count != found->count) {
        return false;
    }
    answer(appends, found,
           &(struct sealift_appended){
               .status = SEALIFT_OK, .lsn = appended.first_lsn, .name = "", .text = ""});
    return true;
}

static bool can_be_retried(enum status why)
{
    return why == E_NOT_READY || why == E_NOT_WRITER || why == E_FULL || why == E_INDEFINITE
           || why == E_BUSY;
}

static bool on_refused(struct appends *appends, const struct message *message)
{
    struct refused refused;

    if (refused_decode(&refused, message->head, &appends->session->scratch) != OK) {
        return false;
    }
    struct append_message *found = message_of(appends, refused.request);

    if (refused.request == 0 || (found != NULL && can_be_retried(refused.why))) {
        session_move_on(appends->session, refused.why, refused.text);
        return true;
    }
    if (found == NULL) {
        return false;
    }
    answer(appends, found,
           &(struct sealift_appended){
               .status = SEALIFT_REFUSED, .name = status_name(refused.why), .text = refused.text});
    return true;
}

bool appends_on_message(struct appends *appends, const struct message *message)
{
    if (message->type == MESSAGE_APPENDED) {
        return on_appended(appends, message);
    }
    return message->type == MESSAGE_REFUSED && on_refused(appends, message);
}
