/* The one thing that client, server and SigV4 all do to headers: find one. */
#include "transport/http.h"

#include <strings.h>

const char *http_header_find(const struct http_header *headers, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcasecmp(headers[i].name, name) == 0) {
            return headers[i].value;
        }
    }
    return NULL;
}
