/* What do the pure floors call?
 *
 *     tidy_purity NM FLOOR=ARCHIVE... [--expect N]
 *
 * Below the waterline nothing opens, reads, waits, allocates, draws a random number or reads a
 * clock. So what an archive leaves undefined must be in one of the archives, or in the short list
 * here: a new name in that list is a decision about the architecture. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256, DEFINED_MAX = 65536 };

static const char *const everywhere[] = {
    "abort",   "snprintf", "vsnprintf", "memchr",           "memcmp",
    "memcpy",  "memmem",   "memmove",   "memset",           "strchr",
    "strcmp",  "strcspn",  "strlen",    "strncmp",          "strnlen",
    "strrchr", "strspn",   "strstr",    "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_",
};

/* What the compiler adds: fortified copies of the above, sanitizers, coverage. */
static const char *const tools[] = {
    "__asan_", "__ubsan_", "__tsan_",  "__sanitizer_", "__sancov_",
    "__gcov_", "__llvm_",  "__start_", "__stop_",
};

static const struct {
    const char *floor;
    const char *prefix;
} libraries[] = {
    {"proto", "protobuf_c_"},
    {"proto", "__assert_fail"}, /* in what protoc-c generates */
    {"seal", "EVP_"},
    {"seal", "HMAC"},
    {"seal", "OPENSSL_cleanse"},
    {"seal", "OSSL_PARAM_"},
    {"seal", "OSSL_PROVIDER_"}, /* aes_provider: called by programs, before anything else */
    {"seal", "OPENSSL_atexit"}, /* likewise: it lets go of them at the end */
    {"seal", "OPENSSL_version_"},
    {"seal", "ERR_clear_error"},
    {"seal", "CRYPTO_"}, /* libcrypto's heap, for its contexts */
    {"seal", "alloc_mb_mgr"},
    {"seal", "init_mb_mgr_auto"},
    {"seal", "imb_get_errno"},
    {"seal", "__cpu_model"}, /* which CRC instruction there is */
    {"keys", "json_"},
    {"keys", "__tls_get_addr"}, /* the arena that jansson's allocator is given, one a thread */
};

static char *defined[DEFINED_MAX];
static unsigned defined_count;
static unsigned faults;

static bool is_listed(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_of_tools(const char *name)
{
    const size_t size = strlen(name);

    if (strncmp(name, "__", 2) == 0 && size > 6 && strcmp(name + size - 4, "_chk") == 0) {
        char plain[NAME_MAX_BYTES];

        snprintf(plain, sizeof plain, "%.*s", (int)(size - 6), name + 2);
        return is_listed(everywhere, sizeof everywhere / sizeof everywhere[0], plain);
    }
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        if (strncmp(name, tools[i], strlen(tools[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_of_library(const char *floor, const char *name)
{
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        if (strcmp(libraries[i].floor, floor) == 0
            && strncmp(name, libraries[i].prefix, strlen(libraries[i].prefix)) == 0) {
            return true;
        }
    }
    return false;
}

static void note_defined(const char *floor, const char *object, const char *name)
{
    (void)floor;
    (void)object;
    if (defined_count == DEFINED_MAX || (defined[defined_count++] = strdup(name)) == NULL) {
        printf("tidy_purity: more than %d names\n", DEFINED_MAX);
        exit(EXIT_FAILURE);
    }
}

static void check_undefined(const char *floor, const char *object, const char *name)
{
    if (!is_listed(everywhere, sizeof everywhere / sizeof everywhere[0], name)
        && !is_listed((const char *const *)defined, defined_count, name) && !is_of_tools(name)
        && !is_of_library(floor, name)) {
        printf("%s/%s: purity: calls %s: ask the world for it through an effect or an event\n",
               floor, object, name);
        faults++;
    }
}

typedef void name_visitor(const char *floor, const char *object, const char *name);

/* nm -P writes "archive[object]:" and then "name type ..." lines. False where nm fails. */
static bool visit_names(const char *nm, const char *option, const char *archive,
                        name_visitor *visit)
{
    const char *const path = strchr(archive, '=') + 1;
    char floor[32], command[1024], line[1024], name[NAME_MAX_BYTES];
    char object[NAME_MAX_BYTES] = "";

    snprintf(floor, sizeof floor, "%.*s", (int)(path - 1 - archive), archive);
    snprintf(command, sizeof command, "'%s' -P -g %s '%s'", nm, option, path);

    FILE *const names = popen(command, "r");

    while (names != NULL && fgets(line, sizeof line, names) != NULL) {
        const char *const bracket = strrchr(line, '[');

        if (strstr(line, "]:") != NULL && bracket != NULL) {
            snprintf(object, sizeof object, "%.*s", (int)strcspn(bracket + 1, "]"), bracket + 1);
        } else if (sscanf(line, "%255s", name) == 1) {
            visit(floor, object, name);
        }
    }
    return names != NULL && pclose(names) == 0;
}

static bool visit_all(const char *nm, char **archives, int count, const char *option,
                      name_visitor *visit)
{
    for (int i = 0; i < count; i++) {
        if (strchr(archives[i], '=') == NULL || !visit_names(nm, option, archives[i], visit)) {
            printf("tidy_purity: %s cannot be read with %s\n", archives[i], nm);
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    const bool expects = argc > 4 && strcmp(argv[argc - 2], "--expect") == 0;
    const int count = argc - 2 - (expects ? 2 : 0);

    if (count < 1 || !visit_all(argv[1], argv + 2, count, "--defined-only", note_defined)
        || !visit_all(argv[1], argv + 2, count, "-u", check_undefined)) {
        return EXIT_FAILURE;
    }
    printf("%d archives, %u names of their own, %u faults\n", count, defined_count, faults);
    return faults == (expects ? strtoul(argv[argc - 1], NULL, 10) : 0) ? EXIT_SUCCESS
                                                                       : EXIT_FAILURE;
}
