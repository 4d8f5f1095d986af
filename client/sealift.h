/* libsealift: append to a Sealift WAL, and read it.
 *
 * Sharp edges first:
 *   - One handle belongs to one thread at a time. Nothing happens between calls: callbacks run
 *     inside sealift_poll, sealift_drain and sealift_read, and may call sealift_append.
 *   - An append is done when its callback says so, not when sealift_append returns.
 *   - SEALIFT_UNKNOWN is neither yes nor no: the record may be there. Only a handle that gave up
 *     for good says it. Until then a lost link is dialed again, and whatever was not answered is
 *     sent again with its producer and sequence, so that it lands once.
 *   - A member that owes an answer and has been silent for 15 s, asked in vain after 5 s, counts as
 *     a lost link: the next address is dialed.
 *   - Memory is bounded by in_flight_bytes and the records that are larger than batch_bytes.
 *
 * A record is 1 byte to 8 MiB. Its LSN is dense and starts at 1. Durability: "local", "quorum:K",
 * "region:N"; a level that cannot be met waits, or is refused where it never can be. Links are
 * TLS 1.3 with a certificate of the deployment on both sides; on a UNIX socket the peer's uid
 * decides. */
#ifndef SEALIFT_CLIENT_SEALIFT_H
#define SEALIFT_CLIENT_SEALIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEALIFT_API __attribute__((visibility("default")))

enum {
    SEALIFT_TEXT_MAX = 512,
    SEALIFT_ADDRESSES_MAX = 8,
    SEALIFT_RECORD_BYTES_MAX = 8 << 20,
};

enum sealift_status {
    SEALIFT_OK,
    SEALIFT_FULL, /* too much in flight: poll, then try again */
    SEALIFT_TIMEOUT, /* nothing more happened in the given time */
    SEALIFT_REFUSED, /* the member said no; name and text say why */
    SEALIFT_UNKNOWN, /* given up without an answer: it may or may not have happened */
    SEALIFT_UNREACHABLE, /* no member could be reached, or none would talk to us */
    SEALIFT_USAGE, /* the call itself is wrong */
};

struct sealift; /* a handle */

struct sealift_options {
    const char *addresses[SEALIFT_ADDRESSES_MAX]; /* HOST:PORT or unix:PATH, tried in turn */
    const char *ca, *certificate, *key; /* PEM files; not needed for unix: */
    const char *crl; /* NULL, or the CA's list of revoked certificates: read once, when opened */
    uint32_t batch_bytes; /* records travel in messages of up to this; 0: 65,536 */
    uint64_t in_flight_bytes; /* appended and not answered; 0: 16 MiB */
    uint32_t give_up_ms; /* without any link for so long: give up; 0: 30,000 */
};

/* Does not wait for the link: the first poll does. NULL where the options or the files are wrong;
 * `text` (SEALIFT_TEXT_MAX) then says what and what to do. */
SEALIFT_API struct sealift *sealift_open(const struct sealift_options *options, char *text);

/* Whatever is not answered is abandoned: its callbacks hear SEALIFT_UNKNOWN. */
SEALIFT_API void sealift_close(struct sealift *sealift);

struct sealift_appended {
    enum sealift_status status; /* OK, REFUSED or UNKNOWN */
    uint64_t lsn; /* 0: it had landed before, and its place is no longer known */
    const char *name; /* "E_LEVEL", ...; "" where OK */
    const char *text; /* a sentence; "" where OK */
};

typedef void sealift_on_appended(void *context, const struct sealift_appended *appended);

struct sealift_record {
    const void *data; /* copied */
    size_t size;
    const char *durability; /* NULL: the cluster's own level */
    sealift_on_appended *done; /* may be NULL */
    void *context;
};

/* OK: it is on its way. FULL: nothing was taken. USAGE: empty, too large, or no such level. */
SEALIFT_API enum sealift_status sealift_append(struct sealift *sealift,
                                               const struct sealift_record *record);

/* How many records were appended and are not answered yet. */
SEALIFT_API uint64_t sealift_in_flight(const struct sealift *sealift);

/* Sends what waits for a fuller message. A poll does so too where little is in flight. */
SEALIFT_API void sealift_flush(struct sealift *sealift);

/* Moves things along for up to timeout_ms (-1: until something happens). OK: something happened.
 * UNREACHABLE: given up; sealift_why says why. */
SEALIFT_API enum sealift_status sealift_poll(struct sealift *sealift, int timeout_ms);

/* Polls until nothing is in flight. */
SEALIFT_API enum sealift_status sealift_drain(struct sealift *sealift, int timeout_ms);

/* Borrowed until the callback returns. False: that is enough, stop reading. */
typedef bool sealift_on_record(void *context, uint64_t lsn, const void *data, size_t size);

/* At least once a second: which member is waited for and why, as a sentence that begins with its
 * address; "" while one is there and answers. */
typedef void sealift_on_waiting(void *context, const char *why);

struct sealift_reading {
    uint64_t from_lsn; /* 0: from the first there is */
    bool follow; /* wait for more at the end */
    sealift_on_record *record;
    void *context;
    sealift_on_waiting *waiting; /* may be NULL */
};

/* Reads until the end (OK), until the callback has had enough (OK), for ever with `follow`, or
 * until REFUSED or UNREACHABLE (sealift_why). A lost link is dialed again and reading goes on at
 * the next LSN. `sealift_stop` from a signal handler ends it (OK). */
SEALIFT_API enum sealift_status sealift_read(struct sealift *sealift,
                                             const struct sealift_reading *reading);

/* Safe in a signal handler: polls, drains and reads return soon. */
SEALIFT_API void sealift_stop(struct sealift *sealift);

/* Why the last call failed: a sentence. After a poll or drain that ended with OK or TIMEOUT: which
 * member is waited for and why, "" while one is there and answers. Borrowed until the next call. */
SEALIFT_API const char *sealift_why(const struct sealift *sealift);

#ifdef __cplusplus
}
#endif

#endif
