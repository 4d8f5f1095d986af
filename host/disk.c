/* A queue of writes with one thread behind it, a queue of reads with two, and a queue of answers.
 *
 * The writer takes a group from the head of its queue: appends to one segment, as many as are
 * there; or a single other operation. It performs them, syncs once, and posts the answers in order.
 * The eventfd is written only when the queue of answers was empty: a loop that has not collected
 * yet needs no second waking. `busy` says who may use the store: the thread, or the loop inside
 * disk_kick.
 *
 * After the first failure everything is answered with it and the store is left alone, but for the
 * member's last words. */
#include "host/disk.h"

#include "base/check.h"
#include "base/ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE_FIRST_CAPACITY = 1024, GROUP_MAX = 512 };

struct write_task {
    uint64_t ticket;
    struct store_write write;
};

struct read_task {
    uint64_t ticket;
    struct store_read read;
};

struct disk {
    struct store_posix *store;
    int wake; /* eventfd of the loop */
    pthread_mutex_t mutex;
    pthread_cond_t to_write, to_read;
    pthread_t writer, readers[DISK_READERS];
    unsigned reader_count;
    bool writer_runs, stopping;
    bool kicked; /* the writer may take what is queued */
    bool busy; /* somebody uses the store for writing */
    enum status failed;
    struct ring write_ring, read_ring, answer_ring;
    struct write_task *writes;
    struct read_task *reads;
    struct disk_answer *answers;
    unsigned slow; /* kicks that still go to the thread */
    struct disk_counters counters;
};

struct group {
    unsigned count;
    struct write_task tasks[GROUP_MAX];
};

/* Doubles an array that is used as a ring; the members keep their order. */
static void *ring_grow(struct ring *ring, void *slots, size_t each)
{
    const uint64_t count = ring_count(ring);
    uint8_t *grown = calloc((size_t)ring->capacity * 2, each);

    CHECK(grown != NULL);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t from = (ring->head + i) % ring->capacity;

        memcpy(grown + i * each, (uint8_t *)slots + from * each, each);
    }
    free(slots);
    *ring = (struct ring){.head = 0, .tail = count, .capacity = ring->capacity * 2};
    return grown;
}

static void *ring_make(struct ring *ring, size_t each)
{
    void *slots = calloc(QUEUE_FIRST_CAPACITY, each);

    CHECK(slots != NULL);
    *ring = ring_of(QUEUE_FIRST_CAPACITY);
    return slots;
}

/* With the mutex held. */
static void post(struct disk *disk, const struct disk_answer *answer)
{
    const bool was_empty = ring_is_empty(&disk->answer_ring);

    if (ring_is_full(&disk->answer_ring)) {
        disk->answers = ring_grow(&disk->answer_ring, disk->answers, sizeof *disk->answers);
    }
    disk->answers[ring_push(&disk->answer_ring)] = *answer;
    if (was_empty) {
        const uint64_t one = 1;

        CHECK(write(disk->wake, &one, sizeof one) == (ssize_t)sizeof one);
    }
}

static bool joins(const struct write_task *first, const struct write_task *next)
{
    return first->write.op == STORE_APPEND && next->write.op == STORE_APPEND
           && first->write.segment == next->write.segment;
}

/* With the mutex held: moves the head of the queue into the group. */
static void take_group(struct disk *disk, struct group *group)
{
    uint64_t bytes = 0;

    group->count = 0;
    while (!ring_is_empty(&disk->write_ring) && group->count < GROUP_MAX) {
        const struct write_task *task =
            &disk->writes[ring_slot(&disk->write_ring, disk->write_ring.head)];

        bytes += task->write.data.size;
        if (group->count > 0 && (!joins(&group->tasks[0], task) || bytes > DISK_GROUP_BYTES)) {
            break;
        }
        group->tasks[group->count++] = *task;
        ring_pop(&disk->write_ring);
    }
}

/* Everything up to the failure is in doubt: it shares the sync that will not come. */
static enum status perform_group(struct disk *disk, struct group *group)
{
    enum status status = OK;

    for (unsigned i = 0; i < group->count && status == OK; i++) {
        status = store_put(disk->store, &group->tasks[i].write);
    }
    return status == OK ? store_settle(disk->store) : status;
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The control file, replaced whole: the old one stands until the new one is durable. */
static bool is_last_word(const struct group *group)
{
    const struct store_write *write = &group->tasks[0].write;

    return group->count == 1 && write->op == STORE_REPLACE && write->file == STORE_CONTROL;
}

/* With the mutex held, which is let go meanwhile. */
static void run_group(struct disk *disk, struct group *group)
{
    enum status status = disk->failed;

    disk->busy = true;
    if (status == OK || is_last_word(group)) {
        const uint64_t began = monotonic_ns();

        pthread_mutex_unlock(&disk->mutex);
        status = perform_group(disk, group);
        pthread_mutex_lock(&disk->mutex);
        if (disk->failed == OK && status != OK) {
            disk->failed = status;
            store_abandon(disk->store);
        }
        disk->counters.groups++;
        disk->counters.ns += monotonic_ns() - began;
    }
    disk->busy = false;
    for (unsigned i = 0; i < group->count; i++) {
        const struct disk_answer answer = {.ticket = group->tasks[i].ticket, .status = status};

        post(disk, &answer);
    }
}

static void *writer_main(void *argument)
{
    struct disk *disk = argument;
    struct group *group = malloc(sizeof *group);

    CHECK(group != NULL);
    pthread_mutex_lock(&disk->mutex);
    for (;;) {
        if (disk->kicked && !ring_is_empty(&disk->write_ring)) {
            take_group(disk, group);
            run_group(disk, group);
        } else if (disk->stopping) {
            break;
        } else {
            disk->kicked = false;
            pthread_cond_wait(&disk->to_write, &disk->mutex);
        }
    }
    pthread_mutex_unlock(&disk->mutex);
    free(group);
    return NULL;
}

static void *reader_main(void *argument)
{
    struct disk *disk = argument;

    pthread_mutex_lock(&disk->mutex);
    for (;;) {
        if (!ring_is_empty(&disk->read_ring)) {
            const struct read_task task = disk->reads[ring_pop(&disk->read_ring)];
            struct disk_answer answer = {.is_read = true, .ticket = task.ticket};

            pthread_mutex_unlock(&disk->mutex);
            answer.status = store_get(disk->store, &task.read, &answer.size);
            pthread_mutex_lock(&disk->mutex);
            post(disk, &answer);
        } else if (disk->stopping) {
            break;
        } else {
            pthread_cond_wait(&disk->to_read, &disk->mutex);
        }
    }
    pthread_mutex_unlock(&disk->mutex);
    return NULL;
}

static enum status start_threads(struct disk *disk)
{
    if (pthread_create(&disk->writer, NULL, writer_main, disk) != 0) {
        return E_IO;
    }
    disk->writer_runs = true;
    for (; disk->reader_count < DISK_READERS; disk->reader_count++) {
        if (pthread_create(&disk->readers[disk->reader_count], NULL, reader_main, disk) != 0) {
            return E_IO;
        }
    }
    return OK;
}

enum status disk_start(struct disk **into, struct store_posix *store)
{
    struct disk *disk = calloc(1, sizeof *disk);

    CHECK(disk != NULL);
    disk->store = store;
    disk->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&disk->mutex, NULL);
    pthread_cond_init(&disk->to_write, NULL);
    pthread_cond_init(&disk->to_read, NULL);
    disk->writes = ring_make(&disk->write_ring, sizeof *disk->writes);
    disk->reads = ring_make(&disk->read_ring, sizeof *disk->reads);
    disk->answers = ring_make(&disk->answer_ring, sizeof *disk->answers);

    const enum status status = disk->wake < 0 ? E_IO : start_threads(disk);

    if (status != OK) {
        disk_stop(disk);
        return status;
    }
    *into = disk;
    return OK;
}

void disk_stop(struct disk *disk)
{
    spares_hasten(&disk->store->spares); /* a write that waits for space waits no longer */
    pthread_mutex_lock(&disk->mutex);
    disk->stopping = true;
    disk->kicked = true;
    pthread_cond_broadcast(&disk->to_write);
    pthread_cond_broadcast(&disk->to_read);
    pthread_mutex_unlock(&disk->mutex);
    if (disk->writer_runs) {
        pthread_join(disk->writer, NULL);
    }
    for (unsigned i = 0; i < disk->reader_count; i++) {
        pthread_join(disk->readers[i], NULL);
    }
    pthread_cond_destroy(&disk->to_write);
    pthread_cond_destroy(&disk->to_read);
    pthread_mutex_destroy(&disk->mutex);
    if (disk->wake >= 0) {
        close(disk->wake);
    }
    free(disk->writes);
    free(disk->reads);
    free(disk->answers);
    free(disk);
}

int disk_fd(const struct disk *disk)
{
    return disk->wake;
}

void disk_write(struct disk *disk, uint64_t ticket, const struct store_write *write)
{
    pthread_mutex_lock(&disk->mutex);
    if (ring_is_full(&disk->write_ring)) {
        disk->writes = ring_grow(&disk->write_ring, disk->writes, sizeof *disk->writes);
    }
    disk->writes[ring_push(&disk->write_ring)] =
        (struct write_task){.ticket = ticket, .write = *write};
    pthread_mutex_unlock(&disk->mutex);
}

void disk_read(struct disk *disk, uint64_t ticket, const struct store_read *read)
{
    pthread_mutex_lock(&disk->mutex);
    if (ring_is_full(&disk->read_ring)) {
        disk->reads = ring_grow(&disk->read_ring, disk->reads, sizeof *disk->reads);
    }
    disk->reads[ring_push(&disk->read_ring)] = (struct read_task){.ticket = ticket, .read = *read};
    pthread_cond_signal(&disk->to_read);
    pthread_mutex_unlock(&disk->mutex);
}

/* All that is queued is one small group. */
static bool fits_inline(const struct disk *disk)
{
    const struct ring *ring = &disk->write_ring;
    const struct write_task *first = &disk->writes[ring_slot(ring, ring->head)];
    uint64_t bytes = 0;

    if (first->write.op == STORE_DELETE) {
        return false; /* a large file takes its time to go */
    }
    for (uint64_t i = ring->head; i < ring->tail; i++) {
        const struct write_task *task = &disk->writes[ring_slot(ring, i)];

        bytes += task->write.data.size;
        if (!joins(first, task) || bytes > DISK_INLINE_BYTES) {
            return false;
        }
    }
    return true;
}

static void run_inline(struct disk *disk)
{
    struct group group; /* 512 tasks of some 100 bytes: it fits on the loop's stack */
    const uint64_t began = monotonic_ns();

    take_group(disk, &group);
    run_group(disk, &group);
    if (monotonic_ns() - began > DISK_SLOW_NS) {
        disk->slow = DISK_SLOW_PAUSE;
    }
}

void disk_kick(struct disk *disk)
{
    pthread_mutex_lock(&disk->mutex);
    if (!ring_is_empty(&disk->write_ring)) {
        if (!disk->busy && !disk->kicked && disk->slow == 0 && fits_inline(disk)) {
            run_inline(disk);
        } else {
            disk->slow -= disk->slow > 0;
            disk->kicked = true;
            pthread_cond_signal(&disk->to_write);
        }
    }
    pthread_mutex_unlock(&disk->mutex);
}

bool disk_wants_kick(struct disk *disk)
{
    pthread_mutex_lock(&disk->mutex);

    const bool wants = !ring_is_empty(&disk->write_ring) && !disk->kicked;

    pthread_mutex_unlock(&disk->mutex);
    return wants;
}

bool disk_next(struct disk *disk, struct disk_answer *answer)
{
    uint64_t count;

    pthread_mutex_lock(&disk->mutex);

    const bool found = !ring_is_empty(&disk->answer_ring);

    if (found) {
        *answer = disk->answers[ring_pop(&disk->answer_ring)];
    }
    if (ring_is_empty(&disk->answer_ring)) {
        /* EAGAIN where it was read before: the queue decides, not the counter. */
        CHECK(read(disk->wake, &count, sizeof count) == (ssize_t)sizeof count || errno == EAGAIN);
    }
    pthread_mutex_unlock(&disk->mutex);
    return found;
}

struct disk_counters disk_counters(struct disk *disk)
{
    pthread_mutex_lock(&disk->mutex);

    const struct disk_counters counters = disk->counters;

    pthread_mutex_unlock(&disk->mutex);
    return counters;
}
