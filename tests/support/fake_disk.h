/* The disk of a fake world: what each WRITE does to its files. */
#ifndef SEALIFT_TESTS_SUPPORT_FAKE_DISK_H
#define SEALIFT_TESTS_SUPPORT_FAKE_DISK_H

#include "tests/support/fake_world.h"

void fake_file_set(struct fake_file *file, const void *data, size_t size);
void fake_file_put(struct fake_file *file, uint64_t offset, struct bytes data);
void fake_file_drop(struct fake_file *file);

/* Durable at once: it is asked when the WRITE is answered. */
void fake_apply_write(struct fake_world *world, const struct store_write *write);

#endif
