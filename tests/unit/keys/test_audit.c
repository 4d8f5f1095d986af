/* The audit is a chain, through failures and restarts; and LookupEvents finds in it what an account
 * may see. */
#include "tests/support/test.h"
#include "tests/unit/keys/kms_driver.h"

#include "keys/audit.h"
#include "keys/trail.h"

#include <stdio.h>
#include <stdlib.h>

static struct driver world;
static const struct secret root = {{1}};
static char id[64];

enum { LOG_MAX = 64 };

static struct {
    char key[AUDIT_KEY_TEXT_MAX];
    char row[4096];
} rows[LOG_MAX];
static unsigned row_count;

/* The last row of the audit, as a catalog would keep it. */
static void note_row(void)
{
    NEED(row_count < LOG_MAX && strlen(world.audit) < sizeof rows[0].row);
    for (size_t i = 0; i < world.row_count; i++) {
        if (strcmp(world.rows[i].table, "audit") == 0) {
            snprintf(rows[row_count].key, sizeof rows[0].key, "%s", world.rows[i].key);
        }
    }
    snprintf(rows[row_count++].row, sizeof rows[0].row, "%s", world.audit);
}

static void say(const char *operation, const char *body)
{
    (void)driver_say(&world, operation, "%s", body);
    note_row();
}

static enum status walk(struct audit_chain *chain)
{
    *chain = (struct audit_chain){0};
    for (unsigned i = 0; i < row_count; i++) {
        TRY(audit_chain_add(chain, rows[i].key, bytes_text(rows[i].row)));
    }
    return OK;
}

static void open_world(void)
{
    row_count = 0;
    driver_open(&world, "us-east-1", &root);
}

static void close_world(void)
{
    driver_close(&world);
    driver_forget(&world);
    world.passed_ns = 0;
}

TEST(each_row_of_the_audit_names_the_digest_of_the_one_before_also_after_a_restart)
{
    struct audit_chain chain;

    open_world();
    say("CreateKey", "{}");
    say("ListKeys", "{}");
    say("ListKeys", "nonsense");
    driver_close(&world);
    driver_open(&world, "us-east-1", &root);
    say("ListKeys", "{}");
    EXPECT_STATUS(walk(&chain), OK);
    EXPECT(chain.number == 4);
    close_world();
}

TEST(after_a_failed_save_the_chain_goes_on_from_what_is_durable)
{
    struct audit_chain chain;
    uint64_t first;

    open_world();
    say("ListKeys", "{}");
    EXPECT(driver_ask(&world, 1, "ListKeys", "{}"));
    first = driver_ticket(&world);
    EXPECT(driver_ask(&world, 2, "ListKeys", "{}"));
    driver_saved(&world, first, E_DISK_FULL);
    EXPECT(world.head.http_status == 500);
    EXPECT(!driver_ask(&world, 3, "ListKeys", "{}")); /* it would follow a row that fails too */
    driver_saved(&world, first + 1, E_DISK_FULL);
    say("ListKeys", "{}");
    EXPECT_STATUS(walk(&chain), OK);
    EXPECT(chain.number == 2);
    close_world();
}

TEST(a_row_that_was_changed_removed_or_moved_breaks_the_chain)
{
    struct audit_chain chain;

    open_world();
    for (unsigned i = 0; i < 5; i++) {
        say("ListKeys", "{}");
    }
    EXPECT_STATUS(walk(&chain), OK);

    char *place = strstr(rows[2].row, "allowed");

    NEED(place != NULL);
    place[0] = 'A';
    EXPECT_STATUS(walk(&chain), E_GAP);
    EXPECT(chain.number == 3); /* the next one does not follow */
    place[0] = 'a';
    memmove(&rows[1], &rows[2], 3 * sizeof rows[0]);
    row_count--;
    EXPECT_STATUS(walk(&chain), E_GAP);
    close_world();
}

static struct json_arena arena;
static uint8_t reply[TRAIL_REPLY_BYTES_MAX + 1];
static const char *refusal;

/* The answer to LookupEvents, as a text in `reply`; ' stands for ". */
static bool lookup(const char *account, const char *quoted)
{
    char body[4096];

    if (arena.base == NULL) {
        arena = (struct json_arena){.base = malloc(8 << 20), .size = 8 << 20};
    }

    struct trail trail = {
        .region = "us-east-1", .account = account, .json = &arena, .reply = reply};

    snprintf(body, sizeof body, "%s", quoted);
    for (char *c = body; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }

    const enum status status = trail_open(&trail, bytes_text(body));

    refusal = trail.error != NULL ? trail.error : "";
    for (unsigned i = row_count; status == OK && i > 0; i--) {
        uint64_t number;

        EXPECT_STATUS(audit_key_parse(rows[i - 1].key, &number), OK);
        if (number < trail.before && !trail_take(&trail, number, bytes_text(rows[i - 1].row))) {
            break;
        }
    }
    if (status == OK) {
        reply[trail_close(&trail).size] = '\0';
    }
    return status == OK;
}

static unsigned events_in_reply(void)
{
    unsigned count = 0;

    for (const char *at = (const char *)reply; (at = strstr(at, "\"EventId\":")) != NULL; at++) {
        count++;
    }
    return count;
}

static bool reply_has(const char *text)
{
    return strstr((const char *)reply, text) != NULL;
}

static void open_with_uses(void)
{
    open_world();
    say("CreateKey", "{}");
    driver_field(&world, "KeyId", id, sizeof id);
    (void)driver_say(&world, "Encrypt",
                     "{'KeyId':'%s','Plaintext':'aGVsbG8=','EncryptionContext':{'a':'\\u0001'}}",
                     id);
    note_row();
    (void)driver_say(&world, "DescribeKey", "{'KeyId':'%s'}", id);
    note_row();
    snprintf(world.caller.account, sizeof world.caller.account, "111111111111");
    snprintf(world.caller.principal, sizeof world.caller.principal,
             "arn:aws:iam::111111111111:user/stranger");
    (void)driver_say(&world, "DescribeKey", "{'KeyId':'arn:aws:kms:us-east-1:000000000000:key/%s'}",
                     id);
    note_row();
    say("ListKeys", "{}");
}

TEST(an_account_sees_its_calls_and_the_calls_with_its_keys)
{
    open_with_uses();
    EXPECT(lookup("000000000000", "{}") && events_in_reply() == 4);
    EXPECT(reply_has("\"Username\":\"stranger\"") && reply_has("AccessDeniedException"));
    EXPECT(reply_has("encryptionContext") && !reply_has("aGVsbG8=") && !reply_has("NextToken"));
    EXPECT(lookup("111111111111", "") && events_in_reply() == 2);
    EXPECT(lookup("222222222222", "{}") && events_in_reply() == 0);
    close_world();
}

TEST(events_are_found_by_attribute_and_time)
{
    char body[512];

    open_with_uses();
    EXPECT(lookup("000000000000", "{'LookupAttributes':[{'AttributeKey':'EventName',"
                                  "'AttributeValue':'DescribeKey'}]}")
           && events_in_reply() == 2);
    EXPECT(lookup("000000000000", "{'LookupAttributes':[{'AttributeKey':'Username',"
                                  "'AttributeValue':'stranger'}]}")
           && events_in_reply() == 1);
    EXPECT(lookup("000000000000", "{'LookupAttributes':[{'AttributeKey':'ReadOnly',"
                                  "'AttributeValue':'false'}]}")
           && events_in_reply() == 1);
    snprintf(body, sizeof body,
             "{'LookupAttributes':[{'AttributeKey':'ResourceName','AttributeValue':"
             "'arn:aws:kms:us-east-1:000000000000:key/%s'}]}",
             id);
    EXPECT(lookup("000000000000", body) && events_in_reply() == 4);
    EXPECT(lookup("000000000000", "{'StartTime':1700000000,'EndTime':1700000000}")
           && events_in_reply() == 4);
    EXPECT(lookup("000000000000", "{'StartTime':1700000001.5}") && events_in_reply() == 0);
    EXPECT(lookup("000000000000", "{'EndTime':1699999999}") && events_in_reply() == 0);
    EXPECT(lookup("000000000000", "{}") && reply_has("\\\"eventTime\\\":\\\"2023-11-14T22:13:20Z"));
    close_world();
}

TEST(events_come_in_pages_newest_first)
{
    char body[256], token[128];
    const char *place;

    open_with_uses();
    EXPECT(lookup("000000000000", "{'MaxResults':2}") && events_in_reply() == 2);
    EXPECT(reply_has("stranger") && !reply_has("\"EventName\":\"CreateKey\""));
    place = strstr((const char *)reply, "\"NextToken\":\"");
    NEED(place != NULL);
    snprintf(token, sizeof token, "%.*s", (int)strcspn(place + 13, "\""), place + 13);
    snprintf(body, sizeof body, "{'MaxResults':2,'NextToken':'%s'}", token);
    EXPECT(lookup("000000000000", body) && events_in_reply() == 2);
    EXPECT(reply_has("\"EventName\":\"CreateKey\"") && !reply_has("stranger"));
    close_world();
}

TEST(wrong_lookups_are_refused_by_name)
{
    static const struct {
        const char *body, *error;
    } bad[] = {
        {"[]", "SerializationException"},
        {"{'MaxResults':51}", "InvalidMaxResultsException"},
        {"{'MaxResults':'x'}", "InvalidMaxResultsException"},
        {"{'StartTime':'x'}", "InvalidTimeRangeException"},
        {"{'StartTime':2,'EndTime':1}", "InvalidTimeRangeException"},
        {"{'NextToken':'x'}", "InvalidNextTokenException"},
        {"{'LookupAttributes':[{'AttributeKey':'Nothing','AttributeValue':''}]}",
         "InvalidLookupAttributesException"},
        {"{'LookupAttributes':[{},{}]}", "InvalidLookupAttributesException"},
    };

    row_count = 0;
    driver_open(&world, "us-east-1", &root); /* for jansson's arena */
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT(!lookup("000000000000", bad[i].body) && strcmp(refusal, bad[i].error) == 0);
    }
    close_world();
}
