/* Calls two things that no pure floor may: a clock and the heap. */
#include <stdlib.h>
#include <time.h>

void *impure_thing(void);

void *impure_thing(void)
{
    return malloc((size_t)time(NULL));
}
