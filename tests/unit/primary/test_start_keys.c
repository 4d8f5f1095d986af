/* A primary starts while its key service is away, says no, cannot be asked, or does not take it. */
#include "base/check.h"
#include "tests/unit/primary/scene.h"

#include <stdio.h>
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

TEST(a_denial_names_key_region_principal_and_action_with_a_cluster_and_without)
{
    static const char said[] =
        "AccessDeniedException: User: arn:aws:iam::1:role/p is not authorized to perform: "
        "kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/2 because no policy allows it";
    static const char want[] =
        "KMSKeyNotAccessibleFault: the KMS key [arn:aws:kms:us-east-1:1:key/2] in us-east-1 cannot "
        "be used by arn:aws:iam::1:role/p for kms:Decrypt: AccessDeniedException because no policy "
        "allows it";
    struct scene scene;

    scene_init(&scene);
    scene.world.keys_say = said;
    scene.world.keys_status = E_KEY_DENIED;
    scene_start(&scene);
    EXPECT(scene.world.halted && strncmp(scene.world.halt_text, want, strlen(want)) == 0);
    EXPECT(strstr(scene.world.halt_text, "No cluster was made") != NULL);
    scene_crash(&scene, false);
    scene.world.keys_status = OK;
    scene_start(&scene);
    NEED(serves(&scene));
    scene_crash(&scene, false);
    scene.world.keys_status = E_KEY_DENIED;
    scene_start(&scene);
    EXPECT(scene.world.halted && strncmp(scene.world.halt_text, want, strlen(want)) == 0);
    EXPECT(strstr(scene.world.halt_text, "Nothing was changed") != NULL);
    scene_free(&scene);
}

TEST(a_key_that_is_named_by_an_alias_costs_no_question_but_the_envelopes_own)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    scene_crash(&scene, false);
    snprintf(scene.settings.member.key, sizeof scene.settings.member.key, "alias/mine");
    const unsigned before = scene.world.keys_asked;

    scene_start(&scene);
    EXPECT(serves(&scene) && scene.world.keys_asked == before + 1);
    scene_crash(&scene, false);
    scene.world.keys_status = E_KEY_CIPHERTEXT; /* the envelope is harmed: not the name's fault */
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_KEY_CIPHERTEXT);
    EXPECT(scene.world.keys_asked == before + 3);
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
