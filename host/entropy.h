/* Unpredictable bytes from the kernel, through libcrypto; a machine that has none stops the
 * process. */
#ifndef SEALIFT_HOST_ENTROPY_H
#define SEALIFT_HOST_ENTROPY_H

#include "base/entropy.h"

struct entropy host_entropy(void);

#endif
