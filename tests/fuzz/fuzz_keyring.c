/* A keyring file from a disk that somebody else has written to. */
#include "base/check.h"
#include "cluster/keyring.h"
#include "tests/fuzz/fuzz.h"

static uint8_t stamped[KEYRING_BYTES_MAX], again[KEYRING_BYTES_MAX];
static struct keyring keyring;

static void try_file(struct bytes file)
{
    if (keyring_decode(&keyring, file) == OK) {
        CHECK(bytes_equal(keyring_encode(&keyring, again), file));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_file(bytes_of(data, size));
    if (size >= 20 && size <= sizeof stamped) {
        memcpy(stamped, data, size);
        fuzz_stamp(stamped, size, "SEALKEYS");
        try_file(bytes_of(stamped, size));
    }
    return 0;
}
