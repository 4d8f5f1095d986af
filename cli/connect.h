/* What every verb that talks to members needs: addresses, and who we are.
 *
 * --ca, --cert and --key name PEM files; --pki DIR --as NAME is short for DIR/ca.crt, DIR/NAME.crt
 * and DIR/NAME.key. A UNIX socket needs none. An argp child: parsers point their `input` at it. */
#ifndef SEALIFT_CLI_CONNECT_H
#define SEALIFT_CLI_CONNECT_H

#include "base/ids.h"
#include "client/sealift.h"

#include <argp.h>

enum { CONNECT_PATH_MAX = 1024 };

struct connect {
    const char *addresses[SEALIFT_ADDRESSES_MAX];
    unsigned address_count;
    const char *ca, *certificate, *key, *crl;
    const char *pki, *as;
    char ca_path[CONNECT_PATH_MAX], certificate_path[CONNECT_PATH_MAX];
    char key_path[CONNECT_PATH_MAX];
};

extern const struct argp connect_argp;

/* One more HOST:PORT or unix:PATH; ends the program with a usage error where there are too many. */
void connect_add(struct connect *connect, const char *address, struct argp_state *state);

/* Fills the paths in from --pki and --as. */
void connect_complete(struct connect *connect);

/* True where `address` needs to know who we are, and we do not; `why` (SEALIFT_TEXT_MAX) then says
 * what to give. */
bool connect_lacks(const struct connect *connect, const char *address, char *why);

/* Those of its own addresses. */
bool connect_lacks_any(const struct connect *connect, char *why);

struct sealift_options connect_options(const struct connect *connect);

#endif
