/* `sealift keys rotate-dek` and `rewrap`: what an operator asks of a member about its keys. */
#ifndef SEALIFT_CLI_KEYS_ORDER_H
#define SEALIFT_CLI_KEYS_ORDER_H

#include "cli/connect.h"

enum keys_order_kind { KEYS_ORDER_ROTATE, KEYS_ORDER_REWRAP };

/* Asks the member at `address`, waits for the answer, and says it. Returns the exit code. */
int keys_order_run(enum keys_order_kind kind, struct connect *connect, const char *address,
                   bool json);

#endif
