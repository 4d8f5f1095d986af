/* What the files of a data folder say, as JSON objects. Each fills `object` as far as it comes and
 * returns what the decoder said. */
#ifndef SEALIFT_CLI_INSPECT_H
#define SEALIFT_CLI_INSPECT_H

#include "base/bytes.h"
#include "base/status.h"

#include <jansson.h>

NODISCARD enum status inspect_descriptor(json_t *object, struct bytes file);
NODISCARD enum status inspect_keyring(json_t *object, struct bytes file);
NODISCARD enum status inspect_control(json_t *object, struct bytes file);

/* Header, then every batch header up to the first that does not belong here. */
NODISCARD enum status inspect_segment(json_t *object, int fd);

/* For people: a line a field, and a line for each object in a list. */
void inspect_print(const json_t *object);

#endif
