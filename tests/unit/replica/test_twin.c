/* Two processes under one certificate, and members of two clusters: who may stay, and what the
 * other one is told, once. */
#include "base/check.h"
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

static uint8_t memory[1 << 20];
static struct proto_scratch scratch = {.memory = memory, .size = sizeof memory};

static unsigned said; /* lines of one kind */

static void count_refusals(void *context, const char *line)
{
    (void)context;
    said += strstr(line, "upstream_bye why=E_TWIN") != NULL
            || strstr(line, "upstream_refused link=") != NULL;
}

/* `two` shows the certificate of `one`. */
static void share_certificate(struct pair *pair, unsigned one, unsigned two)
{
    pair->members[two].self = pair->members[one].self;
    pair->members[two].replica.member.self = pair->members[one].self;
    pair->members[two].replica.member.trace.sink = count_refusals;
}

TEST(of_two_processes_with_one_certificate_the_first_stays_and_the_second_is_told)
{
    struct member_status status;
    struct pair pair;

    pair_init(&pair, true, 31);
    const unsigned first = pair_add_replica(&pair, 0, "us-east-1", "");
    const unsigned second = pair_add_replica(&pair, 0, "us-east-1", "");

    share_certificate(&pair, first, second);
    said = 0;
    pair_start(&pair, 0);
    pair_start(&pair, first);
    pair_advance(&pair, SPAN_S(1));
    pair_start(&pair, second);
    pair_advance(&pair, SPAN_S(120));
    pair_append(&pair, 3, 700);
    pair_advance(&pair, SPAN_S(1));
    EXPECT(pair_disks_are_equal(&pair, 0, first));
    EXPECT_STATUS(pair.last_bye.why, E_TWIN);
    EXPECT(strstr(pair.last_bye.text, "another process uses its certificate") != NULL);
    pair_status(&pair, second, &status);
    EXPECT(strcmp(status.state, "refused") == 0);
    EXPECT(strstr(status.notice, "(E_TWIN)") != NULL);
    EXPECT(!pair.members[second].world.halted);
    EXPECT(!pair.members[second].world.files[STORE_DESCRIPTOR].exists);
    EXPECT(pair.carried[MESSAGE_BYE] <= 16); /* it calls ever more rarely */
    EXPECT(said == 1);

    pair_crash(&pair, first); /* the place is free */
    pair_advance(&pair, SPAN_S(40));
    EXPECT(pair_disks_are_equal(&pair, 0, second));
    pair_status(&pair, second, &status);
    EXPECT(strcmp(status.state, "streaming") == 0 && status.notice[0] == '\0');
    pair_start(&pair, first); /* and now it is the first who is late */
    pair_advance(&pair, SPAN_S(2));
    pair_status(&pair, first, &status);
    EXPECT(strcmp(status.state, "refused") == 0);
    pair_status(&pair, second, &status);
    EXPECT(strcmp(status.state, "streaming") == 0);
    pair_free(&pair);
}

static uint8_t greeting[65536];
static size_t greeting_size;

static void keep_greeting(void *context, struct pair_message *said_now)
{
    (void)context;
    if (said_now->from != 0 && said_now->message->type == MESSAGE_GREET) {
        greeting_size = said_now->message->head_size;
        memcpy(greeting, said_now->message->head, greeting_size);
    }
}

/* The same process over a new link, or one on a copy of its folder: they look alike. */
static enum status call_again(struct pair *pair, unsigned replica, link_t *link)
{
    struct fake_world *world = &pair->members[0].world;
    struct bye bye = {.why = OK};

    *link = fake_link_up(world, &pair->members[replica].self, false);
    fake_send(world, *link, MESSAGE_GREET, bytes_of(greeting, greeting_size), bytes_none());
    fake_run(world);

    const struct fake_message *message = fake_take(world, *link, MESSAGE_BYE);

    NEED(message == NULL || bye_decode(&bye, fake_head(message), &scratch) == OK);
    return bye.why;
}

TEST(a_member_that_calls_again_comes_in_at_once_but_two_do_not_take_turns)
{
    struct pair pair;
    link_t links[3];

    pair_init(&pair, false, 32);
    const unsigned replica = pair_add_replica(&pair, 0, "us-east-1", "");

    pair.watch = keep_greeting;
    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(1));
    pair_crash(&pair, replica);
    pair_start(&pair, replica); /* a greeting that names its folder */
    pair_advance(&pair, SPAN_S(1));
    struct fake_world *world = &pair.members[0].world;

    pair.watch = NULL;
    EXPECT_STATUS(call_again(&pair, replica, &links[0]), OK);
    pair_run(&pair);
    EXPECT_STATUS(pair.last_bye.why, E_CLOSED); /* the older link, alive as it was */
    EXPECT_STATUS(call_again(&pair, replica, &links[1]), E_TWIN);
    EXPECT(fake_take(world, links[0], MESSAGE_BYE) == NULL);

    pair_cut(&pair, replica);
    fake_advance(world, SPAN_S(7)); /* two heartbeats of silence on links[0] */
    EXPECT_STATUS(call_again(&pair, replica, &links[2]), OK);
    EXPECT(fake_take(world, links[0], MESSAGE_BYE) != NULL);
    pair_free(&pair);
}

TEST(a_member_of_another_cluster_ends_where_it_has_nothing_and_says_which_is_which)
{
    struct pair pair;

    pair_init(&pair, true, 33);
    const unsigned replica = pair_add_replica(&pair, 0, "us-east-1", "");
    struct fake_world *world = &pair.members[replica].world;

    pair.members[replica].self.lineage.bytes[0] = 0xee;
    pair.members[replica].replica.member.self = pair.members[replica].self;
    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_run(&pair);
    EXPECT(world->halted);
    EXPECT_STATUS(world->halt_why, E_LINEAGE);
    EXPECT(strstr(world->halt_text, "this replica's certificate of ee") != NULL);
    EXPECT(strstr(world->halt_text, "Give --upstream an address of that cluster") != NULL);
    EXPECT(!world->files[STORE_DESCRIPTOR].exists);
    pair_free(&pair);
}

TEST(a_replica_that_is_led_to_another_cluster_serves_on_and_says_so_once)
{
    struct member_status status;
    struct pair pair;

    pair_init(&pair, true, 34);
    const unsigned replica = pair_add_replica(&pair, 0, "us-east-1", "");

    pair.members[replica].replica.member.trace.sink = count_refusals;
    pair_start(&pair, 0);
    pair_append(&pair, 3, 700);
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(1));
    pair_crash(&pair, replica);
    const struct identity own = pair.members[0].self;

    pair.members[0].self.lineage.bytes[0] ^= 1; /* whoever answers at that address now */
    said = 0;
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(120));
    EXPECT(said == 1 && !pair.members[replica].world.halted);
    EXPECT(pair.members[replica].dials_seen <= 16);
    pair_status(&pair, replica, &status);
    EXPECT(strcmp(status.state, "refused") == 0);
    EXPECT(strstr(status.notice, "(E_LINEAGE): alpha is of lineage") != NULL);
    EXPECT(pair_read(&pair, replica, 1, 700) == 3);

    pair.members[0].self = own; /* and it is led back */
    pair_advance(&pair, SPAN_S(40));
    pair_status(&pair, replica, &status);
    EXPECT(strcmp(status.state, "streaming") == 0 && status.notice[0] == '\0');
    pair_free(&pair);
}
