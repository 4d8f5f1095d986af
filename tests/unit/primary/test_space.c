/* How full the file system is decides what a primary takes: nothing from 95 % on. */
#include "tests/support/test.h"
#include "tests/unit/primary/scene.h"

static void tell(struct scene *scene, uint64_t total, uint64_t free)
{
    struct event event = {.kind = EVENT_SPACE, .space = {total, free}};

    fake_step(&scene->world, &event);
    fake_run(&scene->world);
}

TEST(from_95_percent_on_appends_are_refused_by_name_until_there_is_room)
{
    struct scene scene;
    struct appended appended;
    struct refused refused;

    scene_init(&scene);
    scene_start(&scene);
    link_t client = scene_client(&scene);

    tell(&scene, 1000, 51);
    scene_append(&scene, client, 3, 1, 100, NULL);
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended) && appended.first_lsn == 1);
    tell(&scene, 1000, 50);
    EXPECT(scene_status(&scene).is_full && strcmp(scene_status(&scene).state, "disk-full") == 0);
    EXPECT(strstr(scene_status(&scene).notice, "95.0 % full") != NULL);
    scene_append(&scene, client, 3, 1, 100, NULL); /* what is known is still answered */
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended) && appended.first_lsn == 1);
    scene_append(&scene, client, 3, 2, 100, NULL);
    fake_run(&scene.world);
    EXPECT_STATUS(scene_refused(&scene, client, &refused), E_DISK_FULL);
    EXPECT(scene_status(&scene).appended_lsn == 1);
    tell(&scene, 1000, 60);
    EXPECT(!scene_status(&scene).is_full);
    client = scene_client(&scene);
    scene_append(&scene, client, 3, 2, 100, NULL);
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended) && appended.first_lsn == 2);
    scene_free(&scene);
}

TEST(a_file_system_that_says_nothing_is_not_full)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    EXPECT(!scene_status(&scene).is_full && scene_status(&scene).notice[0] == '\0');
    tell(&scene, 0, 0);
    EXPECT(!scene_status(&scene).is_full);
    tell(&scene, 1000, 100);
    EXPECT(!scene_status(&scene).is_full); /* and 90 % is only said */
    EXPECT(strstr(scene_status(&scene).notice, "90.0 % full") != NULL);
    scene_free(&scene);
}
