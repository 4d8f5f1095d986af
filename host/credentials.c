/* Line by line; a section is checked when the next begins or the file ends.
 *
 * Messages name the line and the key, never a value: a value may be a secret in the wrong place. */
#include "host/credentials.h"

#include "base/base64.h"
#include "base/check.h"
#include "host/lockdown.h"
#include "keys/arn.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { ACCESS_KEY_RANDOM = 16, SECRET_KEY_RANDOM = 30, SECRET_TEXT_MIN = 16 };

struct parsing {
    struct credentials *credentials;
    struct credential *section; /* NULL: none has begun */
    const char *path;
    unsigned line;
    char *why;
};

static enum status complain(const struct parsing *parsing, const char *what, const char *about)
{
    snprintf(parsing->why, CREDENTIALS_WHY_MAX, "%s:%u: %s%.64s (E_MALFORMED)", parsing->path,
             parsing->line, what, about);
    return E_MALFORMED;
}

static bool access_key_is_valid(const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '_') {
            return false;
        }
    }
    return strlen(text) >= SECRET_TEXT_MIN;
}

static enum status end_section(struct parsing *parsing)
{
    const struct credential *section = parsing->section;

    if (section == NULL) {
        return OK;
    }
    if (!access_key_is_valid(section->access_key)) {
        return complain(parsing, "the section above needs access_key_id: 16 to 128 letters, digits",
                        "");
    }
    if (strlen(section->secret_key) < SECRET_TEXT_MIN) {
        return complain(parsing, "the section above needs secret_access_key: 16 characters", "");
    }
    if (!account_is_valid(section->account)) {
        return complain(parsing, "the section above needs account: 12 digits", "");
    }
    if (strncmp(section->principal, "arn:", 4) != 0) {
        return complain(parsing, "the section above needs principal: an ARN", "");
    }
    if (credentials_find(parsing->credentials, section->access_key) != section) {
        return complain(parsing, "the section above has the access_key_id of an earlier one", "");
    }
    return OK;
}

static enum status begin_section(struct parsing *parsing)
{
    struct credentials *credentials = parsing->credentials;

    TRY(end_section(parsing));
    if (credentials->count == CREDENTIALS_MAX) {
        return complain(parsing, "too many sections", "");
    }
    parsing->section = &credentials->list[credentials->count++];
    return OK;
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    for (size_t size = strlen(text); size > 0 && isspace((unsigned char)text[size - 1]); size--) {
        text[size - 1] = '\0';
    }
    return text;
}

/* What is told of a caller goes into the audit, which is JSON; and no secret has such bytes. */
static bool is_printable(const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value < ' ' || *value > '~') {
            return false;
        }
    }
    return true;
}

static enum status set_value(struct parsing *parsing, const char *name, const char *value)
{
    struct credential *section = parsing->section;
    const struct {
        const char *name;
        char *into;
        size_t room;
    } fields[] = {
        {"access_key_id", section->access_key, sizeof section->access_key},
        {"secret_access_key", section->secret_key, sizeof section->secret_key},
        {"account", section->account, sizeof section->account},
        {"principal", section->principal, sizeof section->principal},
        {"via_service", section->via_service, sizeof section->via_service},
    };

    for (unsigned i = 0; i < COUNT_OF(fields); i++) {
        if (strcmp(name, fields[i].name) != 0) {
            continue;
        }
        if (strlen(value) >= fields[i].room) {
            return complain(parsing, "the value is too long: ", name);
        }
        if (!is_printable(value)) {
            return complain(parsing, "the value has other than printable ASCII: ", name);
        }
        memcpy(fields[i].into, value, strlen(value) + 1);
        return OK;
    }
    return complain(parsing, "unknown key: ", name);
}

static enum status take_line(struct parsing *parsing, char *line)
{
    line = trim(line);
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';') {
        return OK;
    }
    if (line[0] == '[') {
        return line[strlen(line) - 1] == ']' ? begin_section(parsing)
                                             : complain(parsing, "a section is [NAME]", "");
    }

    char *equals = strchr(line, '=');

    if (equals == NULL || parsing->section == NULL) {
        return complain(parsing, "must be KEY = VALUE, below a [NAME]", "");
    }
    *equals = '\0';
    return set_value(parsing, trim(line), trim(equals + 1));
}

static enum status parse(struct parsing *parsing, char *text)
{
    char *rest = text;
    char *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        parsing->line++;
        TRY(take_line(parsing, line));
    }
    return end_section(parsing);
}

enum status credentials_load(struct credentials **into, const char *path, char *why)
{
    char *text;

    TRY(secret_file_load(path, &text, why));

    const size_t size = strlen(text);
    struct credentials *credentials = lockdown_memory(sizeof *credentials);

    CHECK(credentials != NULL);

    struct parsing parsing = {.credentials = credentials, .path = path, .why = why};
    const enum status status = parse(&parsing, text);

    secret_wipe_memory(text, size); /* cut into lines by now */
    secret_file_forget(text);
    if (status != OK) {
        credentials_free(credentials);
        return status;
    }
    *into = credentials;
    return OK;
}

void credentials_free(struct credentials *credentials)
{
    if (credentials != NULL) {
        secret_wipe_memory(credentials, sizeof *credentials);
        lockdown_free(credentials, sizeof *credentials);
    }
}

const struct credential *credentials_find(const struct credentials *credentials,
                                          const char *access_key)
{
    for (unsigned i = 0; i < credentials->count; i++) {
        if (strcmp(credentials->list[i].access_key, access_key) == 0) {
            return &credentials->list[i];
        }
    }
    return NULL;
}

/* One section; returns its size. */
static size_t make_section(char *into, size_t room, const struct entropy *entropy, const char *name,
                           const char *account)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t random[ACCESS_KEY_RANDOM + SECRET_KEY_RANDOM];
    char access_key[ACCESS_KEY_RANDOM + 1] = "";
    char secret_key[64];

    entropy_fill(entropy, random, sizeof random);
    for (unsigned i = 0; i < ACCESS_KEY_RANDOM; i++) {
        access_key[i] = letters[random[i] % 32];
    }
    base64_encode(bytes_of(random + ACCESS_KEY_RANDOM, SECRET_KEY_RANDOM), secret_key);

    const int size =
        snprintf(into, room,
                 "[%s]\naccess_key_id = AKIA%s\nsecret_access_key = %s\n"
                 "account = %s\nprincipal = arn:aws:iam::%s:%s\n",
                 name, access_key, secret_key, account, account,
                 strcmp(name, "user") == 0 ? "user/sealift" : "role/sealift\nvia_service = rds");

    CHECK(size > 0 && (size_t)size < room);
    secret_wipe_memory(random, sizeof random);
    secret_wipe_memory(secret_key, sizeof secret_key);
    return (size_t)size;
}

enum status credentials_create(const char *path, const char *account, const struct entropy *entropy,
                               char *why)
{
    char text[1024];
    const size_t size = make_section(text, sizeof text, entropy, "user", account);

    (void)make_section(text + size, sizeof text - size, entropy, "member", account);

    const enum status status = secret_file_create(path, text, why);

    secret_wipe_memory(text, sizeof text);
    return status;
}
