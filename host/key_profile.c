/* The environment first, then line by line through the file, of which only one profile is kept.
 *
 * How it goes wrong: somebody else's tools write this file, so what is not for us is passed over,
 * but a line that is no line is refused: what stands below it might be another profile's.
 * Messages name file, line and setting, never a value. */
#include "host/key_profile.h"

#include "base/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct reading {
    struct key_credentials *credentials;
    const char *path;
    const char *profile;
    unsigned line;
    bool is_inside; /* the section is the profile's */
    bool was_there;
    bool is_role;
    char *why;
};

/* ---- the environment ---- */

static bool take_variable(const char *name, char into[CREDENTIAL_MAX])
{
    char *value = getenv(name);
    bool fits = true;

    memset(into, 0, CREDENTIAL_MAX);
    if (value != NULL) {
        const size_t size = strlen(value);

        fits = size < CREDENTIAL_MAX;
        if (fits) {
            memcpy(into, value, size + 1);
        }
        secret_wipe_memory(value, size);
        unsetenv(name);
    }
    return fits;
}

enum status key_environment_take(struct key_credentials *credentials, char *why)
{
    const bool fits[] = {take_variable("AWS_ACCESS_KEY_ID", credentials->access_key),
                         take_variable("AWS_SECRET_ACCESS_KEY", credentials->secret_key),
                         take_variable("AWS_SESSION_TOKEN", credentials->session_token)};
    const bool has_id = credentials->access_key[0] != '\0';
    const bool has_secret = credentials->secret_key[0] != '\0';

    if (!fits[0] || !fits[1] || !fits[2]) {
        snprintf(why, KEY_PROFILE_WHY_MAX,
                 "%s in the environment is longer than %d bytes (E_USAGE)",
                 !fits[0]   ? "AWS_ACCESS_KEY_ID"
                 : !fits[1] ? "AWS_SECRET_ACCESS_KEY"
                            : "AWS_SESSION_TOKEN",
                 CREDENTIAL_MAX - 1);
        return E_USAGE;
    }
    if (has_id != has_secret) {
        snprintf(why, KEY_PROFILE_WHY_MAX,
                 "%s is in the environment, but %s is not: set both, or neither to use a profile "
                 "of the shared credentials file (E_USAGE)",
                 has_id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                 has_id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
        return E_USAGE;
    }
    return OK;
}

/* ---- the file ---- */

static enum status complain(const struct reading *reading, const char *what)
{
    snprintf(reading->why, KEY_PROFILE_WHY_MAX, "%s:%u: %s (E_MALFORMED)", reading->path,
             reading->line, what);
    return E_MALFORMED;
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    for (size_t size = strlen(text); size > 0 && strchr(" \t\r", text[size - 1]) != NULL; size--) {
        text[size - 1] = '\0';
    }
    return text;
}

static enum status take_section(struct reading *reading, char *line)
{
    char *end = strchr(line, ']');
    const char *behind = end == NULL ? "" : end + 1 + strspn(end + 1, " \t\r");

    if (end == NULL || (behind[0] != '\0' && behind[0] != '#' && behind[0] != ';')) {
        return complain(reading, "a section is [NAME]");
    }
    *end = '\0';
    reading->is_inside = strcmp(trim(line + 1), reading->profile) == 0;
    reading->was_there = reading->was_there || reading->is_inside;
    return OK;
}

static enum status take_value(struct reading *reading, const char *name, const char *value)
{
    const struct {
        const char *name;
        char *into;
    } fields[] = {
        {"aws_access_key_id", reading->credentials->access_key},
        {"aws_secret_access_key", reading->credentials->secret_key},
        {"aws_session_token", reading->credentials->session_token},
    };

    for (unsigned i = 0; i < COUNT_OF(fields); i++) {
        if (strcasecmp(name, fields[i].name) != 0) {
            continue;
        }
        if (strlen(value) >= CREDENTIAL_MAX) {
            return complain(reading, "the value is too long");
        }
        memcpy(fields[i].into, value, strlen(value) + 1);
    }
    reading->is_role = reading->is_role || strcasecmp(name, "role_arn") == 0;
    return OK;
}

static void cut_comment(char *value)
{
    for (size_t i = 1; value[i - 1] != '\0'; i++) {
        if ((value[i] == '#' || value[i] == ';') && strchr(" \t", value[i - 1]) != NULL) {
            value[i - 1] = '\0';
            return;
        }
    }
}

static enum status take_line(struct reading *reading, char *line)
{
    if (line[0] == '#' || line[0] == ';' || strchr(" \t", line[0]) != NULL || line[0] == '\r') {
        return OK; /* a comment, an empty line, or more of the setting above */
    }
    if (line[0] == '[') {
        return take_section(reading, line);
    }

    char *equals = strchr(line, '=');

    if (equals == NULL || equals == line) {
        return complain(reading, "must be [PROFILE], or SETTING = VALUE");
    }
    *equals = '\0';
    cut_comment(equals + 1);
    return reading->is_inside ? take_value(reading, trim(line), trim(equals + 1)) : OK;
}

static enum status judge(const struct reading *reading)
{
    const struct key_credentials *found = reading->credentials;
    const bool has_id = found->access_key[0] != '\0', has_secret = found->secret_key[0] != '\0';

    if (!reading->was_there) {
        snprintf(reading->why, KEY_PROFILE_WHY_MAX, "%s has no profile [%.64s]", reading->path,
                 reading->profile);
        return E_MISSING;
    }
    if (reading->is_role) {
        snprintf(reading->why, KEY_PROFILE_WHY_MAX,
                 "%s: profile [%.64s] asks for a role (role_arn), which is not taken here: export "
                 "what 'aws configure export-credentials --format env' prints (E_USAGE)",
                 reading->path, reading->profile);
        return E_USAGE;
    }
    if (!has_id && !has_secret) {
        snprintf(reading->why, KEY_PROFILE_WHY_MAX,
                 "profile [%.64s] of %s has no aws_access_key_id (SSO and credential_process are "
                 "not followed)",
                 reading->profile, reading->path);
        return E_MISSING;
    }
    if (has_id != has_secret) {
        snprintf(reading->why, KEY_PROFILE_WHY_MAX,
                 "%s: profile [%.64s] has %s, but no %s (E_USAGE)", reading->path, reading->profile,
                 has_id ? "aws_access_key_id" : "aws_secret_access_key",
                 has_id ? "aws_secret_access_key" : "aws_access_key_id");
        return E_USAGE;
    }
    return OK;
}

static enum status read_profile(struct reading *reading)
{
    char *text;

    TRY(secret_file_load(reading->path, &text, reading->why));

    const size_t size = strlen(text);
    enum status status = OK;
    char *rest = text;
    char *line;

    while (status == OK && (line = strsep(&rest, "\n")) != NULL) {
        reading->line++;
        status = take_line(reading, line);
    }
    secret_wipe_memory(text, size); /* cut into lines by now */
    secret_file_forget(text);
    return status == OK ? judge(reading) : status;
}

/* ---- which file, which profile ---- */

static const char *variable(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value == NULL || value[0] == '\0' ? otherwise : value;
}

static bool find_path(char path[PATH_MAX])
{
    const char *named = variable("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
    const char *home = variable("HOME", NULL);
    const bool is_at_home = strncmp(named, "~/", 2) == 0;

    if (is_at_home && home == NULL) {
        return false;
    }
    return snprintf(path, PATH_MAX, "%s%s", is_at_home ? home : "", named + (is_at_home ? 1 : 0))
           < PATH_MAX;
}

/* A device counts as no file: /dev/null is how people say that there is none. */
static bool is_there(const char *path)
{
    struct stat about;

    return stat(path, &about) != 0 ? errno != ENOENT && errno != ENOTDIR : !S_ISCHR(about.st_mode);
}

enum status key_profile_load(struct key_credentials *credentials, char *why)
{
    char path[PATH_MAX];
    struct reading reading = {.credentials = credentials,
                              .path = path,
                              .profile = variable("AWS_PROFILE", "default"),
                              .why = why};

    memset(credentials, 0, sizeof *credentials);
    if (!find_path(path)) {
        snprintf(why, KEY_PROFILE_WHY_MAX,
                 "there is no HOME with a .aws/credentials, nor AWS_SHARED_CREDENTIALS_FILE");
        return E_MISSING;
    }
    if (!is_there(path)) {
        snprintf(why, KEY_PROFILE_WHY_MAX, "there is no %s for a profile [%.64s]", path,
                 reading.profile);
        return E_MISSING;
    }

    const enum status status = read_profile(&reading);

    if (status != OK) {
        secret_wipe_memory(credentials, sizeof *credentials);
    }
    return status;
}
