/* Small bodies leave in one piece with their header, large ones do not; the client sees no
 * difference. */
#include "base/check.h"
#include "tests/support/test.h"
#include "transport/http_client.h"
#include "transport/http_server.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

struct scene {
    struct event_base *base;
    struct http_server *server;
    size_t wanted; /* the size of the next answer's body */
    unsigned answered;
    bool whole;
    const char *request_id; /* that it sends */
    char seen_id[HTTP_REQUEST_ID_MAX]; /* that came */
};

static const uint8_t *pattern(void)
{
    static uint8_t bytes[1 << 17];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i % 251);
    }
    return bytes;
}

static void on_request(void *context, uint64_t token, const struct http_request *request)
{
    struct scene *scene = context;

    const struct http_header header = {"x-amzn-RequestId", scene->request_id};

    (void)request;
    http_server_reply(scene->server, token,
                      &(struct http_reply){.status = 200,
                                           .headers = &header,
                                           .header_count = scene->request_id != NULL,
                                           .body = bytes_of(pattern(), scene->wanted)});
}

static void on_answer(void *context, const struct http_answer *answer)
{
    struct scene *scene = context;

    scene->answered++;
    scene->whole = answer->status == OK && answer->code == 200
                   && bytes_equal(answer->body, bytes_of(pattern(), scene->wanted));
    snprintf(scene->seen_id, sizeof scene->seen_id, "%s", answer->request_id);
    event_base_loopbreak(scene->base);
}

static struct http_client *begin(struct scene *scene, char url[64])
{
    struct http_client *client;
    char why[TRANSPORT_WHY_MAX];

    scene->base = event_base_new();
    NEED(http_server_open(&scene->server,
                          &(struct http_server_settings){.base = scene->base,
                                                         .address = "127.0.0.1:0",
                                                         .on_request = on_request,
                                                         .context = scene},
                          why)
         == OK);
    NEED(http_client_new(&client, &(struct http_client_settings){.base = scene->base}) == OK);
    snprintf(url, 64, "http://127.0.0.1:%u/", http_server_port(scene->server));
    return client;
}

static void ask(struct scene *scene, struct http_client *client, const char *url)
{
    http_client_send(client,
                     &(struct http_call){
                         .method = "POST", .url = url, .on_answer = on_answer, .context = scene});
    event_base_dispatch(scene->base);
}

static void end(struct scene *scene, struct http_client *client)
{
    http_client_free(client);
    http_server_close(scene->server);
    event_base_free(scene->base);
}

TEST(answers_of_any_size_arrive_whole)
{
    static const size_t sizes[] = {0, 1, 8191, 8192, 8193, 16384, 100000, 0, 8192};
    struct scene scene = {0};
    char url[64];
    struct http_client *client = begin(&scene, url);

    for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
        scene.wanted = sizes[i];
        scene.whole = false;
        ask(&scene, client, url);
        EXPECT(scene.answered == i + 1 && scene.whole);
    }
    end(&scene, client);
}

TEST(the_request_id_of_an_answer_is_told_where_it_is_one)
{
    static const struct {
        const char *sent, *seen;
    } cases[] = {{"4F0b-77", "4F0b-77"}, {NULL, ""}, {"a b", ""}, {"\"", ""}, {"7", "7"}};
    struct scene scene = {0};
    char url[64];
    struct http_client *client = begin(&scene, url);

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        scene.request_id = cases[i].sent;
        ask(&scene, client, url);
        EXPECT(strcmp(scene.seen_id, cases[i].seen) == 0);
    }
    end(&scene, client);
}
