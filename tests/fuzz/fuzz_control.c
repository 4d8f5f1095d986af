/* A control file from a disk that somebody else has written to. The input is the used front of one
 * copy; the rest of it is zeros. */
#include "base/check.h"
#include "cluster/control.h"
#include "tests/fuzz/fuzz.h"

static uint8_t stamped[CONTROL_COPY_BYTES], again[CONTROL_BYTES];
static struct control control;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes copy = bytes_of(stamped, sizeof stamped);
    unsigned good;

    (void)!control_decode(&control, bytes_of(data, size), &good);
    memset(stamped, 0, sizeof stamped);
    memcpy(stamped, data, size < sizeof stamped ? size : sizeof stamped);
    fuzz_stamp(stamped, sizeof stamped, "SEALCTRL");
    if (control_decode(&control, copy, &good) == OK) {
        CHECK(good == 1);
        control_encode(&control, again);
        CHECK(bytes_equal(bytes_of(again, sizeof stamped), copy));
    }
    return 0;
}
