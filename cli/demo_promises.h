/* What the demo shows, one function a promise: true where it holds; says what it saw. */
#ifndef SEALIFT_CLI_DEMO_PROMISES_H
#define SEALIFT_CLI_DEMO_PROMISES_H

#include "cli/demo_load.h"
#include "cli/demo_world.h"

enum { DEMO_SAW_MAX = 256 };

struct demo_show {
    struct demo_world *world;
    struct demo_load *load;
    char saw[DEMO_SAW_MAX];
};

bool promise_region_cut_and_healed(struct demo_show *show);
bool promise_replica_killed_and_recovered(struct demo_show *show);
bool promise_other_setting_refused(struct demo_show *show);
bool promise_acknowledged_records_are_read(struct demo_show *show);
bool promise_own_key_alone_opens(struct demo_show *show);

/* With all members stopped. */
bool promise_same_bytes_everywhere(struct demo_show *show);
bool promise_verified_without_key(struct demo_show *show);
bool promise_verified_with_key(struct demo_show *show);
bool promise_no_plaintext_on_disk(struct demo_show *show);

#endif
