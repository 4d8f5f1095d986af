/* Settings files: what they become, and what they are refused for. */
#include "base/bytes.h"
#include "base/check.h"
#include "host/conf.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"

#include <string.h>

static const struct argp_option options[] = {
    {"listen", 1, "ADDRESS", 0, "", 0},
    {"create", 2, NULL, 0, "", 0},
    {"conf", 3, "FILE", 0, "", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};
static const struct argp_option *const known[] = {options, NULL};

struct rig {
    char folder[FOLDER_MAX];
    char path[FOLDER_MAX + 16];
    char why[CONF_WHY_MAX];
    struct conf conf;
};

static enum status gather_bytes(struct rig *rig, struct bytes text)
{
    static char program[] = "p"; /* the arguments outlive this call */
    static char flag[] = "--conf";
    static char last[] = "--listen=x:1";
    char *argv[] = {program, flag, rig->path, last, NULL};

    NEED(folder_make(rig->folder) != NULL);
    snprintf(rig->path, sizeof rig->path, "%s/p.ini", rig->folder);

    FILE *file = fopen(rig->path, "w");

    NEED(file != NULL);
    NEED(fwrite(text.data, 1, text.size, file) == text.size);
    fclose(file);

    const enum status status = conf_gather(&rig->conf, 4, argv, known, rig->why);

    folder_remove(rig->folder);
    return status;
}

static enum status gather(struct rig *rig, const char *text)
{
    return gather_bytes(rig, bytes_text(text));
}

TEST(lines_become_arguments_in_front_of_those_that_were_typed)
{
    struct rig rig;

    NEED(gather(&rig, "# comment\n\n listen = 127.0.0.1:1 \nlisten=\"a b\"\ncreate = yes\n"
                      "create = no\n; another")
         == OK);
    NEED(rig.conf.count == 7);
    EXPECT(strcmp(rig.conf.arguments[1], "--listen=127.0.0.1:1") == 0);
    EXPECT(strcmp(rig.conf.arguments[2], "--listen=a b") == 0);
    EXPECT(strcmp(rig.conf.arguments[3], "--create") == 0);
    EXPECT(strcmp(rig.conf.arguments[4], "--conf") == 0);
    EXPECT(rig.conf.arguments[7] == NULL);
    conf_free(&rig.conf);
}

TEST(every_refusal_names_file_and_line)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"create = yes\nlisen = x\n", ":2: unknown setting: lisen"},
        {"conf = other\n", ":1: unknown setting: conf"},
        {"\n\nlisten\n", ":3: a line must be key = value: listen"},
        {"create = maybe\n", ":1: takes yes or no: create"},
        {"listen =\n", ":1: the value is missing: listen"},
        {"[primary]\n", ":1: a line must be key = value: [primary]"},
        {"list = x\n", ":1: unknown setting: list"},
    };

    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        struct rig rig;

        EXPECT_STATUS(gather(&rig, bad[i].text), E_USAGE);
        EXPECT(strstr(rig.why, bad[i].says) != NULL && strstr(rig.why, rig.path) == rig.why);
    }
}

TEST(a_file_with_a_nul_is_no_text)
{
    static const char text[] = "create = yes\nlisten = x\0:1\ncreate = no\n";
    struct rig rig;

    EXPECT_STATUS(gather_bytes(&rig, bytes_of(text, sizeof text - 1)), E_USAGE);
    EXPECT(strstr(rig.why, ":2: not a text") != NULL);
}

TEST(a_settings_file_that_is_not_there_is_said)
{
    struct conf conf;
    char why[CONF_WHY_MAX];
    char program[] = "p";
    char flag[] = "--conf=/var/tmp/sealift-no-such.ini";
    char *argv[] = {program, flag, NULL};

    EXPECT_STATUS(conf_gather(&conf, 2, argv, known, why), E_MISSING);
    EXPECT(strstr(why, "sealift-no-such.ini") != NULL);
    EXPECT_STATUS(conf_gather(&conf, 1, argv, known, why), OK);
    EXPECT(conf.count == 1);
    conf_free(&conf);
}
