/* Each small file has a count of the changes that were wanted, and one WRITE under way at most.
 * When that is answered and more was wanted meanwhile, the file is encoded and written again: so
 * a burst of changes costs two writes, and the newest state always gets there.
 *
 * How it goes wrong: not here. A failed WRITE halts the member (member.c). Where the queue of
 * writes has no room, the change waits for the next pump. */
#include "member/saves.h"

#include "base/check.h"
#include "member/member.h"

size_t saves_bytes(void)
{
    return arena_need(CONTROL_BYTES, 1) + arena_need(KEYRING_BYTES_MAX, 1);
}

void saves_init(struct saves *saves, struct arena *arena)
{
    *saves = (struct saves){.control = {.buffer = arena_take(arena, CONTROL_BYTES, 1)},
                            .keyring = {.buffer = arena_take(arena, KEYRING_BYTES_MAX, 1)}};
}

static bool begin(struct member *member, struct saves_file *file)
{
    if (file->under_way || file->written == file->wanted || writes_room(&member->writes) == 0) {
        return false;
    }
    file->under_way = true;
    file->written = file->wanted;
    return true;
}

static void write_file(struct member *member, enum write_kind kind, uint64_t value,
                       enum store_file file, struct bytes data, struct effects *fx)
{
    writes_ask(
        &member->writes, fx, kind, value,
        &(struct store_write){.op = STORE_REPLACE, .file = file, .size = data.size, .data = data});
}

void saves_pump(struct member *member, struct effects *fx)
{
    struct saves *saves = &member->saves;

    if (begin(member, &saves->keyring)) {
        write_file(member, WRITE_KEYRING, 0, STORE_KEYRING,
                   keyring_encode(member->keyring, saves->keyring.buffer), fx);
    }
    if (begin(member, &saves->control)) {
        member->control.generation++;
        pins_store(member);
        write_file(member, WRITE_CONTROL, member->control.generation, STORE_CONTROL,
                   control_encode(&member->control, saves->control.buffer), fx);
    }
    if (begin(member, &saves->descriptor)) {
        /* It never changes, so its own bytes may be written from. */
        write_file(member, WRITE_DESCRIPTOR, 0, STORE_DESCRIPTOR,
                   bytes_of(member->descriptor_bytes, member->descriptor_size), fx);
    }
}

void saves_control(struct member *member, struct effects *fx)
{
    member->saves.control.wanted++;
    saves_pump(member, fx);
}

void saves_keyring(struct member *member, struct effects *fx)
{
    member->saves.keyring.wanted++;
    saves_pump(member, fx);
}

void saves_descriptor(struct member *member, struct effects *fx)
{
    CHECK(member->known && member->saves.descriptor.wanted == 0);

    member->saves.descriptor.wanted++;
    saves_pump(member, fx);
}

static void on_written(struct saves_file *file)
{
    CHECK(file->under_way);
    file->under_way = false;
    file->durable = file->written;
}

void saves_on_written(struct member *member, enum write_kind kind, struct effects *fx)
{
    switch (kind) {
    case WRITE_CONTROL:
        on_written(&member->saves.control);
        break;
    case WRITE_KEYRING:
        on_written(&member->saves.keyring);
        break;
    case WRITE_DESCRIPTOR:
        on_written(&member->saves.descriptor);
        break;
    case WRITE_BATCH:
    case WRITE_SEGMENT:
    case WRITE_SYNC:
    case WRITE_ASIDE:
    case WRITE_DELETE:
    case WRITE_REPAIR_PART:
    case WRITE_REPAIR_DONE:
        UNREACHABLE();
    }
    saves_pump(member, fx);
}

bool saves_are_durable(const struct saves *saves)
{
    return saves->control.durable == saves->control.wanted
           && saves->keyring.durable == saves->keyring.wanted
           && saves->descriptor.durable == saves->descriptor.wanted;
}
