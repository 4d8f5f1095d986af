/* Secret files, root keys and credentials: made once, read back, and refused by name and line. */
#include "host/credentials.h"
#include "host/entropy.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"

#include <sys/stat.h>

#define ALICE \
    "[alice]\naccess_key_id = AKIAALICEALICEALICE\n" \
    "secret_access_key = secretsecretsecret=with/+\n" \
    "account = 000000000001\nprincipal = arn:aws:iam::000000000001:user/alice\n"

static char folder[FOLDER_MAX], path[FOLDER_MAX + 16], why[CREDENTIALS_WHY_MAX];
static struct credentials *credentials;

static void begin(void)
{
    NEED(folder_make(folder) != NULL);
    snprintf(path, sizeof path, "%s/file", folder);
}

static void write_file(const char *text)
{
    unlink(path);
    NEED(secret_file_create(path, text, why) == OK);
}

static enum status load(const char *text)
{
    write_file(text);
    return credentials_load(&credentials, path, why);
}

TEST(credentials_name_their_caller)
{
    begin();
    NEED(load("# callers\r\n\n" ALICE "; the second\n[bob]\naccess_key_id=AKIABOBBOBBOBBOBBOB\n"
              "account=000000000002\nprincipal=arn:aws:iam::000000000002:role/bob\n"
              "secret_access_key=bobsecretbobsecret")
         == OK);
    EXPECT(credentials->count == 2);

    const struct credential *alice = credentials_find(credentials, "AKIAALICEALICEALICE");

    NEED(alice != NULL);
    EXPECT(strcmp(alice->secret_key, "secretsecretsecret=with/+") == 0);
    EXPECT(strcmp(alice->account, "000000000001") == 0);
    EXPECT(strcmp(alice->principal, "arn:aws:iam::000000000001:user/alice") == 0);
    EXPECT(credentials_find(credentials, "AKIABOBBOBBOBBOBBOB") == &credentials->list[1]);
    EXPECT(credentials_find(credentials, "AKIAALICEALICEALIC") == NULL);
    EXPECT(credentials_find(credentials, "") == NULL);
    credentials_free(credentials);
    folder_remove(folder);
}

TEST(credentials_that_are_incomplete_or_unclear_are_refused_by_line_without_a_secret)
{
    static const struct {
        const char *text, *place;
    } bad[] = {
        {"access_key_id = AKIAALICEALICEALICE\n", ":1:"},
        {"[a]\nnonsense\n", ":2:"},
        {"[a\n", ":1:"},
        {ALICE "color = red\n", ":6:"},
        {"[a]\naccess_key_id = AKIAALICEALICEALICE\n[b]\n", ":3:"},
        {"[a]\naccess_key_id = short\n", "access_key_id"},
        {ALICE "account = 12\n", "account"},
        {ALICE "principal = alice\n", "principal"},
        {ALICE "secret_access_key = short\n", "secret_access_key"},
        {ALICE ALICE, "earlier"},
        {ALICE "principal = arn:aws:iam::000000000001:user/al\xefice\n", ":6:"},
        {ALICE "secret_access_key = secretsecret\tsecret\n", ":6:"},
    };

    begin();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_STATUS(load(bad[i].text), E_MALFORMED);
        EXPECT(strstr(why, bad[i].place) != NULL);
        EXPECT(strstr(why, "secretsecret") == NULL);
    }
    folder_remove(folder);
}

TEST(made_credentials_load_and_are_never_the_same_twice)
{
    const struct entropy entropy = host_entropy();
    char first[CREDENTIALS_SECRET_MAX];

    begin();
    NEED(credentials_create(path, "123456789012", &entropy, why) == OK);
    EXPECT_STATUS(credentials_create(path, "123456789012", &entropy, why), E_EXISTS);
    NEED(credentials_load(&credentials, path, why) == OK);
    EXPECT(credentials->count == 2 && strlen(credentials->list[0].access_key) == 20);
    EXPECT(credentials->list[0].via_service[0] == '\0'); /* a user, and a member */
    EXPECT(strcmp(credentials->list[1].via_service, "rds") == 0);
    EXPECT(strlen(credentials->list[0].secret_key) == 40);
    EXPECT(strcmp(credentials->list[0].account, "123456789012") == 0);
    memcpy(first, credentials->list[0].secret_key, sizeof first);
    credentials_free(credentials);
    unlink(path);
    NEED(credentials_create(path, "123456789012", &entropy, why) == OK);
    NEED(credentials_load(&credentials, path, why) == OK);
    EXPECT(strcmp(credentials->list[0].secret_key, first) != 0);
    credentials_free(credentials);
    folder_remove(folder);
}

TEST(a_secret_that_others_may_read_is_refused)
{
    struct stat about;

    begin();
    write_file(ALICE);
    EXPECT(stat(path, &about) == 0 && (about.st_mode & 0777) == 0600);
    chmod(path, 0640);
    EXPECT_STATUS(credentials_load(&credentials, path, why), E_USAGE);
    EXPECT(strstr(why, path) != NULL && strstr(why, "chmod 600") != NULL);
    unlink(path);
    EXPECT_STATUS(credentials_load(&credentials, path, why), E_MISSING);
    folder_remove(folder);
}

TEST(a_root_key_is_64_digits_and_comes_back)
{
    const struct entropy entropy = host_entropy();
    struct secret root, again;
    static const char digits[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    static const char *const tails[] = {"0", " ", "\nmore\n", "\n\nx"};
    char text[128];

    begin();
    NEED(root_key_create(path, &entropy, why) == OK);
    EXPECT_STATUS(root_key_create(path, &entropy, why), E_EXISTS);
    EXPECT_STATUS(root_key_load(path, &root, why), OK);
    EXPECT_STATUS(root_key_load(path, &again, why), OK);
    EXPECT(!secret_is_zero(&root) && secret_equal(&root, &again));
    write_file(digits);
    EXPECT_STATUS(root_key_load(path, &root, why), OK);
    EXPECT(root.bytes[0] == 0x00 && root.bytes[1] == 0x11 && root.bytes[31] == 0xff);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        snprintf(text, sizeof text, "%s%s", digits, tails[i]);
        write_file(text);
        EXPECT_STATUS(root_key_load(path, &root, why), E_MALFORMED);
        EXPECT(strstr(why, "0011") == NULL);
    }
    write_file(digits + 1);
    EXPECT_STATUS(root_key_load(path, &root, why), E_MALFORMED);
    write_file("");
    EXPECT_STATUS(root_key_load(path, &root, why), E_MALFORMED);
    folder_remove(folder);
}
