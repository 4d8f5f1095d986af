/* Where credentials come from: the environment, or a profile of a file as AWS's own tools write
 * it. */
#include "base/check.h"
#include "host/key_profile.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"

#include <string.h>
#include <sys/stat.h>

#define PAIR "aws_access_key_id = AKIAMINE\naws_secret_access_key = secretmine\n"

static char folder[FOLDER_MAX], path[FOLDER_MAX + 32], why[KEY_PROFILE_WHY_MAX];
static struct key_credentials found;

static void begin(void)
{
    NEED(folder_make(folder) != NULL);
    snprintf(path, sizeof path, "%s/credentials", folder);
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    unsetenv("AWS_PROFILE");
}

static enum status load(const char *text)
{
    unlink(path);
    NEED(secret_file_create(path, text, why) == OK);
    why[0] = '\0';
    return key_profile_load(&found, why);
}

static bool is(const char *access_key, const char *secret_key, const char *session_token)
{
    return strcmp(found.access_key, access_key) == 0 && strcmp(found.secret_key, secret_key) == 0
           && strcmp(found.session_token, session_token) == 0;
}

static bool is_empty(void)
{
    static const struct key_credentials none;

    return memcmp(&found, &none, sizeof none) == 0;
}

static void set(const char *id, const char *secret, const char *token)
{
    const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};
    const char *const values[] = {id, secret, token};

    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (values[i] != NULL) {
            setenv(names[i], values[i], 1);
        } else {
            unsetenv(names[i]);
        }
    }
}

TEST(the_environment_gives_a_pair_and_a_token_once)
{
    set("AKIAMINE", "secretmine", "token");
    EXPECT_STATUS(key_environment_take(&found, why), OK);
    EXPECT(is("AKIAMINE", "secretmine", "token"));
    EXPECT(getenv("AWS_ACCESS_KEY_ID") == NULL && getenv("AWS_SECRET_ACCESS_KEY") == NULL);
    EXPECT(getenv("AWS_SESSION_TOKEN") == NULL);
    EXPECT_STATUS(key_environment_take(&found, why), OK);
    EXPECT(is_empty());
    set("", "", NULL);
    EXPECT_STATUS(key_environment_take(&found, why), OK);
    EXPECT(is_empty());
}

TEST(half_a_pair_in_the_environment_is_a_mistake_that_is_named)
{
    set("AKIAMINE", NULL, "token");
    EXPECT_STATUS(key_environment_take(&found, why), E_USAGE);
    EXPECT(strstr(why, "AWS_ACCESS_KEY_ID is in the environment, but AWS_SECRET_ACCESS_KEY is not")
           != NULL);
    EXPECT(getenv("AWS_ACCESS_KEY_ID") == NULL && getenv("AWS_SESSION_TOKEN") == NULL);
    set("", "secretmine", NULL);
    EXPECT_STATUS(key_environment_take(&found, why), E_USAGE);
    EXPECT(strstr(why, "AWS_SECRET_ACCESS_KEY is in the environment, but AWS_ACCESS_KEY_ID is not")
           != NULL);
    EXPECT(strstr(why, "secretmine") == NULL && getenv("AWS_SECRET_ACCESS_KEY") == NULL);
}

TEST(a_value_too_long_for_a_credential_is_refused_and_not_cut)
{
    static char longest[CREDENTIAL_MAX], longer[CREDENTIAL_MAX + 1], text[2 * CREDENTIAL_MAX];

    memset(longest, 'x', sizeof longest - 1);
    memset(longer, 'x', sizeof longer - 1);
    set("AKIAMINE", "secretmine", longest);
    EXPECT_STATUS(key_environment_take(&found, why), OK);
    EXPECT(is("AKIAMINE", "secretmine", longest));
    set("AKIAMINE", "secretmine", longer);
    EXPECT_STATUS(key_environment_take(&found, why), E_USAGE);
    EXPECT(strstr(why, "AWS_SESSION_TOKEN in the environment is longer") != NULL);

    begin();
    snprintf(text, sizeof text, "[default]\n" PAIR "aws_session_token=%s\n", longest);
    EXPECT_STATUS(load(text), OK);
    EXPECT(is("AKIAMINE", "secretmine", longest));
    snprintf(text, sizeof text, "[default]\n" PAIR "aws_session_token=%s\n", longer);
    EXPECT_STATUS(load(text), E_MALFORMED);
    EXPECT(strstr(why, ":4: the value is too long") != NULL && is_empty());
    folder_remove(folder);
}

TEST(the_profile_is_default_unless_another_is_named)
{
    static const char text[] =
        "[default]\n" PAIR
        "[sea]\naws_access_key_id=AKIASEA\naws_secret_access_key=secretsea\naws_session_token=t\n";

    begin();
    EXPECT_STATUS(load(text), OK);
    EXPECT(is("AKIAMINE", "secretmine", ""));
    setenv("AWS_PROFILE", "sea", 1);
    EXPECT_STATUS(load(text), OK);
    EXPECT(is("AKIASEA", "secretsea", "t"));
    setenv("AWS_PROFILE", "", 1);
    EXPECT_STATUS(load(text), OK);
    EXPECT(is("AKIAMINE", "secretmine", ""));
    setenv("AWS_PROFILE", "lake", 1);
    EXPECT_STATUS(load(text), E_MISSING);
    EXPECT(strstr(why, path) != NULL && strstr(why, "no profile [lake]") != NULL && is_empty());
    folder_remove(folder);
}

TEST(the_file_is_read_as_the_tools_of_aws_write_and_read_it)
{
    static const struct {
        const char *text, *id, *secret, *token;
    } good[] = {
        {"[default]\naws_access_key_id=a\naws_secret_access_key=b", "a", "b", ""},
        {"\r\n# of ours\r\n; too\r\n[default]\r\naws_access_key_id\t=  a \r\n"
         "AWS_Secret_Access_Key = b\t\r\n",
         "a", "b", ""},
        {"[ default\t] # comment\naws_access_key_id = a # comment\naws_secret_access_key = b\t; "
         "c\n",
         "a", "b", ""},
        {"[default]; comment\naws_access_key_id = a#1\naws_secret_access_key = b;=/+ \n", "a#1",
         "b;=/+", ""},
        {"[default]\ns3 =\n  aws_access_key_id = nested\n\tmax = 1\naws_access_key_id = a\n"
         "region = eu-west-1\naws_secret_access_key = b\n",
         "a", "b", ""},
        {"[default]\naws_access_key_id = a\n[x]\naws_secret_access_key = x\n[default]\n"
         "aws_secret_access_key = b\naws_session_token = c\n",
         "a", "b", "c"},
        {"[default]\naws_access_key_id = x\naws_access_key_id = a\naws_secret_access_key = b\n"
         "aws_session_token =\n",
         "a", "b", ""},
        {"[profile default]\nrole_arn = x\n[default]\naws_access_key_id=a\n"
         "aws_secret_access_key=b\n",
         "a", "b", ""},
    };

    begin();
    for (unsigned i = 0; i < COUNT_OF(good); i++) {
        EXPECT_STATUS(load(good[i].text), OK);
        EXPECT(is(good[i].id, good[i].secret, good[i].token));
    }
    folder_remove(folder);
}

TEST(what_is_no_pair_is_refused_by_what_it_lacks_without_a_secret)
{
    static const struct {
        const char *text;
        enum status status;
        const char *says;
    } bad[] = {
        {"", E_MISSING, "no profile [default]"},
        {"[Default]\n" PAIR, E_MISSING, "no profile [default]"},
        {"[default]\n", E_MISSING, "profile [default] of"},
        {"[default]\ncredential_process = x\n", E_MISSING, "credential_process are not followed"},
        {"[default]\n" PAIR "role_arn = arn:aws:iam::1:role/x\n", E_USAGE, "asks for a role"},
        {"[default]\naws_access_key_id = a\n", E_USAGE,
         "has aws_access_key_id, but no aws_secret_access_key"},
        {"[default]\naws_secret_access_key = secretmine\n", E_USAGE,
         "has aws_secret_access_key, but no aws_access_key_id"},
        {"[default\n" PAIR, E_MALFORMED, ":1: a section is [NAME]"},
        {"[default] x\n" PAIR, E_MALFORMED, ":1: a section is [NAME]"},
        {"[default]\n" PAIR "secretmine\n", E_MALFORMED, ":4: must be [PROFILE], or"},
        {"[default]\n" PAIR "= secretmine\n", E_MALFORMED, ":4: must be [PROFILE], or"},
        {"[x]\nsecretmine\n[default]\n" PAIR, E_MALFORMED, ":2: must be [PROFILE], or"},
    };

    begin();
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        EXPECT_STATUS(load(bad[i].text), bad[i].status);
        EXPECT(strstr(why, bad[i].says) != NULL && strstr(why, path) != NULL);
        EXPECT(strstr(why, "secretmine") == NULL && is_empty());
    }
    folder_remove(folder);
}

TEST(a_file_that_others_may_read_is_refused_and_none_is_none)
{
    begin();
    EXPECT_STATUS(load("[default]\n" PAIR), OK);
    NEED(chmod(path, 0640) == 0);
    EXPECT_STATUS(key_profile_load(&found, why), E_USAGE);
    EXPECT(strstr(why, "chmod 600") != NULL && is_empty());
    NEED(unlink(path) == 0);
    EXPECT_STATUS(key_profile_load(&found, why), E_MISSING);
    EXPECT(strstr(why, path) != NULL);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    EXPECT_STATUS(key_profile_load(&found, why), E_MISSING);
    EXPECT(strstr(why, "/dev/null") != NULL);
    folder_remove(folder);
}

TEST(without_a_name_the_file_is_in_the_home)
{
    char home[PATH_MAX];
    const char *before = getenv("HOME");

    snprintf(home, sizeof home, "%s", before == NULL ? "" : before);
    begin();
    EXPECT_STATUS(load("[default]\n" PAIR), OK);
    setenv("HOME", folder, 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "~/credentials", 1);
    EXPECT_STATUS(key_profile_load(&found, why), OK);
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    EXPECT_STATUS(key_profile_load(&found, why), E_MISSING);

    char below[FOLDER_MAX + 32];

    snprintf(below, sizeof below, "%s/.aws", folder);
    NEED(mkdir(below, 0700) == 0);
    snprintf(below, sizeof below, "%s/.aws/credentials", folder);
    NEED(rename(path, below) == 0);
    EXPECT_STATUS(key_profile_load(&found, why), OK);
    EXPECT(is("AKIAMINE", "secretmine", ""));
    unsetenv("HOME");
    EXPECT_STATUS(key_profile_load(&found, why), E_MISSING);
    EXPECT(strstr(why, "no HOME") != NULL);
    setenv("HOME", home, 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    folder_remove(folder);
}
