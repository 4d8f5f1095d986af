/* A root key behind a token: it comes back, a PIN is never wasted, and trouble has a name.
 *
 * The token is tests/support/pkcs11/fake_token.c, since no good one shows these kinds of trouble; a
 * real one is in tests/integration/test_keyd_pkcs11.sh. */
#include "host/entropy.h"
#include "host/root_source.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"

#include <string.h>
#include <sys/stat.h>

static char folder[FOLDER_MAX], pin[FOLDER_MAX + 16], sealed[FOLDER_MAX + 16];
static char logins[FOLDER_MAX + 16], why[SECRET_FILE_WHY_MAX];
static struct secret root;
static bool made;

static struct root_token token = {
    .place = {FAKE_TOKEN_MODULE, "fake", "root"}, .pin_file = pin, .seconds_max = 60};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    NEED(file != NULL);
    fputs(text, file);
    fclose(file);
    chmod(path, 0600);
}

static void begin(const char *words)
{
    NEED(folder_make(folder) != NULL);
    snprintf(pin, sizeof pin, "%s/pin", folder);
    snprintf(sealed, sizeof sealed, "%s/root.pkcs11", folder);
    snprintf(logins, sizeof logins, "%s/logins", folder);
    setenv("FAKE_TOKEN", words, 1);
    setenv("FAKE_TOKEN_LOGINS", logins, 1);
    write_file(pin, "1234\n");
}

static unsigned count_logins(void)
{
    struct stat about;

    return stat(logins, &about) == 0 ? (unsigned)about.st_size : 0;
}

static enum status create(void)
{
    const struct entropy entropy = host_entropy();

    return root_token_create(&token, sealed, &entropy, &made, why);
}

static enum status load(void)
{
    secret_wipe(&root);
    return root_token_load(&token, sealed, &root, why);
}

TEST(a_token_opens_what_it_sealed_and_another_key_does_not)
{
    struct secret first;

    begin("key=a");
    EXPECT_STATUS(create(), OK);
    EXPECT(!made);
    EXPECT_STATUS(create(), E_EXISTS);
    EXPECT_STATUS(load(), OK);
    EXPECT(!secret_is_zero(&root));
    secret_copy(&first, &root);
    EXPECT_STATUS(load(), OK);
    EXPECT(secret_equal(&first, &root));
    setenv("FAKE_TOKEN", "key=b", 1);
    EXPECT_STATUS(load(), E_WRONG_KEY);
    EXPECT(secret_is_zero(&root));
    setenv("FAKE_TOKEN", "", 1);
    EXPECT_STATUS(load(), E_KEY_NOT_FOUND);
    setenv("FAKE_TOKEN", "broken key=a", 1);
    EXPECT_STATUS(load(), E_KEY_UNREACHABLE);
    folder_remove(folder);
}

TEST(a_key_that_is_missing_is_made_for_a_new_store_only)
{
    begin("");
    EXPECT_STATUS(load(), E_MISSING);
    EXPECT_STATUS(create(), OK);
    EXPECT(made);
    EXPECT_STATUS(load(), E_KEY_NOT_FOUND);
    setenv("FAKE_TOKEN", "key=n", 1);
    EXPECT_STATUS(load(), OK);
    folder_remove(folder);
}

TEST(a_key_that_is_too_short_or_could_be_read_is_refused)
{
    begin("short key=a");
    EXPECT_STATUS(create(), E_USAGE);
    setenv("FAKE_TOKEN", "public key=a", 1);
    EXPECT_STATUS(create(), E_USAGE);
    EXPECT(access(sealed, F_OK) != 0);
    folder_remove(folder);
}

TEST(of_two_keys_with_one_label_a_new_store_takes_neither_and_an_old_one_its_own)
{
    begin("key=ab");
    EXPECT_STATUS(create(), E_USAGE);
    setenv("FAKE_TOKEN", "key=b", 1);
    EXPECT_STATUS(create(), OK);
    setenv("FAKE_TOKEN", "key=ab", 1);
    EXPECT_STATUS(load(), OK);
    setenv("FAKE_TOKEN", "key=zb", 1);
    EXPECT_STATUS(load(), OK);
    setenv("FAKE_TOKEN", "key=za", 1);
    EXPECT_STATUS(load(), E_KEY_UNREACHABLE);
    folder_remove(folder);
}

TEST(a_token_that_takes_an_iv_of_its_own_is_heeded)
{
    char text[256] = "";

    begin("own-iv key=a");
    EXPECT_STATUS(create(), OK);

    FILE *file = fopen(sealed, "re");

    NEED(file != NULL);
    EXPECT(fgets(text, sizeof text, file) != NULL);
    fclose(file);
    EXPECT(strstr(text, " iv=777777777777777777777777 ") != NULL);
    EXPECT_STATUS(load(), OK);
    folder_remove(folder);
}

TEST(a_wrong_pin_is_tried_once_and_not_told)
{
    begin("key=a");
    EXPECT_STATUS(create(), OK);
    EXPECT(count_logins() == 1);
    write_file(pin, "8642\n");
    EXPECT_STATUS(load(), E_KEY_CREDENTIALS);
    EXPECT(count_logins() == 2);
    EXPECT(strstr(why, "8642") == NULL && strstr(why, "fake") != NULL);
    folder_remove(folder);
}

TEST(no_pin_is_tried_where_it_could_lock_the_token_or_where_nothing_waits_for_it)
{
    static const struct {
        const char *words;
        enum status status;
    } cases[] = {{"locked key=a", E_KEY_CREDENTIALS},
                 {"final-try key=a", E_KEY_CREDENTIALS},
                 {"twins key=a", E_USAGE}};

    begin("key=a");
    EXPECT_STATUS(load(), E_MISSING);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setenv("FAKE_TOKEN", cases[i].words, 1);
        EXPECT_STATUS(create(), cases[i].status);
    }
    token.place.token = "fak";
    EXPECT_STATUS(create(), E_MISSING);
    token.place.token = "fake";
    EXPECT(count_logins() == 0);
    folder_remove(folder);
}

TEST(a_module_that_crashes_or_hangs_or_is_none_is_given_up)
{
    begin("crash key=a");
    EXPECT_STATUS(create(), E_KEY_UNREACHABLE);
    EXPECT(strstr(why, "crashed") != NULL);
    setenv("FAKE_TOKEN", "hang key=a", 1);
    token.seconds_max = 1;
    EXPECT_STATUS(create(), E_KEY_UNREACHABLE);
    EXPECT(strstr(why, "too long") != NULL);
    token.seconds_max = 60;
    token.place.module = "/no/such/module.so";
    EXPECT_STATUS(create(), E_USAGE);
    EXPECT(strstr(why, "/no/such/module.so") != NULL);
    token.place.module = "libcrypto.so.3"; /* a library, but no module */
    EXPECT_STATUS(create(), E_USAGE);
    EXPECT(strstr(why, "C_GetFunctionList") != NULL);
    token.place.module = FAKE_TOKEN_MODULE;
    EXPECT(access(sealed, F_OK) != 0);
    folder_remove(folder);
}

#define HEX24 "00112233445566778899aabb"
#define HEX96 HEX24 HEX24 HEX24 HEX24

TEST(wrong_files_are_refused_by_their_names)
{
    static const char *const bad[] = {
        "",
        "pkcs11\n",
        "scrypt log2_n=17 salt=" HEX24 " check=" HEX96 "\n",
        "pkcs11 aes-256-gcm iv=" HEX24 " sealed=" HEX24 "\n",
        "pkcs11 aes-256-gcm iv=" HEX24 "00 sealed=" HEX96 "\n",
        "pkcs11 aes-256-gcm iv=" HEX24 " sealed=" HEX96 "00\n",
        "pkcs11 aes-256-gcm iv=" HEX24 " sealed=" HEX96 "\nmore",
    };
    static const char *const pins[] = {"", "\n", "1234\n5678\n"};

    begin("key=a");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file(sealed, bad[i]);
        EXPECT_STATUS(load(), E_MALFORMED);
    }
    write_file(sealed, "pkcs11 aes-256-gcm iv=" HEX24 " sealed=" HEX96 "\n");
    EXPECT(count_logins() == 0);
    EXPECT_STATUS(load(), E_WRONG_KEY);
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        write_file(pin, pins[i]);
        EXPECT_STATUS(load(), E_MALFORMED);
        EXPECT(strstr(why, pin) != NULL);
    }
    chmod(pin, 0644);
    EXPECT_STATUS(load(), E_USAGE);
    EXPECT(strstr(why, pin) != NULL);
    chmod(sealed, 0644);
    EXPECT_STATUS(load(), E_USAGE);
    EXPECT(strstr(why, sealed) != NULL);
    EXPECT(count_logins() == 1);
    folder_remove(folder);
}

TEST(a_store_has_one_source_for_life_and_says_which)
{
    const struct root_options of_file = {0}, of_passphrase = {.passphrase_file = pin},
                              of_token = {.token = token};
    const struct {
        const char *file, *option;
        const struct root_options *own, *others[2];
    } cases[] = {
        {"root.key", "--root-key-file", &of_file, {&of_passphrase, &of_token}},
        {"root.scrypt", "--root-passphrase-file", &of_passphrase, {&of_file, &of_token}},
        {"root.pkcs11", "--root-pkcs11", &of_token, {&of_file, &of_passphrase}},
    };
    struct root_source source;
    char path[FOLDER_MAX + 32];

    begin("");
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, cases[i].file);
        write_file(path, "");
        EXPECT_STATUS(root_source_choose(&source, cases[i].own, folder, why), OK);
        EXPECT(strcmp(source.path, path) == 0);
        for (unsigned j = 0; j < 2; j++) {
            EXPECT_STATUS(root_source_choose(&source, cases[i].others[j], folder, why), E_USAGE);
            EXPECT(strstr(why, cases[i].option) != NULL);
        }
        unlink(path);
    }
    folder_remove(folder);
}
