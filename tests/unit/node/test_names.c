/* Everything that a trace names has a name of its own; effects keep their order. */
#include "base/check.h"
#include "node/effects.h"
#include "tests/support/test.h"

/* Whether all differ, and none is what a wrong number reads as. */
static bool all_differ(const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (names[i] == NULL || strcmp(names[i], "unknown") == 0) {
            return false;
        }
        for (unsigned j = 0; j < i; j++) {
            if (strcmp(names[i], names[j]) == 0) {
                return false;
            }
        }
    }
    return true;
}

#define EXPECT_NAMES(function, type, count) \
    do { \
        const char *names[count]; \
        for (unsigned i = 0; i < (count); i++) { \
            names[i] = function((type)i); \
        } \
        EXPECT(all_differ(names, count)); \
        EXPECT(strcmp(function((type)(count)), "unknown") == 0); \
    } while (0)

TEST(each_event_effect_store_operation_and_role_has_its_own_name)
{
    EXPECT_NAMES(event_kind_name, enum event_kind, EVENT_KINDS);
    EXPECT_NAMES(effect_kind_name, enum effect_kind, EFFECT_KINDS);
    EXPECT_NAMES(store_op_name, enum store_op, STORE_OPS);
    EXPECT_NAMES(store_file_name, enum store_file, STORE_FILES);
    EXPECT_NAMES(role_name, enum role, ROLES);
}

TEST(effects_keep_their_order_and_the_earliest_wish_to_wake)
{
    static struct effects fx;

    effects_clear(&fx);
    effects_dial(&fx, "localhost:1");
    effects_hang_up(&fx, 7, E_GAP);
    effects_halt(&fx, E_IO, "segment %d", 3);
    effects_wake_at(&fx, (struct instant){9});
    effects_wake_at(&fx, (struct instant){5});
    effects_wake_at(&fx, (struct instant){6});
    EXPECT(fx.count == 3 && fx.wake_at.ns == 5);
    EXPECT(fx.list[0].kind == EFFECT_DIAL && strcmp(fx.list[0].dial.address, "localhost:1") == 0);
    EXPECT(fx.list[1].kind == EFFECT_HANG_UP && fx.list[1].hang_up.why == E_GAP);
    EXPECT(fx.list[2].kind == EFFECT_HALT && strcmp(fx.list[2].halt.text, "segment 3") == 0);

    effects_clear(&fx);
    EXPECT(fx.count == 0 && fx.wake_at.ns == INSTANT_NEVER.ns && effects_have_room(&fx));
}
