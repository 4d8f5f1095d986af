/* What the crash harness appends with, and reads with; both through libsealift.
 *
 *   crash_client append ADDRESS[,ADDRESS...] CA CERT KEY NAME LEVEL LEDGER RATE BYTES
 *   crash_client read   ADDRESS CA CERT KEY FROM_LSN
 *
 * `append` goes on until SIGTERM. Record number n of client NAME is "NAME n " and letters that
 * follow from both. Whatever is acknowledged is a line in LEDGER (outside the cluster) as soon as
 * the callback says so: "NAME n LSN SHA256". It never gives up a record, and never sends one anew
 * under another number: what the library says is taken at its word. So is E_DISK_FULL: nothing was
 * appended, and the same record is appended again, until there is space. `read` prints one such
 * line for each record from FROM_LSN to the end. */
#include "client/sealift.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IN_FLIGHT_MAX = 64, HEX_BYTES = 2 * SHA256_DIGEST_LENGTH + 1, RECORD_BYTES_MAX = 1 << 20 };

#define AGAIN_SECONDS 0.1
#define DRAIN_SECONDS 240

struct client;

enum entry_state { ENTRY_FREE, ENTRY_SENT, ENTRY_REFUSED };

struct entry {
    struct client *client;
    enum entry_state state;
    uint64_t number;
    char digest[HEX_BYTES];
};

struct client {
    struct sealift *sealift;
    const char *name, *level;
    FILE *ledger;
    uint64_t next;
    size_t bytes_max;
    bool failed;
    unsigned refused; /* entries that wait to be sent again */
    double again_at;
    struct entry entries[IN_FLIGHT_MAX]; /* by number modulo their count */
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static void digest_of(const void *data, size_t size, char hex[HEX_BYTES])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    SHA256(data, size, digest);
    for (unsigned i = 0; i < sizeof digest; i++) {
        snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
    }
}

/* xorshift64*: all that is asked of it is that it is the same the next time. */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

static size_t make_record(const struct client *client, uint64_t number, char *record)
{
    uint64_t state = number * 0x9e3779b97f4a7c15u + 1;

    for (const char *at = client->name; *at != '\0'; at++) {
        state = state * 31 + (uint8_t)*at;
    }
    state |= 1;

    const int head = snprintf(record, 128, "%s %" PRIu64 " ", client->name, number);
    const size_t size = (size_t)head + draw(&state) % client->bytes_max;

    for (size_t i = (size_t)head; i < size; i++) {
        record[i] = (char)('a' + draw(&state) % 26);
    }
    return size;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void on_appended(void *context, const struct sealift_appended *appended)
{
    struct entry *entry = context;
    struct client *client = entry->client;

    if (appended->status == SEALIFT_REFUSED && strcmp(appended->name, "E_DISK_FULL") == 0) {
        entry->state = ENTRY_REFUSED;
        client->refused++;
        client->again_at = seconds() + AGAIN_SECONDS;
        return;
    }
    entry->state = ENTRY_FREE;
    if (appended->status != SEALIFT_OK) {
        fprintf(stderr, "%s %" PRIu64 ": %s: %s\n", client->name, entry->number, appended->name,
                appended->text);
        client->failed = true;
        return;
    }
    fprintf(client->ledger, "%s %" PRIu64 " %" PRIu64 " %s\n", client->name, entry->number,
            appended->lsn, entry->digest);
    fflush(client->ledger);
}

static bool append_entry(struct client *client, struct entry *entry, uint64_t number)
{
    static char record[RECORD_BYTES_MAX];
    const size_t size = make_record(client, number, record);
    const struct sealift_record order = {.data = record,
                                         .size = size,
                                         .durability = client->level,
                                         .done = on_appended,
                                         .context = entry};

    entry->client = client;
    entry->number = number;
    digest_of(record, size, entry->digest);
    if (sealift_append(client->sealift, &order) != SEALIFT_OK) {
        return false;
    }
    entry->state = ENTRY_SENT;
    return true;
}

/* What a full disk has refused, once more. */
static void append_again(struct client *client)
{
    for (unsigned i = 0; client->refused > 0 && i < IN_FLIGHT_MAX; i++) {
        struct entry *entry = &client->entries[i];

        if (entry->state == ENTRY_REFUSED && append_entry(client, entry, entry->number)) {
            client->refused--;
        }
    }
    sealift_flush(client->sealift);
}

/* Until nothing waits for an answer, and nothing waits to be sent again. */
static bool drain(struct client *client)
{
    const double end = seconds() + DRAIN_SECONDS;

    while (!client->failed && seconds() < end) {
        if (client->refused == 0 && sealift_in_flight(client->sealift) == 0) {
            return true;
        }
        if (client->refused > 0 && seconds() >= client->again_at) {
            append_again(client);
        }
        if (sealift_poll(client->sealift, 20) == SEALIFT_UNREACHABLE) {
            client->failed = true;
        }
    }
    return false;
}

static int append(struct client *client, double rate)
{
    const double began = seconds();

    client->next = 1;
    while (!stopped && !client->failed) {
        struct entry *entry = &client->entries[client->next % IN_FLIGHT_MAX];
        const bool room = entry->state == ENTRY_FREE;

        if (client->refused > 0 && seconds() >= client->again_at) {
            append_again(client);
        } else if (room && (double)client->next < (seconds() - began) * rate
                   && append_entry(client, entry, client->next)) {
            client->next++;
            sealift_flush(client->sealift);
        }
        if (sealift_poll(client->sealift, room ? 2 : 20) == SEALIFT_UNREACHABLE) {
            client->failed = true;
        }
    }
    const bool drained = drain(client);

    if (!drained) {
        fprintf(stderr, "%s: %s\n", client->name, sealift_why(client->sealift));
    }
    printf("%s %" PRIu64 "\n", client->name, client->next - 1);
    return drained ? 0 : 1;
}

static bool on_record(void *context, uint64_t lsn, const void *data, size_t size)
{
    char digest[HEX_BYTES];
    char name[32];
    uint64_t number;
    char head[128];

    (void)context;
    digest_of(data, size, digest);
    snprintf(head, sizeof head, "%.*s", size < 64 ? (int)size : 64, (const char *)data);
    if (sscanf(head, "%31s %" SCNu64 " ", name, &number) != 2) {
        snprintf(name, sizeof name, "stranger");
        number = lsn;
    }
    printf("%s %" PRIu64 " %" PRIu64 " %s\n", name, number, lsn, digest);
    return true;
}

static int read_all(struct sealift *sealift, uint64_t from)
{
    const struct sealift_reading reading = {.from_lsn = from, .record = on_record};
    const bool done = sealift_read(sealift, &reading) == SEALIFT_OK;

    if (!done) {
        fprintf(stderr, "%s\n", sealift_why(sealift));
    }
    return done && fflush(stdout) == 0 ? 0 : 1;
}

static int append_as(struct sealift *sealift, char **argv)
{
    static struct client client;
    const int bytes = atoi(argv[10]);

    client = (struct client){.sealift = sealift,
                             .name = argv[6],
                             .level = argv[7],
                             .ledger = fopen(argv[8], "a"),
                             .bytes_max = bytes > 0 ? (size_t)bytes : 1};
    if (client.ledger == NULL || client.bytes_max + 128 > RECORD_BYTES_MAX) {
        fprintf(stderr, "%s: cannot be opened, or records are too large\n", argv[8]);
        return 2;
    }
    return append(&client, atof(argv[9]));
}

int main(int argc, char **argv)
{
    const bool appends = argc == 11 && strcmp(argv[1], "append") == 0;
    const bool reads = argc == 7 && strcmp(argv[1], "read") == 0;
    char text[SEALIFT_TEXT_MAX];

    if (!appends && !reads) {
        fprintf(stderr, "usage: the head of tests/crash/crash_client.c\n");
        return 2;
    }
    struct sealift_options options = {
        .ca = argv[3], .certificate = argv[4], .key = argv[5], .give_up_ms = 300000};
    unsigned addresses = 0;

    for (char *at = strtok(argv[2], ","); at != NULL && addresses < SEALIFT_ADDRESSES_MAX;
         at = strtok(NULL, ",")) {
        options.addresses[addresses++] = at;
    }
    struct sealift *sealift = sealift_open(&options, text);

    if (sealift == NULL) {
        fprintf(stderr, "%s\n", text);
        return 1;
    }
    signal(SIGTERM, on_signal);
    signal(SIGPIPE, SIG_IGN);

    const int code =
        appends ? append_as(sealift, argv) : read_all(sealift, strtoull(argv[6], NULL, 10));

    sealift_close(sealift);
    return code;
}
