/* The KMS key of a primary that serves is refused: for a moment, within the window, beyond it; or
 * its key service is only away (R23 to R25). */
#include "base/check.h"
#include "cluster/control.h"
#include "tests/unit/primary/scene.h"

#include <string.h>

static bool is_in(const struct scene *scene, const char *state)
{
    return strcmp(scene_status(scene).state, state) == 0;
}

/* One record is acknowledged; then the key is lost, and the process begins anew. */
static void lose(struct scene *scene)
{
    struct appended appended;

    scene_init(scene);
    scene_start(scene);

    const link_t client = scene_client(scene);

    (void)scene_append(scene, client, 1, 1, 100, NULL);
    fake_run(&scene->world);
    NEED(scene_appended(scene, client, &appended));
    scene->world.keys_status = E_KEY_DISABLED;
    fake_advance(&scene->world, SPAN_S(5));
    NEED(scene->world.halted && scene->world.halt_why == E_KEY_LOST);
    EXPECT(scene_control(scene).key_standing == KEY_STANDING_LOST);
    EXPECT(strstr(scene->world.halt_text, "KMSKeyNotAccessibleFault: the KMS key [") != NULL);
    EXPECT(scene->world.links[client].hung_up);
    scene_crash(scene, false);
    scene_start(scene);
    EXPECT(!scene->world.halted && is_in(scene, "inaccessible-encryption-credentials-recoverable"));
}

TEST(two_refusals_within_a_poll_end_the_service_and_one_does_not)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);

    const unsigned asked = scene.world.keys_asked;

    fake_advance(&scene.world, SPAN_MS(4900));
    EXPECT(scene.world.keys_asked == asked);
    fake_advance(&scene.world, SPAN_MS(200));
    EXPECT(scene.world.keys_asked == asked + 1); /* and all is well */
    fake_advance(&scene.world, SPAN_S(5));
    EXPECT(scene.world.keys_asked == asked + 2 && is_in(&scene, "serving"));
    scene.world.keys_refuse_once = E_KEY_DENIED;
    fake_advance(&scene.world, SPAN_S(5));
    EXPECT(scene.world.keys_asked == asked + 4 && is_in(&scene, "serving"));
    EXPECT(scene_control(&scene).key_standing == KEY_STANDING_USABLE);
    scene_free(&scene);
}

TEST(what_says_nothing_of_the_key_never_ends_the_service)
{
    static const enum status others[] = {E_KEY_UNREACHABLE, E_KEY_CREDENTIALS, E_KEY_NO_SERVICE,
                                         E_KEY_CIPHERTEXT};

    for (unsigned i = 0; i < COUNT_OF(others); i++) {
        struct scene scene;

        scene_init(&scene);
        scene.settings.member.key_loss_window = SPAN_S(60);
        scene_start(&scene);
        scene.world.keys_status = others[i];
        fake_advance(&scene.world, SPAN_S(600));
        EXPECT(!scene.world.halted && is_in(&scene, "serving"));
        EXPECT(scene_control(&scene).key_standing == KEY_STANDING_USABLE);
        scene_free(&scene);
    }
}

TEST(whoever_asks_meanwhile_is_told_and_all_comes_back_with_the_key)
{
    struct scene scene;
    struct refused refused;
    struct appended appended;

    lose(&scene);

    const link_t client = scene_client(&scene);

    (void)scene_append(&scene, client, 1, 2, 100, NULL);
    fake_run(&scene.world);
    EXPECT_STATUS(scene_refused(&scene, client, &refused), E_KEY_LOST);
    EXPECT(strstr(refused.text, "key/0000") != NULL);
    fake_advance(&scene.world, SPAN_S(6 * 86400));
    EXPECT(!scene.world.halted && scene_control(&scene).key_lost_ms > UINT64_C(5) * 86400000);
    scene.world.keys_status = OK;
    fake_advance(&scene.world, SPAN_S(5));
    EXPECT(is_in(&scene, "serving"));
    EXPECT(scene_status(&scene).committed_lsn == 1);
    EXPECT(scene_control(&scene).key_standing == KEY_STANDING_USABLE
           && scene_control(&scene).key_lost_ms == 0);

    const link_t again = scene_client(&scene);

    (void)scene_append(&scene, again, 1, 2, 100, NULL);
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, again, &appended) && appended.first_lsn == 2);
    scene_free(&scene);
}

TEST(after_seven_days_of_refusals_it_is_for_good)
{
    struct scene scene;

    lose(&scene);
    fake_advance(&scene.world, SPAN_S(7 * 86400 - 10));
    EXPECT(!scene.world.halted);
    fake_advance(&scene.world, SPAN_S(20));
    EXPECT(scene.world.halted && scene.world.halt_why == E_KEY_GONE);
    EXPECT(strstr(scene.world.halt_text, "Restore the cluster from a backup") != NULL);
    EXPECT(scene_control(&scene).key_standing == KEY_STANDING_GONE);
    scene.world.keys_status = OK;
    scene_crash(&scene, false);

    const unsigned asked = scene.world.keys_asked;

    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_KEY_GONE);
    EXPECT(scene.world.keys_asked == asked);
    scene_free(&scene);
}

/* The window is lived through: starts take it up where it was, and a minute of it may be lost to
 * each; a wall clock that jumps, or silence, adds nothing. */
TEST(only_what_was_lived_through_counts)
{
    struct scene scene;

    lose(&scene);
    for (unsigned day = 0; day < 6; day++) {
        fake_advance(&scene.world, SPAN_S(86400));
        scene_crash(&scene, false);
        scene.world.wall_skew_ns += (int64_t)SPAN_S(86400 * 365).ns;
        scene_start(&scene);
        NEED(!scene.world.halted);
    }
    const uint64_t counted = scene_control(&scene).key_lost_ms;

    EXPECT(counted <= UINT64_C(6) * 86400000 && counted > UINT64_C(6) * 86400000 - 7 * 70000);
    scene.world.keys_status = E_KEY_UNREACHABLE;
    fake_advance(&scene.world, SPAN_S(30 * 86400));
    EXPECT(!scene.world.halted && is_in(&scene, "inaccessible-encryption-credentials-recoverable"));
    scene.world.keys_status = OK;
    fake_advance(&scene.world, SPAN_S(5));
    EXPECT(is_in(&scene, "serving"));
    scene_free(&scene);
}

/* The disk hangs: keys and service are gone in time, and the node ends without the note. */
TEST(the_note_is_not_waited_for_beyond_a_poll)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    scene.world.keys_status = E_KEY_PENDING_DELETION;
    scene.world.hold_writes = true;
    fake_advance(&scene.world, SPAN_MS(5500));
    EXPECT(!scene.world.halted);
    fake_advance(&scene.world, SPAN_S(5));
    EXPECT(scene.world.halted && scene.world.halt_why == E_KEY_LOST);
    scene.world.hold_writes = false;
    scene_free(&scene);
}
