/* What `sealift verify` was asked for. */
#ifndef SEALIFT_CLI_VERIFY_ORDER_H
#define SEALIFT_CLI_VERIFY_ORDER_H

#include "cli/connect.h"
#include "cli/folder_keys.h"

enum { OTHER_KEYS_MAX = KEY_SERVICES_MAX };

struct verify_order {
    const char *path, *against;
    struct connect connect;
    struct folder_keys_order keys;
    const char *others[OTHER_KEYS_MAX]; /* ARNs of keys that must not open it */
    unsigned other_count;
    const char *proof, *out; /* a proof to be checked; where the new one goes */
    uint64_t rate;
    bool no_key, json, replica, prove;
};

/* Ends the program with a usage error where the words contradict each other. */
void verify_order_parse(struct verify_order *order, int argc, char **argv);

#endif
