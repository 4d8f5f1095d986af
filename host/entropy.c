/* A salt or a key that is not random must not exist: there is no way to go on without. */
#include "host/entropy.h"

#include "base/check.h"

#include <limits.h>
#include <openssl/rand.h>

static void fill(void *context, void *into, size_t size)
{
    (void)context;
    CHECK(size <= INT_MAX);
    CHECK(RAND_bytes(into, (int)size) == 1);
}

struct entropy host_entropy(void)
{
    return (struct entropy){.fill = fill};
}
