/* A replica joins while a key service is away, says no, cannot be asked, or does not take whoever
 * asks: its own, where it unwraps, or that of its region, which the upstream asks to wrap. */
#include "member/key_trouble.h"
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

#include <string.h>

static const char tokyo_key[] = "arn:aws:kms:ap-northeast-1:111122223333:key/0000";

static void keys_refuse(unsigned who, enum status how, bool halts)
{
    struct pair pair;

    pair_init(&pair, true, 28);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);
    struct fake_world *world = &pair.members[replica].world;

    pair_start(&pair, 0);
    pair_run(&pair);
    pair.members[who].world.keys_status = how;
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(2));
    EXPECT(world->halted == halts);
    if (halts) {
        EXPECT_STATUS(world->halt_why, how);
        EXPECT(strstr(world->halt_text, "KMSKeyNotAccessibleFault") != NULL);
        EXPECT(strstr(world->halt_text, "ap-northeast-1") != NULL);
        EXPECT(key_trouble_is_own(how) || strstr(world->halt_text, "key/0000") != NULL);
    }
    EXPECT(!world->files[STORE_DESCRIPTOR].exists);
    EXPECT(pair.carried[MESSAGE_SEGMENT] == 0 && pair.carried[MESSAGE_BATCH] == 0);

    pair.members[who].world.keys_status = OK;
    pair_advance(&pair, SPAN_S(90));
    EXPECT(halts || pair_disks_are_equal(&pair, 0, replica));
    pair_free(&pair);
}

TEST(a_key_that_is_refused_halts_who_is_joining_and_one_that_is_away_is_waited_for)
{
    keys_refuse(0, E_KEY_DISABLED, true); /* where the upstream wraps */
    keys_refuse(0, E_KEY_NOT_FOUND, true);
    keys_refuse(0, E_KEY_NO_SERVICE, true);
    keys_refuse(0, E_KEY_CREDENTIALS, true);
    keys_refuse(0, E_KEY_UNREACHABLE, false);
    keys_refuse(1, E_KEY_DENIED, true); /* where the replica unwraps */
    keys_refuse(1, E_KEY_NO_SERVICE, true);
    keys_refuse(1, E_KEY_CREDENTIALS, true);
    keys_refuse(1, E_KEY_UNREACHABLE, false);
}

TEST(an_upstream_that_cannot_ask_a_key_service_shows_it_until_it_can)
{
    struct member_status status;
    struct pair pair;

    pair_init(&pair, true, 28);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

    pair_start(&pair, 0);
    pair_run(&pair);
    pair.members[0].world.keys_status = E_KEY_NO_SERVICE;
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(2));
    pair_status(&pair, 0, &status);
    EXPECT(strstr(status.notice, "--key-service ap-northeast-1=") != NULL);
    pair_crash(&pair, replica);
    pair.members[0].world.keys_status = OK;
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_S(2));
    pair_status(&pair, 0, &status);
    EXPECT(status.notice[0] == '\0');
    pair_free(&pair);
}
