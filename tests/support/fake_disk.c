/* Files in memory. A write that no node may ask for is a CHECK. */
#include "tests/support/fake_disk.h"

#include "base/check.h"

#include <stdlib.h>

void fake_file_set(struct fake_file *file, const void *data, size_t size)
{
    free(file->data);
    file->data = malloc(size + 1);
    CHECK(file->data != NULL);
    memcpy(file->data, data, size);
    file->size = size;
    file->exists = true;
}

void fake_file_put(struct fake_file *file, uint64_t offset, struct bytes data)
{
    const size_t end = offset + data.size;

    if (end > file->size) {
        file->data = realloc(file->data, end);
        CHECK(file->data != NULL);
        memset(file->data + file->size, 0, end - file->size);
        file->size = end;
    }
    memcpy(file->data + offset, data.data, data.size);
}

void fake_file_drop(struct fake_file *file)
{
    free(file->data);
    *file = (struct fake_file){0};
}

void fake_apply_write(struct fake_world *world, const struct store_write *write)
{
    struct fake_file *segment = &world->segments[write->segment];

    switch (write->op) {
    case STORE_REPLACE:
        fake_file_set(&world->files[write->file], write->data.data, write->data.size);
        return;
    case STORE_CREATE:
        CHECK(write->segment < FAKE_SEGMENTS_MAX && !segment->exists);
        fake_file_set(segment, write->data.data, write->data.size);
        return;
    case STORE_APPEND:
        CHECK(segment->exists && write->offset <= segment->size);
        fake_file_put(segment, write->offset, write->data);
        return;
    case STORE_SYNC:
        CHECK(segment->exists);
        world->synced++;
        return;
    case STORE_QUARANTINE_PART:
        CHECK(segment->exists && write->offset + write->size <= segment->size);
        world->quarantined++;
        return;
    case STORE_QUARANTINE_SEGMENT:
        if (segment->exists) {
            fake_file_drop(segment);
            world->quarantined++;
        }
        return;
    case STORE_DELETE:
        if (segment->exists) {
            fake_file_drop(segment);
        }
        return;
    case STORE_REPAIR_PART:
        if (write->offset == 0) {
            fake_file_drop(&world->repair);
            world->repair.exists = true;
            world->repair_segment = write->segment;
        }
        CHECK(world->repair_segment == write->segment && write->offset == world->repair.size);
        fake_file_put(&world->repair, write->offset, write->data);
        return;
    case STORE_REPAIR_DONE:
        CHECK(world->repair.exists && world->repair_segment == write->segment);
        fake_file_set(segment, world->repair.data, world->repair.size);
        fake_file_drop(&world->repair);
        world->repaired++;
        return;
    case STORE_OPS:
        break;
    }
    UNREACHABLE();
}
