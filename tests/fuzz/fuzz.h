/* What every fuzz target has in common.
 *
 * A target decodes what it is given. What decodes must encode, and decode again to the same; more
 * than that is for unit tests. Files with a checksum are tried as they are and with the checksum
 * made right, so that the fuzzer gets past it. */
#ifndef SEALIFT_TESTS_FUZZ_FUZZ_H
#define SEALIFT_TESTS_FUZZ_FUZZ_H

#include "seal/crc32c.h"

#include <sanitizer/asan_interface.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Puts magic, version 1, size and CRC of cluster/stamp.h in place. `size` is at least 20. */
static inline void fuzz_stamp(uint8_t *file, size_t size, const char *magic)
{
    memcpy(file, magic, 8);
    memcpy(file + 8, "\1\0\0\0", 4);
    for (unsigned i = 0; i < 4; i++) {
        file[12 + i] = (uint8_t)(size >> (8 * i));
    }

    const uint32_t sum = crc32c(0, bytes_of(file, size - 4));

    for (unsigned i = 0; i < 4; i++) {
        file[size - 4 + i] = (uint8_t)(sum >> (8 * i));
    }
}

/* What lies between `size` and `room` must not be touched. */
static inline void fuzz_forbid(void *memory, size_t size, size_t room)
{
    __asan_unpoison_memory_region(memory, size);
    __asan_poison_memory_region((uint8_t *)memory + size, room - size);
}

#endif
