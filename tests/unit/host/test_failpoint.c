/* Places to die at: the right one, the right time, and a name that is none. */
#include "host/entropy.h"
#include "host/failpoint.h"
#include "host/secret_file.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What became of a process that is armed so and runs `act` with `context`. */
static int end_of(const char *order, void (*act)(void *), void *context)
{
    int status = 0;
    const pid_t child = fork();

    NEED(child >= 0);
    if (child == 0) {
        setenv("SEALIFT_FAILPOINT", order, 1);
        if (!failpoint_arm()) {
            _exit(2);
        }
        act(context);
        _exit(0);
    }
    NEED(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void pass_twice(void *context)
{
    (void)context;
    failpoint_pass(FAILPOINT_CONTROL_AFTER_RENAME);
    failpoint_pass(FAILPOINT_CONTROL_BEFORE_SYNC);
    failpoint_pass(FAILPOINT_CONTROL_AFTER_RENAME);
}

TEST(an_armed_place_kills_when_it_is_come_to_for_the_nth_time_and_no_other_does)
{
    EXPECT(end_of("control.after_rename:1", pass_twice, NULL) == -SIGKILL);
    EXPECT(end_of("control.after_rename:2", pass_twice, NULL) == -SIGKILL);
    EXPECT(end_of("control.after_rename:3", pass_twice, NULL) == 0);
    EXPECT(end_of("control.after_sync:1", pass_twice, NULL) == 0);
}

static void pass_before_and_after_the_file(void *context)
{
    pass_twice(NULL);
    fclose(fopen(context, "w"));
    failpoint_pass(FAILPOINT_CONTROL_AFTER_RENAME);
    _exit(3);
}

TEST(passes_count_only_when_the_file_that_they_are_to_wait_for_is_there)
{
    char folder[FOLDER_MAX], path[FOLDER_MAX + 16];

    NEED(folder_make(folder) != NULL);
    snprintf(path, sizeof path, "%s/now", folder);
    setenv("SEALIFT_FAILPOINT_FROM", path, 1);
    EXPECT(end_of("control.after_rename:1", pass_twice, NULL) == 0);
    EXPECT(end_of("control.after_rename:2", pass_before_and_after_the_file, path) == 3);
    unlink(path);
    EXPECT(end_of("control.after_rename:1", pass_before_and_after_the_file, path) == -SIGKILL);
    EXPECT(end_of("control.after_rename:2", pass_twice, NULL) == -SIGKILL);
    unsetenv("SEALIFT_FAILPOINT_FROM");
    folder_remove(folder);
}

TEST(a_place_that_is_none_is_refused)
{
    EXPECT(end_of("control.after_rename", pass_twice, NULL) == 2);
    EXPECT(end_of("control:1", pass_twice, NULL) == 2);
    EXPECT(end_of("", pass_twice, NULL) == 2);
}

TEST(no_two_places_have_one_name)
{
    for (unsigned i = 0; i < FAILPOINT_COUNT; i++) {
        for (unsigned j = 0; j < i; j++) {
            EXPECT(strcmp(failpoint_text(i), failpoint_text(j)) != 0);
        }
    }
}

static void make_root_key(void *path)
{
    const struct entropy entropy = host_entropy();
    char why[SECRET_FILE_WHY_MAX];

    if (root_key_create(path, &entropy, why) != OK) {
        _exit(3);
    }
}

/* It once left an empty file behind, and the key service never started again. */
TEST(a_root_key_is_whole_or_not_there_wherever_its_maker_dies)
{
    static const char *const places[] = {"secret.before_write:1", "secret.before_sync:1",
                                         "secret.after_sync:1", "secret.after_rename:1",
                                         "secret.after_folder_sync:1"};

    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        char folder[FOLDER_MAX], path[FOLDER_MAX + 16], why[SECRET_FILE_WHY_MAX];
        struct secret root;

        NEED(folder_make(folder) != NULL);
        snprintf(path, sizeof path, "%s/root.key", folder);
        EXPECT(end_of(places[i], make_root_key, path) == -SIGKILL);
        if (!secret_file_exists(path)) {
            EXPECT(i < 3);
            make_root_key(path);
        }
        EXPECT_STATUS(root_key_load(path, &root, why), OK);
        secret_wipe(&root);
        folder_remove(folder);
    }
}
