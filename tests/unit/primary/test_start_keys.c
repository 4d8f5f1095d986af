/* A primary starts while its key service is away, says no, cannot be asked, or does not take it. */
#include "base/check.h"
#include "tests/unit/primary/scene.h"

#include <string.h>

static bool serves(const struct scene *scene)
{
    return strcmp(scene_status(scene).state, "serving") == 0;
}

TEST(a_key_service_that_does_not_answer_is_waited_for_and_then_given_up)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    scene_crash(&scene, false);
    scene.world.keys_status = E_KEY_UNREACHABLE;
    scene_start(&scene);
    fake_advance(&scene.world, SPAN_S(5));
    EXPECT(!scene.world.halted);
    scene.world.keys_status = OK;
    fake_advance(&scene.world, SPAN_S(5));
    EXPECT(serves(&scene));

    scene_crash(&scene, false);
    scene.world.keys_status = E_KEY_UNREACHABLE;
    scene_start(&scene);
    fake_advance(&scene.world, SPAN_S(61));
    EXPECT(scene.world.halted && scene.world.halt_why == E_KEY_UNREACHABLE);
    EXPECT(scene.world.keys_asked < 64);
    scene_free(&scene);
}

TEST(a_key_service_that_says_no_is_quoted)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    scene_crash(&scene, false);
    scene.world.keys_status = E_KEY_DISABLED;
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_KEY_DISABLED);
    EXPECT(strstr(scene.world.halt_text, "it says no") != NULL);
    EXPECT(strstr(scene.world.halt_text, "key/0000") != NULL);
    scene_free(&scene);
}

TEST(what_no_waiting_mends_at_a_key_service_ends_a_start_with_what_to_do)
{
    static const struct {
        enum status why;
        const char *advice;
    } cases[] = {
        {E_KEY_CREDENTIALS, "or a profile, that the key service of us-east-1 takes"},
        {E_KEY_NO_SERVICE, "start again with --key-service us-east-1=https://HOST:PORT"},
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct scene scene;

        scene_init(&scene);
        scene.world.keys_status = cases[i].why; /* no cluster yet */
        scene_start(&scene);
        EXPECT(scene.world.halted && scene.world.halt_why == cases[i].why);
        EXPECT(strstr(scene.world.halt_text, cases[i].advice) != NULL);
        EXPECT(strstr(scene.world.halt_text, "it says no") != NULL);
        scene_crash(&scene, false);
        scene.world.keys_status = OK;
        scene_start(&scene);
        NEED(serves(&scene));
        scene_crash(&scene, false);
        scene.world.keys_status = cases[i].why; /* and with one */
        scene_start(&scene);
        EXPECT(scene.world.halted && scene.world.halt_why == cases[i].why);
        EXPECT(strstr(scene.world.halt_text, cases[i].advice) != NULL);
        scene_free(&scene);
    }
}
