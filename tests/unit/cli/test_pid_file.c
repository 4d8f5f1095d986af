/* A pid file names one process, not whoever has its number. */
#include "cli/pid_file.h"
#include "tests/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char folder[64], path[80];
};

static struct place make_place(void)
{
    struct place place = {.folder = "/tmp/sealift-pid.XXXXXX"};

    NEED(mkdtemp(place.folder) != NULL);
    snprintf(place.path, sizeof place.path, "%s/pid", place.folder);
    return place;
}

static void remove_place(const struct place *place)
{
    unlink(place->path);
    NEED(rmdir(place->folder) == 0);
}

static void write_line(const struct place *place, const char *line)
{
    FILE *file = fopen(place->path, "w");

    NEED(file != NULL);
    fputs(line, file);
    fclose(file);
}

static bool is_ended(const struct place *place, const char *line)
{
    struct pid_found found;

    write_line(place, line);
    EXPECT_STATUS(pid_file_look(place->path, &found), OK);
    EXPECT((found.state == PID_RUNS) == (found.fd >= 0));
    pid_found_close(&found);
    return found.state == PID_ENDED;
}

static pid_t start_sleeper(const struct place *place)
{
    int ready[2];
    char byte;

    NEED(pipe(ready) == 0);
    const pid_t pid = fork();

    if (pid == 0) {
        const bool well = pid_file_write(place->path) == OK && write(ready[1], "x", 1) == 1;

        while (well) {
            pause();
        }
        _exit(1);
    }
    NEED(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

TEST(who_wrote_it_is_found_and_can_be_ended)
{
    const struct place place = make_place();
    const pid_t pid = start_sleeper(&place);
    struct pid_found found;

    EXPECT_STATUS(pid_file_look(place.path, &found), OK);
    EXPECT(found.state == PID_RUNS && found.pid == pid);
    EXPECT(!pid_found_wait(&found, 10));
    EXPECT(pid_found_signal(&found, SIGTERM));
    EXPECT(pid_found_wait(&found, 10000));

    struct pid_found zombie;

    EXPECT_STATUS(pid_file_look(place.path, &zombie), OK);
    EXPECT(zombie.state == PID_ENDED && zombie.pid == pid); /* though nobody has reaped it */
    NEED(waitpid(pid, NULL, 0) == pid);
    EXPECT(pid_found_signal(&found, SIGTERM)); /* reaches nobody, whoever has the number by now */
    pid_found_close(&found);
    EXPECT_STATUS(pid_file_look(place.path, &found), OK);
    EXPECT(found.state == PID_ENDED && found.fd == -1);
    remove_place(&place);
}

TEST(another_start_or_another_boot_is_another_process)
{
    const struct place place = make_place();
    struct pid_found found;
    char line[128] = "", other[160];
    unsigned long long start, folder;
    char boot[37];
    int pid;

    EXPECT_STATUS(pid_file_write(place.path), OK);

    FILE *file = fopen(place.path, "r");

    NEED(file != NULL && fgets(line, sizeof line, file) != NULL);
    fclose(file);
    NEED(sscanf(line, "%d %llu %36s %llu", &pid, &start, boot, &folder) == 4 && pid == getpid());
    write_line(&place, line);
    EXPECT_STATUS(pid_file_look(place.path, &found), OK);
    EXPECT(found.state == PID_RUNS);
    pid_found_close(&found);

    snprintf(other, sizeof other, "%d %llu %s %llu\n", pid, start + 1, boot, folder);
    EXPECT(is_ended(&place, other));
    boot[0] = boot[0] == '0' ? '1' : '0';
    snprintf(other, sizeof other, "%d %llu %s %llu\n", pid, start, boot, folder);
    EXPECT(is_ended(&place, other));
    remove_place(&place);
}

TEST(a_copy_of_the_folder_has_no_process)
{
    const struct place place = make_place(), copy = make_place();
    char line[128] = "";

    EXPECT_STATUS(pid_file_write(place.path), OK);

    FILE *file = fopen(place.path, "r");

    NEED(file != NULL && fgets(line, sizeof line, file) != NULL);
    fclose(file);
    EXPECT(is_ended(&copy, line));
    EXPECT(!is_ended(&place, line));
    remove_place(&copy);
    remove_place(&place);
}

TEST(no_file_is_nobody_and_what_has_no_form_is_not_guessed)
{
    static const char *const lines[] = {"",          "1\n",         "1 2\n",
                                        "1 2 a-b\n", "0 2 a-b 3\n", "-1 2 a-b 3\n",
                                        "1 2 a-b 3", "1 2 a-b c\n", "1 2 a-b 3 4\n"};
    const struct place place = make_place();
    struct pid_found found;

    EXPECT_STATUS(pid_file_look(place.path, &found), OK);
    EXPECT(found.state == PID_NOBODY && found.pid == 0);
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        write_line(&place, lines[i]);
        EXPECT_STATUS(pid_file_look(place.path, &found), E_MALFORMED);
    }
    remove_place(&place);
}
