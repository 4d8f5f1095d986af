/* A replica joins while a key service is away, says no, cannot be asked, or does not take whoever
 * asks: its own, where it unwraps, or that of its region, which the upstream asks to wrap. */
#include "member/key_fault.h"
#include "member/key_trouble.h"
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

#include <stdio.h>
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

/* An ARN of `size` bytes that ends with a mark. */
static void long_arn(char *into, size_t size, const char *start)
{
    memset(into, 'x', size);
    memcpy(into, start, strlen(start));
    into[size - 1] = '!';
    into[size] = '\0';
}

TEST(a_denied_principal_and_its_key_are_named_whole_on_both_sides)
{
    static char said[2048], want[2048], key[KEY_ARN_TEXT_MAX], user[KEY_PRINCIPAL_BYTES_MAX + 1];

    long_arn(key, KEY_ARN_TEXT_MAX - 1, "arn:aws:kms:ap-northeast-1:111122223333:key/");
    long_arn(user, KEY_PRINCIPAL_BYTES_MAX, "arn:aws:iam::444455556666:user/");
    for (unsigned who = 0; who < 2; who++) { /* where the upstream wraps, where the replica opens */
        const char *action = who == 0 ? "kms:Encrypt" : "kms:Decrypt";
        struct pair pair;

        snprintf(said, sizeof said,
                 "AccessDeniedException: User: %s is not authorized to perform: %s on resource: %s "
                 "because no resource-based policy allows the %s action",
                 user, action, key, action);
        snprintf(want, sizeof want,
                 "KMSKeyNotAccessibleFault: the KMS key [%s] in ap-northeast-1 cannot be used by "
                 "%s for %s: AccessDeniedException because no resource-based policy allows the %s "
                 "action.",
                 key, user, action, action);
        pair_init(&pair, true, 28);
        const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", "alias/sea");

        pair_start(&pair, 0);
        pair_run(&pair);
        pair.members[who].world.keys_status = E_KEY_DENIED;
        pair.members[who].world.keys_say = said;
        pair_start(&pair, replica);
        pair_advance(&pair, SPAN_S(2));
        EXPECT(strcmp(pair.last_bye.text, want) == 0);
        EXPECT(pair.members[replica].world.halted);
        EXPECT(strstr(pair.members[replica].world.halt_text, want) != NULL);
        EXPECT(who == 0 || strstr(pair.members[replica].world.halt_text, "--kms-key-id") != NULL);
        pair_free(&pair);
    }
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
