/* Is this text from outside a JSON object that is safe to look into?
 *
 * Nesting is counted before jansson sees the text, since it parses by recursion; a name that comes
 * twice in an object is no object. Values live in the JSON arena in use. */
#ifndef SEALIFT_KEYS_JSON_TEXT_H
#define SEALIFT_KEYS_JSON_TEXT_H

#include "base/bytes.h"

#include <jansson.h>

enum { JSON_NESTING_MAX = 32 }; /* the deepest legal request has 3 levels, a policy 6 */

bool json_text_is_shallow(struct bytes text);

/* NULL where it is too deep, no JSON object, or more than the arena holds. */
json_t *json_text_object(struct bytes text);

#endif
