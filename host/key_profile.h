/* Whose credentials sign this process's requests to key services?
 *
 * Found as AWS's own tools find them: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and perhaps
 * AWS_SESSION_TOKEN; where there is neither of the first two, the profile AWS_PROFILE ("default")
 * of the file AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials). An empty variable is as good as
 * none. Only pairs that stand there: roles, SSO and credential_process are not followed.
 *
 * The file is INI, as AWS documents it: sections [NAME], lines NAME = VALUE, names of settings in
 * any case; a # or ; begins a comment at the start of a line, behind a section, and behind a blank
 * in a value; a line that begins with a blank belongs to the setting above it. A profile may stand
 * there in several sections; the last line of a setting wins. Like every secret file it must be
 * its owner's alone. */
#ifndef SEALIFT_HOST_KEY_PROFILE_H
#define SEALIFT_HOST_KEY_PROFILE_H

#include "host/secret_file.h"

enum {
    CREDENTIAL_MAX = 4096, /* STS tokens: ~1 KiB */
    KEY_PROFILE_WHY_MAX = SECRET_FILE_WHY_MAX + 256,
};

struct key_credentials {
    char access_key[CREDENTIAL_MAX];
    char secret_key[CREDENTIAL_MAX];
    char session_token[CREDENTIAL_MAX]; /* "": none */
};

/* Takes the three variables out of the environment and wipes them there, whatever they hold. Both
 * of the pair are "" where neither is set. E_USAGE: half a pair, or a value that is too long; `why`
 * (KEY_PROFILE_WHY_MAX) says which. */
NODISCARD enum status key_environment_take(struct key_credentials *credentials, char *why);

/* The profile that the environment names, of the file that it names. E_MISSING: no file, no such
 * profile in it, or no pair in that; E_USAGE: half a pair, a role, others may read it; E_MALFORMED,
 * with file and line; or a status of secret_file_load. */
NODISCARD enum status key_profile_load(struct key_credentials *credentials, char *why);

#endif
