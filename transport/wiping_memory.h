/* malloc and its kin, where what is given back was wiped before.
 *
 * For a library that copies our requests, which may hold a data key, into buffers of its own. A
 * little slower than malloc; its pieces are for nobody else's free(). */
#ifndef SEALIFT_TRANSPORT_WIPING_MEMORY_H
#define SEALIFT_TRANSPORT_WIPING_MEMORY_H

#include <stddef.h>

/* As those of the C library, NULL where there is no memory. */
void *wiping_malloc(size_t size);
void *wiping_calloc(size_t count, size_t size);
void *wiping_realloc(void *memory, size_t size);
char *wiping_strdup(const char *text);
void wiping_free(void *memory);

#endif
