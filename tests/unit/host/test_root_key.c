/* A root key from a passphrase: it comes back, and every other file is refused by its name. */
#include "host/entropy.h"
#include "host/root_key.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[FOLDER_MAX], phrase[FOLDER_MAX + 16], costs[FOLDER_MAX + 16];
static char why[SECRET_FILE_WHY_MAX];

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    NEED(file != NULL);
    fputs(text, file);
    fclose(file);
    chmod(path, 0600);
}

static void begin(void)
{
    NEED(folder_make(folder) != NULL);
    snprintf(phrase, sizeof phrase, "%s/phrase", folder);
    snprintf(costs, sizeof costs, "%s/root.scrypt", folder);
}

TEST(a_passphrase_opens_what_it_was_made_for_and_another_does_not)
{
    const struct entropy entropy = host_entropy();
    struct secret root;

    begin();
    write_file(phrase, "correct horse battery\n");
    EXPECT_STATUS(root_passphrase_load(phrase, costs, &root, why), E_MISSING);
    EXPECT_STATUS(root_passphrase_create(phrase, costs, &entropy, why), OK);
    EXPECT_STATUS(root_passphrase_create(phrase, costs, &entropy, why), E_EXISTS);
    EXPECT_STATUS(root_passphrase_load(phrase, costs, &root, why), OK);
    write_file(phrase, "correct horse batterz\n");
    EXPECT_STATUS(root_passphrase_load(phrase, costs, &root, why), E_WRONG_KEY);
    EXPECT(strstr(why, "batterz") == NULL && strstr(why, phrase) != NULL);
    folder_remove(folder);
}

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

TEST(wrong_files_are_refused_before_anything_is_stretched)
{
    static const char *const bad[] = {
        "",
        "scrypt\n",
        "scrypt log2_n=13 salt=" HEX64 " check=" HEX64 "\n", /* too cheap */
        "scrypt log2_n=23 salt=" HEX64 " check=" HEX64 "\n", /* too dear */
        "scrypt log2_n=17 salt=" HEX64 " check=" HEX64 "0\n",
        "scrypt log2_n=17 salt=0011 check=" HEX64 "\n",
        "scrypt log2_n=17 salt=" HEX64 " check=" HEX64 "\nmore",
    };
    static const char *const phrases[] = {"short\n", "long enough\nbut two lines\n", ""};
    struct secret root;

    begin();
    write_file(phrase, "correct horse battery\n");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file(costs, bad[i]);
        EXPECT_STATUS(root_passphrase_load(phrase, costs, &root, why), E_MALFORMED);
    }
    write_file(costs, "scrypt log2_n=14 salt=" HEX64 " check=" HEX64 "\n");
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        write_file(phrase, phrases[i]);
        EXPECT(root_passphrase_load(phrase, costs, &root, why) == (i == 1 ? E_MALFORMED : E_USAGE));
    }
    chmod(costs, 0644);
    EXPECT_STATUS(root_passphrase_load(phrase, costs, &root, why), E_USAGE);
    folder_remove(folder);
}
