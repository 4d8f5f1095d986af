/* Memory for the world: it is there, or the process stops.
 *
 * What is allocated here is bounded by settings, so running out is a machine that is too small for
 * them; going on with half a link would hide that. */
#ifndef SEALIFT_TRANSPORT_ALLOCATE_H
#define SEALIFT_TRANSPORT_ALLOCATE_H

#include "base/check.h"

#include <stdlib.h>

/* Zeroed; free() gives it back. */
static inline void *allocate_zeroed(size_t size)
{
    void *memory = calloc(1, size);

    CHECK(memory != NULL);
    return memory;
}

static inline void *allocate_aligned(size_t align, size_t size)
{
    void *memory = aligned_alloc(align, (size + align - 1) / align * align);

    CHECK(memory != NULL);
    return memory;
}

#endif
