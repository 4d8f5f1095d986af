/* Seeds for the fuzz targets. */
#ifndef SEALIFT_TESTS_FUZZ_MAKE_SEEDS_H
#define SEALIFT_TESTS_FUZZ_MAKE_SEEDS_H

#include "base/bytes.h"

/* Into CORPUS/what/name. */
void seed_write(const char *what, const char *name, struct bytes seed);

void make_text_seeds(void);

#endif
