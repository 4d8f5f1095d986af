/* Which KMS key does somebody mean?
 *
 * A key's ARN says it by itself. An alias' ARN, REGION=alias/NAME or REGION=KEY-ID takes the key
 * service of its region, which is asked (DescribeKey) wherever it is given, also for the state. */
#ifndef SEALIFT_CLI_KEY_NAME_H
#define SEALIFT_CLI_KEY_NAME_H

#include "cli/key_calls.h"

/* The ARN; and the state where somebody was asked, else "". E_USAGE, or what the service or the way
 * to it says, with `why` of the description. */
NODISCARD enum status key_name_resolve(const char *name, const struct folder_keys_order *services,
                                       struct key_description *description);

#endif
