/* New material for a key, on demand and by itself; the old one opens what was sealed under it. And
 * what else falls due: the end of a key. */
#include "tests/support/test.h"
#include "tests/unit/keys/kms_driver.h"

#include <stdio.h>

static struct driver world;
static const struct secret root = {{1}};
static char id[64], blob[9000], material[80];

static void open_with_key(void)
{
    driver_open(&world, "us-east-1", &root);
    EXPECT(driver_call(&world, "CreateKey", "{}") == 200);
    driver_field(&world, "KeyId", id, sizeof id);
    driver_field(&world, "CurrentKeyMaterialId", material, sizeof material);
    EXPECT(strlen(material) == 64);
    EXPECT(driver_say(&world, "Encrypt", "{'KeyId':'%s','Plaintext':'aGVsbG8='}", id) == 200);
    driver_field(&world, "CiphertextBlob", blob, sizeof blob);
}

static void close_world(void)
{
    driver_close(&world);
    driver_forget(&world);
    world.passed_ns = 0;
}

static bool opens(void)
{
    return driver_say(&world, "Decrypt", "{'CiphertextBlob':'%s'}", blob) == 200
           && driver_holds(&world, "'aGVsbG8='");
}

TEST(a_rotated_key_opens_what_it_sealed_before_and_seals_with_new_material)
{
    char newer[80];

    open_with_key();
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(driver_say(&world, "RotateKeyOnDemand", "{'KeyId':'%s'}", id) == 200);
    }
    EXPECT(opens());
    driver_field(&world, "KeyMaterialId", newer, sizeof newer);
    EXPECT(strcmp(newer, material) == 0); /* the first version opened it */
    EXPECT(driver_say(&world, "GenerateDataKey", "{'KeyId':'%s','KeySpec':'AES_256'}", id) == 200);
    driver_field(&world, "KeyMaterialId", newer, sizeof newer);
    EXPECT(strlen(newer) == 64 && strcmp(newer, material) != 0);

    driver_close(&world);
    driver_open(&world, "us-east-1", &root); /* versions are known again */
    EXPECT(world.fx.count == 0 && opens());
    EXPECT(driver_say(&world, "ListKeyRotations", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "'ON_DEMAND'") && driver_holds(&world, "'CURRENT'"));
    EXPECT(driver_holds(&world, newer) && !driver_holds(&world, material));
    EXPECT(driver_say(&world, "ListKeyRotations",
                      "{'KeyId':'%s','IncludeKeyMaterial':'ALL_KEY_MATERIAL'}", id)
           == 200);
    EXPECT(driver_holds(&world, newer) && driver_holds(&world, material));
    close_world();
}

TEST(rotations_come_in_pages)
{
    char marker[600], rotation[2][80];

    open_with_key();
    EXPECT(driver_say(&world, "RotateKeyOnDemand", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_say(&world, "RotateKeyOnDemand", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_say(&world, "ListKeyRotations", "{'KeyId':'%s','Limit':1}", id) == 200);
    EXPECT(driver_holds(&world, "'Truncated':true"));
    driver_field(&world, "NextMarker", marker, sizeof marker);
    driver_field(&world, "KeyMaterialId", rotation[0], sizeof rotation[0]);
    EXPECT(
        driver_say(&world, "ListKeyRotations", "{'KeyId':'%s','Limit':1,'Marker':'%s'}", id, marker)
        == 200);
    driver_field(&world, "KeyMaterialId", rotation[1], sizeof rotation[1]);
    EXPECT(driver_holds(&world, "'Truncated':false") && strcmp(rotation[0], rotation[1]) != 0);
    EXPECT(driver_say(&world, "ListKeys", "{'Marker':'%s'}", marker) == 400
           && driver_refused(&world, "InvalidMarkerException"));
    close_world();
}

TEST(a_key_is_rotated_on_demand_25_times_in_its_life_and_only_when_enabled)
{
    open_with_key();
    EXPECT(driver_say(&world, "DisableKey", "{'KeyId':'%s'}", id) == 200);
    (void)driver_say(&world, "RotateKeyOnDemand", "{'KeyId':'%s'}", id);
    EXPECT(driver_refused(&world, "DisabledException"));
    (void)driver_say(&world, "EnableKeyRotation", "{'KeyId':'%s'}", id);
    EXPECT(driver_refused(&world, "DisabledException"));
    EXPECT(driver_say(&world, "EnableKey", "{'KeyId':'%s'}", id) == 200);
    for (unsigned i = 0; i < 25; i++) {
        EXPECT(driver_say(&world, "RotateKeyOnDemand", "{'KeyId':'%s'}", id) == 200);
    }
    (void)driver_say(&world, "RotateKeyOnDemand", "{'KeyId':'%s'}", id);
    EXPECT(driver_refused(&world, "LimitExceededException"));
    (void)driver_call(&world, "RotateKeyOnDemand", "{\"KeyId\":\"alias/aws/rds\"}");
    EXPECT(driver_refused(&world, "NotFoundException")); /* AWS takes no alias here */
    close_world();
}

TEST(a_key_that_rotates_by_itself_does_so_each_period_and_says_so_in_the_audit)
{
    open_with_key();
    (void)driver_say(&world, "EnableKeyRotation", "{'KeyId':'%s','RotationPeriodInDays':89}", id);
    EXPECT(driver_refused(&world, "ValidationException"));
    EXPECT(driver_say(&world, "EnableKeyRotation", "{'KeyId':'%s','RotationPeriodInDays':90}", id)
           == 200);
    EXPECT(driver_say(&world, "GetKeyRotationStatus", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "'KeyRotationEnabled':true")
           && driver_holds(&world, "'RotationPeriodInDays':90")
           && driver_holds(&world, "'NextRotationDate':"));
    driver_wait(&world, 90 * DRIVER_DAY_NS - 3600ull * 2000000000ull);
    EXPECT(driver_say(&world, "ListKeyRotations", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "'Rotations':[]"));
    driver_wait(&world, 3600ull * 4000000000ull);
    EXPECT(strstr(world.audit, "\"operation\":\"RotateKey\"") != NULL
           && strstr(world.audit, "\"principal\":\"AWS Internal\"") != NULL
           && strstr(world.audit, id) != NULL);
    EXPECT(driver_say(&world, "ListKeyRotations", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "'AUTOMATIC'") && opens());
    EXPECT(driver_say(&world, "DisableKeyRotation", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_say(&world, "GetKeyRotationStatus", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "'KeyRotationEnabled':false"));
    close_world();
}

TEST(a_key_whose_time_has_come_is_destroyed_with_all_that_belonged_to_it)
{
    struct kms_status status;

    open_with_key();
    EXPECT(driver_say(&world, "RotateKeyOnDemand", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_say(&world, "CreateAlias", "{'AliasName':'alias/a','TargetKeyId':'%s'}", id)
           == 200);
    EXPECT(driver_say(&world, "ScheduleKeyDeletion", "{'KeyId':'%s','PendingWindowInDays':7}", id)
           == 200);
    EXPECT(driver_holds(&world, "'KeyState':'PendingDeletion'"));
    driver_wait(&world, 6 * DRIVER_DAY_NS);
    EXPECT(!opens() && driver_refused(&world, "KMSInvalidStateException"));
    EXPECT(driver_say(&world, "DescribeKey", "{'KeyId':'%s'}", id) == 200);
    EXPECT(driver_holds(&world, "'DeletionDate':"));
    driver_wait(&world, DRIVER_DAY_NS + 3600ull * 1000000000ull);
    EXPECT(!opens() && driver_refused(&world, "NotFoundException"));
    kms_status(world.node, &status);
    EXPECT(status.keys == 0 && status.aliases == 0);
    EXPECT(world.row_count == 1); /* of the audit */
    close_world();
}

TEST(a_deletion_that_is_cancelled_leaves_the_key_disabled)
{
    open_with_key();
    EXPECT(driver_say(&world, "ScheduleKeyDeletion", "{'KeyId':'%s','PendingWindowInDays':7}", id)
           == 200);
    driver_wait(&world, 6 * DRIVER_DAY_NS);
    EXPECT(driver_say(&world, "CancelKeyDeletion", "{'KeyId':'%s'}", id) == 200);
    driver_wait(&world, 9 * DRIVER_DAY_NS);
    EXPECT(!opens() && driver_refused(&world, "DisabledException"));
    EXPECT(driver_say(&world, "EnableKey", "{'KeyId':'%s'}", id) == 200 && opens());
    close_world();
}

TEST(a_wall_clock_that_jumps_ahead_destroys_nothing)
{
    struct event event = {.kind = EVENT_TIMER};

    open_with_key();
    EXPECT(driver_say(&world, "ScheduleKeyDeletion", "{'KeyId':'%s','PendingWindowInDays':7}", id)
           == 200);
    world.passed_ns += 61000000000ull;
    event.now.ns = world.passed_ns;
    event.wall_ns = DRIVER_WALL_NS + 400 * DRIVER_DAY_NS;
    effects_clear(&world.fx);
    world.node->step(world.node, &event, &world.fx);
    EXPECT(world.fx.count == 0);
    close_world();
}
