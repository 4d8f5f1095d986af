/* Each rule is a function of one line; what spans lines is kept in struct tidy_file.
 *
 * Code is told from comments and literals by blanking those out, which is as much of C as these
 * rules need. A function begins at a brace in the first column and ends at the next one: that is
 * how clang-format writes them here. */
#include "tests/tidy/tidy_rules.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    SOURCE_LINES_MAX = 600,
    HEADER_LINES_MAX = 200,
    FUNCTION_LINES_MAX = 70,
    COLUMNS_MAX = 100,
};

/* Who may include whom; one's own folder always. "*" is everything. */
static const struct {
    const char *folder;
    const char *may;
} table[] = {
    {"base", ""},
    {"node", " base "},
    {"proto", " base "},
    {"seal", " base "},
    {"wal", " base node seal "},
    {"cluster", " base node proto seal "},
    {"member", " base node proto seal wal cluster "},
    {"primary", " base node proto seal wal cluster member "},
    {"replica", " base node proto seal wal cluster member "},
    {"keys", " base node proto seal cluster "},
    {"region", " base node proto seal cluster "},
    {"transport", " base node proto "},
    {"host", " base node proto seal wal cluster member primary replica keys region transport "},
    {"client", " base node proto transport "},
    {"sim", " base node proto seal wal cluster member primary replica keys region "},
    {"cli", "*"},
    {"bench", "*"},
    {"tests", "*"},
};

/* Where bytes are compared that are no secret, by those who know: everything else uses bytes_equal,
 * id_equal and their like, or secret_bytes_equal. */
static const char *const memcmp_files[] = {
    "base/bytes.h",  "base/ids.h",
    "wal/batch.c",   "transport/sigv4_canonical.c", /* an order */

    "member/walk.c", "host/claim_text.c"};

#define FAULT(file, rule, ...) \
    do { \
        printf("%s:%u: %s: ", (file)->path, (file)->line, rule); \
        printf(__VA_ARGS__); \
        printf("\n"); \
        (file)->faults++; \
    } while (0)

void tidy_begin(struct tidy_file *file, const char *path)
{
    const size_t size = strlen(path);

    *file = (struct tidy_file){.path = path, .is_header = strcmp(path + size - 2, ".h") == 0};
}

/* Blanks out comments and the insides of literals. */
static void code_of(struct tidy_file *file, const char *text, char *code)
{
    char quote = 0;

    for (; *text != '\0'; text++, code++) {
        *code = ' ';
        if (file->in_comment) {
            if (text[0] == '*' && text[1] == '/') {
                file->in_comment = false;
                *++code = ' ';
                text++;
            }
        } else if (quote != 0) {
            if (*text == '\\' && text[1] != '\0') {
                *++code = ' ';
                text++;
            } else if (*text == quote) {
                quote = 0;
            }
        } else if (text[0] == '/' && text[1] == '*') {
            file->in_comment = true;
        } else if (text[0] == '/' && text[1] == '/') {
            break;
        } else if (*text == '"' || *text == '\'') {
            quote = *text;
        } else {
            *code = *text;
        }
    }
    *code = '\0';
}

/* Where `word` stands by itself. */
static const char *find_word(const char *text, const char *word)
{
    const size_t size = strlen(word);

    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        const char before = at == text ? ' ' : at[-1];

        if (!isalnum((unsigned char)before) && before != '_' && !isalnum((unsigned char)at[size])
            && at[size] != '_') {
            return at;
        }
    }
    return NULL;
}

static void check_columns(struct tidy_file *file, const char *text)
{
    unsigned columns = 0;

    for (const char *at = text; *at != '\0'; at++) {
        columns += ((unsigned char)*at & 0xc0) != 0x80; /* a UTF-8 character counts once */
    }
    if (columns > COLUMNS_MAX) {
        FAULT(file, "columns", "%u: break the line before %d", columns, COLUMNS_MAX);
    }
    if (strchr(text, '\t') != NULL || (columns > 0 && text[strlen(text) - 1] == ' ')) {
        FAULT(file, "blanks", "no tabs, no blanks at the end of a line");
    }
}

static void check_words(struct tidy_file *file, const char *text)
{
    static const char *const words[] = {"TO"
                                        "DO",
                                        "FIX"
                                        "ME",
                                        "XX"
                                        "X"};

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (find_word(text, words[i]) != NULL) {
            FAULT(file, "unfinished", "finish what %s is about, or open an issue", words[i]);
        }
    }
}

/* A switch over what is no enumeration of ours may have one, if it says what that is. */
static void check_default(struct tidy_file *file, const char *text, const char *code)
{
    const bool said = strstr(text, "/* foreign: ") != NULL || strstr(text, "/* number: ") != NULL;

    if (strstr(code, "default:") != NULL && !said) {
        FAULT(file, "default",
              "list all enumerators, so that a new one is noticed; where it is no "
              "enum of ours, say /* foreign: WHOSE */ or /* number: WHAT */ here");
    }
}

static void check_memcmp(struct tidy_file *file, const char *code)
{
    if (find_word(code, "memcmp") == NULL || strncmp(file->path, "tests/", 6) == 0
        || strncmp(file->path, "sim/", 4) == 0) {
        return; /* they hold nobody's secrets */
    }
    for (unsigned i = 0; i < sizeof memcmp_files / sizeof memcmp_files[0]; i++) {
        if (strcmp(file->path, memcmp_files[i]) == 0) {
            return;
        }
    }
    FAULT(file, "memcmp",
          "use bytes_equal, id_equal, ... or, where one side is secret, "
          "secret_bytes_equal");
}

static const char *may_include(const char *folder, size_t size)
{
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strlen(table[i].folder) == size && strncmp(table[i].folder, folder, size) == 0) {
            return table[i].may;
        }
    }
    return NULL;
}

static bool is_main(const char *path)
{
    const char *const slash = strrchr(path, '/');

    return slash != NULL && strcmp(slash, "/main.c") == 0;
}

/* Whether this path lies in the folder that `included` names. */
static void check_folder(struct tidy_file *file, const char *included)
{
    const size_t own = strcspn(file->path, "/");
    const size_t size = strcspn(included, "/");
    const char *const may = may_include(file->path, own);
    char wanted[64];

    if (may == NULL) {
        FAULT(file, "folder", "%.*s is not in the table of tests/tidy/tidy_rules.c", (int)own,
              file->path);
        return;
    }
    if (included[size] != '/') {
        FAULT(file, "include", "name \"%s\" from the root of the tree", included);
        return;
    }
    snprintf(wanted, sizeof wanted, " %.*s ", (int)(size < 60 ? size : 60), included);
    if ((own == size && strncmp(file->path, included, own) == 0) || may[0] == '*'
        || is_main(file->path) || strstr(may, wanted) != NULL) {
        return;
    }
    FAULT(file, "include", "%.*s may not know %.*s: move what is shared down, or its user up",
          (int)own, file->path, (int)size, included);
}

static void check_include(struct tidy_file *file, const char *text)
{
    char included[256];

    if (sscanf(text, "#include \"%255[^\"]\"", included) != 1) {
        return;
    }
    check_folder(file, included);
    if (strstr(included, ".pb-c.h") != NULL && strncmp(file->path, "proto/", 6) != 0
        && strncmp(file->path, "tests/unit/proto/", 17) != 0) {
        FAULT(file, "generated", "only proto/ sees generated types: use its plain structs");
    }
}

static void check_guard(struct tidy_file *file, const char *text)
{
    char guard[300] = "#ifndef SEALIFT_";
    size_t size = strlen(guard);

    if (!file->is_header || strncmp(text, "#ifndef", 7) != 0) {
        return;
    }
    for (const char *at = file->path; *at != '\0' && size < sizeof guard - 1; at++) {
        guard[size++] = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
    }
    file->guard_seen = file->guard_seen || strcmp(text, guard) == 0;
}

static void check_function(struct tidy_file *file, const char *text)
{
    if (strcmp(text, "{") == 0) {
        file->function_begin = file->line;
    } else if (text[0] == '}' && file->function_begin > 0) {
        const unsigned lines = file->line - file->function_begin + 1;

        if (lines > FUNCTION_LINES_MAX) {
            FAULT(file, "function", "%u lines: split what is more than %d", lines,
                  FUNCTION_LINES_MAX);
        }
        file->function_begin = 0;
    }
}

void tidy_line(struct tidy_file *file, const char *text)
{
    char code[TIDY_LINE_MAX];

    file->line++;
    code_of(file, text, code);
    check_columns(file, text);
    check_words(file, text);
    check_default(file, text, code);
    check_memcmp(file, code);
    check_include(file, text);
    check_guard(file, text);
    check_function(file, text);
}

unsigned tidy_end(struct tidy_file *file)
{
    const bool is_contract = file->is_header && strncmp(file->path, "tests/", 6) != 0;
    const unsigned most = is_contract ? HEADER_LINES_MAX : SOURCE_LINES_MAX;

    if (file->line > most) {
        FAULT(file, "length", "%u lines: split what is more than %u, by message, not by helpers",
              file->line, most);
    }
    if (file->is_header && !file->guard_seen) {
        FAULT(file, "guard", "a header begins with #ifndef SEALIFT_<PATH>_H");
    }
    return file->faults;
}
