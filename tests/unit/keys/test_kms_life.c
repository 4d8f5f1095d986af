/* The life of a key service: what it knows again after a restart, whom it makes wait, how it ends;
 * and ciphertexts that are not what they should be. */
#include "tests/support/test.h"
#include "tests/unit/keys/kms_driver.h"

#include "base/base64.h"

#include <stdio.h>

static struct driver world; /* large: effects and an answer */
static const struct secret root = {{1}};
static char id[64], blob[9000], body[16384];

static bool halted_with(enum status why)
{
    return world.fx.count == 1 && world.fx.list[0].kind == EFFECT_HALT
           && world.fx.list[0].halt.why == why;
}

static bool refused_with(const char *error)
{
    return world.head.http_status == 400 && strcmp(world.head.error, error) == 0;
}

/* A key with an alias, and "hello" under it. */
static void open_with_blob(void)
{
    driver_open(&world, "us-east-1", &root);
    NEED(world.fx.count == 0);
    EXPECT(driver_call(&world, "CreateKey", "{\"Description\":\"kept\"}") == 200);
    driver_field(&world, "KeyId", id, sizeof id);
    snprintf(body, sizeof body, "{\"AliasName\":\"alias/a\",\"TargetKeyId\":\"%s\"}", id);
    EXPECT(driver_call(&world, "CreateAlias", body) == 200);
    EXPECT(driver_call(&world, "Encrypt", "{\"KeyId\":\"alias/a\",\"Plaintext\":\"aGVsbG8=\"}")
           == 200);
    driver_field(&world, "CiphertextBlob", blob, sizeof blob);
}

static unsigned decrypt(const char *ciphertext, const char *key)
{
    snprintf(body, sizeof body, "{\"CiphertextBlob\":\"%s\"%s%s%s}", ciphertext,
             key[0] != '\0' ? ",\"KeyId\":\"" : "", key, key[0] != '\0' ? "\"" : "");
    return driver_call(&world, "Decrypt", body);
}

TEST(a_restart_knows_keys_aliases_states_and_where_the_audit_ended)
{
    struct kms_status status;

    open_with_blob();
    snprintf(body, sizeof body, "{\"KeyId\":\"%s\"}", id);
    EXPECT(driver_call(&world, "DisableKey", body) == 200);
    driver_close(&world);

    driver_open(&world, "us-east-1", &root);
    EXPECT(world.fx.count == 0);
    kms_status(world.node, &status);
    EXPECT(status.keys == 1 && status.aliases == 1 && status.audit_rows == 4);
    EXPECT(decrypt(blob, "") == 400 && refused_with("DisabledException"));
    EXPECT(driver_call(&world, "DescribeKey", "{\"KeyId\":\"alias/a\"}") == 200);
    EXPECT(strstr(world.answer, "\"Description\":\"kept\"") != NULL);
    snprintf(body, sizeof body, "{\"KeyId\":\"%s\"}", id);
    EXPECT(driver_call(&world, "EnableKey", body) == 200);
    EXPECT(decrypt(blob, "") == 200 && strstr(world.answer, "aGVsbG8=") != NULL);
    driver_close(&world);
    driver_forget(&world);
}

TEST(another_root_key_or_region_or_a_changed_row_halts_at_start)
{
    static const struct secret other = {{2}};

    open_with_blob();
    driver_close(&world);
    driver_open(&world, "us-east-1", &other);
    EXPECT(halted_with(E_WRONG_KEY));
    driver_close(&world);
    driver_open(&world, "eu-west-1", &root);
    EXPECT(halted_with(E_FOREIGN_FOLDER));
    driver_close(&world);
    for (size_t i = 0; i < world.row_count; i++) {
        if (strcmp(world.rows[i].table, "kms_key") == 0) {
            world.rows[i].value.size--;
        }
    }
    driver_open(&world, "us-east-1", &root);
    EXPECT(world.fx.count == 1 && world.fx.list[0].kind == EFFECT_HALT
           && world.fx.list[0].halt.why != OK);
    driver_close(&world);
    driver_forget(&world);
}

TEST(a_ciphertext_opens_under_its_own_key_only)
{
    char other[64];

    open_with_blob();
    EXPECT(driver_call(&world, "CreateKey", "{}") == 200);
    driver_field(&world, "KeyId", other, sizeof other);
    EXPECT(decrypt(blob, id) == 200);
    EXPECT(decrypt(blob, "alias/a") == 200);
    EXPECT(decrypt(blob, other) == 400 && refused_with("IncorrectKeyException"));
    driver_close(&world);
    driver_forget(&world);
}

TEST(no_byte_of_a_ciphertext_can_be_changed_or_missing)
{
    uint8_t bytes[1024];
    char text[2 * sizeof bytes];
    size_t size;

    open_with_blob();
    NEED(base64_decode(bytes_text(blob), bytes, sizeof bytes, &size) == OK);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 1;
        EXPECT(decrypt(base64_encode(bytes_of(bytes, size), text), "") == 400);
        EXPECT(strstr(world.answer, "aGVsbG8=") == NULL);
        bytes[i] ^= 1;
        if (i > 0) {
            EXPECT(decrypt(base64_encode(bytes_of(bytes, i), text), "") == 400);
        }
    }
    EXPECT(decrypt(base64_encode(bytes_of(bytes, size), text), "") == 200);
    EXPECT(decrypt("AQICAHhub3RvdXJz", "") == 400 && refused_with("InvalidCiphertextException"));
    driver_close(&world);
    driver_forget(&world);
}

TEST(while_a_change_is_not_durable_others_wait_and_are_called_in_the_order_they_came)
{
    uint64_t ticket;

    driver_open(&world, "us-east-1", &root);
    EXPECT(driver_ask(&world, 1, "CreateKey", "{}"));
    ticket = driver_ticket(&world);
    EXPECT(!driver_ask(&world, 2, "ListKeys", "{}"));
    EXPECT(!driver_ask(&world, 3, "ListKeys", "{}"));
    driver_saved(&world, ticket, OK);
    NEED(world.fx.count == 3);
    EXPECT(world.fx.list[0].kind == EFFECT_SEND && world.fx.list[0].send.link == 1);
    EXPECT(world.fx.list[1].kind == EFFECT_RESUME && world.fx.list[1].link == 2);
    EXPECT(world.fx.list[2].kind == EFFECT_RESUME && world.fx.list[2].link == 3);
    driver_close(&world);
    driver_forget(&world);
}

TEST(a_full_ring_makes_wait_and_one_who_left_is_not_called)
{
    uint64_t first;

    driver_open(&world, "us-east-1", &root); /* with room for two */
    EXPECT(driver_ask(&world, 1, "ListKeys", "{}"));
    first = driver_ticket(&world);
    EXPECT(driver_ask(&world, 2, "ListKeys", "{}"));
    EXPECT(!driver_ask(&world, 3, "ListKeys", "{}"));
    driver_step(&world, (struct event){.kind = EVENT_LINK_DOWN, .link = {.link = 3}});
    driver_step(&world, (struct event){.kind = EVENT_LINK_DOWN, .link = {.link = 1}});
    driver_saved(&world, first, OK);
    EXPECT(world.fx.count == 0); /* neither an answer for 1 nor a call for 3 */
    driver_saved(&world, first + 1, OK);
    NEED(world.fx.count == 1);
    EXPECT(world.fx.list[0].kind == EFFECT_SEND && world.fx.list[0].send.link == 2);
    driver_close(&world);
    driver_forget(&world);
}

TEST(stop_halts_at_once_where_nothing_waits_and_else_after_the_last_answer)
{
    driver_open(&world, "us-east-1", &root);
    driver_step(&world, (struct event){.kind = EVENT_STOP});
    EXPECT(halted_with(OK));
    driver_close(&world);

    driver_open(&world, "us-east-1", &root);
    EXPECT(driver_ask(&world, 1, "ListKeys", "{}"));
    const uint64_t ticket = driver_ticket(&world);

    driver_step(&world, (struct event){.kind = EVENT_STOP});
    EXPECT(world.fx.count == 0);
    driver_saved(&world, ticket, OK);
    NEED(world.fx.count == 2);
    EXPECT(world.fx.list[0].kind == EFFECT_SEND && world.fx.list[1].kind == EFFECT_HALT);
    driver_close(&world);
    driver_forget(&world);
}
