/* A descriptor file from a disk that somebody else has written to. */
#include "base/check.h"
#include "cluster/descriptor.h"
#include "tests/fuzz/fuzz.h"

static uint8_t stamped[DESCRIPTOR_BYTES_MAX], again[DESCRIPTOR_BYTES_MAX];
static struct descriptor descriptor;

static void try_file(struct bytes file)
{
    if (descriptor_decode(&descriptor, file) == OK) {
        CHECK(bytes_equal(descriptor_encode(&descriptor, again), file));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_file(bytes_of(data, size));
    if (size >= 20 && size <= sizeof stamped) {
        memcpy(stamped, data, size);
        fuzz_stamp(stamped, size, "SEALDESC");
        try_file(bytes_of(stamped, size));
    }
    return 0;
}
