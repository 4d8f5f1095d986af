/* What may a file that somebody else wrote say on a terminal? Nothing but printable ASCII. */
#ifndef SEALIFT_CLI_CLEAN_H
#define SEALIFT_CLI_CLEAN_H

#include "cluster/keyring.h"

/* The names in it, which may be any bytes: all others become '?'. For showing, not for keeping. */
void clean_keyring(struct keyring *keyring);

/* The same with any text. */
void clean_text(char *text);

#endif
