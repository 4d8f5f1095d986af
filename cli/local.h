/* Programs of ours on this machine, in a folder and on ports of their own: for the demo and the
 * benchmark. What fails has been said on stderr. */
#ifndef SEALIFT_CLI_LOCAL_H
#define SEALIFT_CLI_LOCAL_H

#include "cli/children.h"

#include <stddef.h>

/* The folder of the running executable: its neighbours are started from there. */
bool local_programs(char *path, size_t room);

/* A port that was free a moment ago; whoever takes it meanwhile makes the start fail, loudly. */
unsigned local_free_port(void);

/* False, with the last lines of its log shown, where the child ends or does not listen in time. */
bool local_wait_for_port(struct child *child, unsigned port);

/* Whether a daemon could listen there now. */
bool local_port_is_free(unsigned port);

/* The pair of a key service's callers that is the members': the last of the file. */
struct local_credentials {
    char access_key_id[256], secret_access_key[256];
};

bool local_read_credentials(const char *path, struct local_credentials *credentials);

/* Members and key clients that we start from now on, and those in this process, sign with it. It is
 * in a descriptor that they inherit, which the environment names as the profile to use: the pair
 * itself is in no environment. */
bool local_lend_credentials(const char *path);

void local_remove_folder(const char *path);
void local_sleep_ms(unsigned ms);

#endif
