/* The disk thread takes what is queued, up to a few operations of one segment, writes it into the
 * cache, syncs, and answers in order. A crash finds it somewhere in the middle of one group:
 * nothing behind that group has been touched, and everything before it is safe. */
#include "sim/sim_store.h"

#include "base/check.h"
#include "seal/crc32c.h"
#include "sim/sim.h"
#include "sim/sim_space.h"
#include "sim/sim_store_files.h"

#include <stdlib.h>

enum { GROUP_MAX = 8 };

void sim_store_init(struct sim_store *store, unsigned member, uint64_t seed)
{
    *store = (struct sim_store){.member = member, .latency_ns = SPAN_US(200).ns};
    prng_seed(&store->dice, seed);
    store->ops = calloc(SIM_OPS_MAX, sizeof *store->ops);
    CHECK(store->ops != NULL);
}

void sim_store_drop(struct sim_store *store)
{
    for (unsigned i = 0; i < store->file_count; i++) {
        free(store->files[i]->cache);
        free(store->files[i]->disk);
        free(store->files[i]->sectors);
        free(store->files[i]);
    }
    for (unsigned i = 0; i < STORE_FILES; i++) {
        free(store->smalls[i].cache);
        free(store->smalls[i].disk);
    }
    free(store->files);
    free(store->ops);
}

static struct sim_op *op_at(const struct sim_store *store, uint64_t place)
{
    return &store->ops[place % SIM_OPS_MAX];
}

/* A group is one read, one change of names, or several batches and syncs of one segment. */
static uint64_t group_of(struct sim_store *store)
{
    const struct sim_op *first = op_at(store, store->head);
    uint64_t count = 1;

    if (first->is_read || first->write.op != STORE_APPEND) {
        return 1;
    }
    while (store->head + count < store->tail && count < GROUP_MAX) {
        const struct sim_op *next = op_at(store, store->head + count);

        if (next->is_read || next->write.op != STORE_APPEND
            || next->write.segment != first->write.segment) {
            break;
        }
        count++;
    }
    return count;
}

static void run_group_done(struct sim *sim, const struct todo *todo);

static void begin_group(struct sim *sim, struct sim_store *store)
{
    if (store->group > 0 || store->head == store->tail) {
        return;
    }
    uint64_t wait = store->latency_ns / 2 + prng_below(&store->dice, store->latency_ns + 1);

    store->group = group_of(store);
    if (store->slow_until_ns > sim->now) {
        wait += prng_below(&store->dice,
                           prng_chance(&store->dice, 1, 16) ? SPAN_S(10).ns : SPAN_S(2).ns);
    }
    sim_after(sim, wait,
              (struct todo){run_group_done, store->member, sim->members[store->member].life, 0});
}

static enum status answer_read(struct sim *sim, struct sim_store *store,
                               const struct store_read *read, uint64_t *size)
{
    const struct sim_file *file = sim_store_file(store, read->segment);

    *size = 0;
    if (store->broken) {
        return E_IO;
    }
    if (store->fail_read != OK) {
        const enum status failed = store->fail_read;

        store->fail_read = OK;
        store->read_failures++;
        sim_count(sim, FAULT_READ);
        return failed;
    }
    if (file == NULL) {
        return E_MISSING;
    }
    *size = sim_file_read(file, read);
    return OK;
}

static void finish_read(struct sim *sim, struct sim_member *member, struct sim_op op)
{
    struct event event = {.kind = EVENT_READ, .read = {.ticket = op.ticket}};

    event.read.status = answer_read(sim, &member->store, &op.read, &event.read.size);
    sim_step(sim, member, &event);
}

static bool op_is_unchanged(struct sim *sim, const struct sim_op *op)
{
    if (op->crc == crc32c(0, op->write.data)) {
        return true;
    }
    sim_fail(sim, 0, "the bytes of a WRITE (%s, segment %llu) changed before they were WRITTEN",
             store_op_name(op->write.op), (unsigned long long)op->write.segment);
    return false;
}

static enum status perform(struct sim *sim, struct sim_store *store, const struct sim_op *op)
{
    if (!op_is_unchanged(sim, op)) {
        return E_IO;
    }
    if (store->misdirects && op->write.op == STORE_APPEND) {
        store->misdirects = false;
        if (sim_files_misdirect(store, &op->write)) {
            sim_count(sim, FAULT_MISDIRECTED);
            return OK; /* so says the disk */
        }
    }
    return sim_files_write(store, &op->write);
}

static void finish_write(struct sim *sim, struct sim_member *member, const struct sim_op *op,
                         enum status status)
{
    struct event event = {.kind = EVENT_WRITTEN, .written = {op->ticket, status}};

    sim_step(sim, member, &event);
}

/* The whole group fails: what got there, got there; nobody will ever know. */
static enum status fail_group(struct sim *sim, struct sim_store *store)
{
    const enum status failed = store->broken ? E_IO : store->fail_next;

    if (!store->broken) {
        sim_count(sim, failed == E_DISK_FULL ? FAULT_FULL : FAULT_IO);
        store->io_failures++;
    }
    store->fail_next = OK;
    store->failed = true;
    store->broken = failed != E_IO || prng_chance(&store->dice, 1, 2); /* or only this once */
    if (failed != E_DISK_FULL) {
        for (uint64_t i = 0; i < store->group; i++) {
            sim_files_write_partly(store, &op_at(store, store->head + i)->write);
        }
    }
    sim_files_lose_dirty(store);
    return failed;
}

/* As a host's disk thread does it (host/disk.h): after a failure only control is replaced. */
static bool is_refused(const struct sim_store *store, const struct sim_op *op)
{
    return store->failed && (op->write.op != STORE_REPLACE || op->write.file != STORE_CONTROL);
}

static void tell_durable(struct sim *sim, struct sim_member *member, const struct sim_op *done,
                         const enum status *status, uint64_t count)
{
    for (uint64_t i = 0; i < count && sim->watch.on_durable != NULL; i++) {
        if (status[i] == OK) {
            sim->watch.on_durable(sim->watch.context, member, &done[i].write);
        }
    }
}

static void run_group_done(struct sim *sim, const struct todo *todo)
{
    struct sim_member *member = &sim->members[todo->a];
    struct sim_store *store = &member->store;
    struct sim_op done[GROUP_MAX] = {0};
    enum status status[GROUP_MAX] = {OK};
    const uint64_t count = store->group;

    if (member->life != todo->b || member->state != SIM_UP || sim_is_paused(sim, member, todo)) {
        return;
    }
    const bool is_read = op_at(store, store->head)->is_read;
    store->groups += !is_read;
    const bool breaks = !is_read && (store->broken || store->fail_next != OK);
    const bool fails = breaks || (!is_read && is_refused(store, op_at(store, store->head)));
    const enum status failed = breaks ? fail_group(sim, store) : fails ? E_IO : OK;

    for (uint64_t i = 0; i < count; i++) {
        done[i] = *op_at(store, store->head + i);
        status[i] = is_read || fails ? failed : perform(sim, store, &done[i]);
    }
    if (!is_read && !fails) {
        sim_files_sync(store, &done[0].write);
        tell_durable(sim, member, done, status, count);
    }
    store->head += count;
    store->group = 0;
    for (uint64_t i = 0; i < count && member->state == SIM_UP && member->life == todo->b; i++) {
        if (is_read) {
            finish_read(sim, member, done[i]);
        } else {
            finish_write(sim, member, &done[i], status[i]);
        }
    }
    if (member->state == SIM_UP && member->life == todo->b) {
        sim_space_tell(sim, member);
        begin_group(sim, store);
    }
}

static struct sim_op *next_op(struct sim *sim, struct sim_store *store)
{
    if (store->tail - store->head == SIM_OPS_MAX) {
        sim_fail(sim, 36, "%s has %u disk operations under way", sim->members[store->member].name,
                 SIM_OPS_MAX);
        store->head++;
    }
    if (store->tail - store->head >= store->longest_queue) {
        store->longest_queue = store->tail - store->head + 1;
    }
    return op_at(store, store->tail++);
}

uint32_t sim_store_write(struct sim *sim, struct sim_store *store, const struct effect_write *write)
{
    const uint32_t crc = crc32c(0, write->write.data);

    *next_op(sim, store) =
        (struct sim_op){.ticket = write->ticket, .write = write->write, .crc = crc};
    begin_group(sim, store);
    return crc;
}

void sim_store_read(struct sim *sim, struct sim_store *store, const struct effect_read *read)
{
    memset(read->read.into, 0xa5, read->read.size);
    *next_op(sim, store) =
        (struct sim_op){.is_read = true, .ticket = read->ticket, .read = read->read};
    begin_group(sim, store);
}

uint64_t sim_store_asked_end(const struct sim_store *store, segment_t segment)
{
    const struct sim_file *file = sim_store_file(store, segment);
    uint64_t end = file == NULL ? 0 : file->written;

    for (uint64_t i = store->head; i < store->tail; i++) {
        const struct sim_op *op = op_at(store, i);
        const bool adds = op->write.op == STORE_CREATE || op->write.op == STORE_APPEND;

        if (!op->is_read && adds && op->write.segment == segment
            && op->write.offset + op->write.data.size > end) {
            end = op->write.offset + op->write.data.size;
        }
    }
    return end;
}

void sim_store_crash(struct sim_store *store, enum sim_crash crash)
{
    /* a crash may come before the disk thread has begun, and somewhere in the middle */
    const uint64_t begun = store->failed ? store->tail - store->head : store->group;

    for (uint64_t i = 0; i < begun && prng_chance(&store->dice, 7, 8); i++) {
        const struct sim_op *op = op_at(store, store->head + i);

        if (!op->is_read && !store->broken && !is_refused(store, op)) {
            sim_files_write_partly(store, &op->write);
        }
    }
    store->head = store->tail = store->group = 0;
    store->broken = store->failed = false;
    store->repair = NULL; /* a start removes it */
    store->fail_next = store->fail_read = OK;
    store->misdirects = false;
    if (crash == SIM_POWER) {
        sim_files_power_cut(store);
    }
}
