/* One fault of each kind; tidy_sources must find exactly these. */
#include "bad.h"
#include "base/good.h"
#include "cluster/keyring.h"
#include "proto/ship.pb-c.h"

/* TODO: unfinished */
/* FIXME: likewise */
static const char *const words = "default: and memcmp( in a literal are no fault";

void bad_default(int kind)
{
    switch (kind) {
    default: /* not allowed */
        break;
    }
    switch (kind) {
    default: /* foreign: an enum of another library */
        break;
    }
    bad_compare(memcmp(words, words, 1), my_memcmp(words));
}

void bad_function(void)
{
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
    bad_call();
}

static const char *const long_line = "                                                              ";
	int tab;
