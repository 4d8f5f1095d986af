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

/* The pair that a key service made goes into our environment, where members take it from. */
bool local_take_credentials(const char *path);

void local_remove_folder(const char *path);
void local_sleep_ms(unsigned ms);

#endif
