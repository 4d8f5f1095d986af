/* The limits that fit a member on a small machine, and what may be changed about them.
 *
 * Sizes follow from distance and disk: 48 MiB in flight fill a link of 1 Gbit/s over 230 ms, with
 * room to spare; batches of 1 MiB keep a disk busy, smaller ones cost syncs. In sum, with the
 * tables that they imply, about 150 MiB for a primary, of which the window is the largest part.
 *
 * How it goes wrong: a limit that no batch fits into would let a member start and then wait for
 * ever. Each such pair is refused here, with the sentence that says which number to change. */
#include "member/settings.h"

#include "base/check.h"
#include "proto/control.h"
#include "wal/batch.h"
#include "wal/content.h"
#include "wal/producers.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    LINKS_MAX = 4096, /* feeds or clients: their tables and buffers stay bounded */
};

void member_settings_default(struct member_settings *settings)
{
    settings->window_bytes = 64 << 20;
    settings->window_batches = 16384; /* the window full of batches of 4096 bytes */
    settings->segment_bytes = SEGMENT_BYTES_DEFAULT;
    settings->segments_max = 65536; /* 4 TiB in segments of 64 MiB; a row is about 100 bytes */
    settings->batch_bytes = 1 << 20;
    settings->record_bytes_max = RECORD_BYTES_MAX;
    settings->producers_max = PRODUCERS_MAX;
    settings->feeds_max = 64;
    settings->clients_max = 256;
    settings->feed_window_bytes = 48 << 20;
    settings->retain_bytes = 0; /* nothing is deleted unless somebody says so */
    settings->retain_age = (struct span){0};
    settings->pin_bytes = (uint64_t)64 << 30; /* a thousand segments */
    settings->pin_age = SPAN_S(72 * 3600); /* a weekend */
    settings->retain_gap = SPAN_S(1);
    settings->reads_max = 16;
    settings->read_bytes = (1 << 20) + (64 << 10); /* a batch that grew past its usual end */

    settings->greet_max = SPAN_S(5);
    settings->keys_max = SPAN_S(60);
    settings->keys_wait_max = SPAN_S(60);
    settings->hand_max = SPAN_S(60);
    settings->silence_max = SPAN_S(15);
    settings->heartbeat_gap = SPAN_S(3);
    settings->announce_gap = SPAN_MS(10);
    settings->mark_rest = SPAN_MS(200);
    settings->mark_gap = SPAN_S(1); /* 128 KiB: less wear than the batches that moved it */
    settings->digest_gap = SPAN_MS(5); /* 50 MB/s at rest, 3 to 12 beside writes */
    settings->scrub_rate = 4 << 20; /* a terabyte in three days */
    settings->scrub_gap = SPAN_S(3600);
    settings->key_poll = SPAN_S(5);
    settings->key_loss_window = SPAN_S(7 * 86400); /* R23 */
    settings->retry_gap = SPAN_MS(250);
}

__attribute__((format(printf, 2, 3))) static enum status contradiction(char *why,
                                                                       const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, VERDICT_TEXT_MAX, format, arguments);
    va_end(arguments);
    return E_USAGE;
}

static enum status check_range(char *why, const char *name, uint64_t value, uint64_t least,
                               uint64_t most)
{
    if (value < least || value > most) {
        return contradiction(why, "%s is %llu: it must be from %llu to %llu.", name,
                             (unsigned long long)value, (unsigned long long)least,
                             (unsigned long long)most);
    }
    return OK;
}

static enum status check_blocks(char *why, const char *name, uint64_t value)
{
    return value % BATCH_BLOCK_BYTES == 0
               ? OK
               : contradiction(why, "%s is %llu: it must be a multiple of %d.", name,
                               (unsigned long long)value, BATCH_BLOCK_BYTES);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The largest batch that this member could seal: one full to the brim, one APPEND of many records,
 * one record of the largest size, or a checkpoint of all producers. */
static uint64_t largest_batch(const struct member_settings *settings)
{
    const uint64_t data = larger(larger(settings->batch_bytes, APPEND_BYTES_MAX),
                                 (uint64_t)settings->record_bytes_max + sizeof(uint32_t));
    const uint64_t checkpoint =
        CHECKPOINT_HEAD_BYTES + (uint64_t)settings->producers_max * CHECKPOINT_ROW_BYTES;

    return batch_bytes_for(larger(data + RUN_BYTES, checkpoint));
}

static enum status check_wal(const struct member_settings *settings, char *why)
{
    TRY(check_range(why, "batch_bytes", settings->batch_bytes, BATCH_BLOCK_BYTES,
                    RECORD_BYTES_MAX));
    TRY(check_range(why, "record_bytes_max", settings->record_bytes_max, 1, RECORD_BYTES_MAX));
    TRY(check_range(why, "segment_bytes", settings->segment_bytes, SEGMENT_BYTES_MIN,
                    SEGMENT_BYTES_MAX));
    TRY(check_range(why, "segments_max", settings->segments_max, 2, UINT32_MAX / 2));
    TRY(check_range(why, "producers_max", settings->producers_max, 1, PRODUCERS_MAX));
    return check_range(why, "window_batches", settings->window_batches, 4, 1 << 20);
}

static enum status check_room(const struct member_settings *settings, char *why)
{
    const uint64_t largest = largest_batch(settings);

    TRY(check_blocks(why, "window_bytes", settings->window_bytes));
    if (settings->window_bytes < 2 * largest) {
        return contradiction(why,
                             "window_bytes is %llu, but two of the largest batch (%llu bytes) must "
                             "fit: make it larger, or batch_bytes and record_bytes_max smaller.",
                             (unsigned long long)settings->window_bytes,
                             (unsigned long long)largest);
    }
    if (settings->feed_window_bytes < largest) {
        return contradiction(why,
                             "feed_window_bytes is %llu, but the largest batch has %llu bytes and "
                             "could never be sent: make it larger.",
                             (unsigned long long)settings->feed_window_bytes,
                             (unsigned long long)largest);
    }
    TRY(check_blocks(why, "read_bytes", settings->read_bytes));
    return check_range(why, "read_bytes", settings->read_bytes, BATCH_BLOCK_BYTES, BATCH_BYTES_MAX);
}

static enum status check_links(const struct member_settings *settings, char *why)
{
    TRY(check_range(why, "feeds_max", settings->feeds_max, 1, LINKS_MAX));
    TRY(check_range(why, "clients_max", settings->clients_max, 1, LINKS_MAX));
    return check_range(why, "reads_max", settings->reads_max, 2, LINKS_MAX);
}

static enum status check_patience(const struct member_settings *settings, char *why)
{
    const struct {
        const char *name;
        struct span span;
    } spans[] = {
        {"greet_max", settings->greet_max},         {"keys_max", settings->keys_max},
        {"keys_wait_max", settings->keys_wait_max}, {"silence_max", settings->silence_max},
        {"heartbeat_gap", settings->heartbeat_gap}, {"announce_gap", settings->announce_gap},
        {"retry_gap", settings->retry_gap},         {"mark_rest", settings->mark_rest},
        {"mark_gap", settings->mark_gap},           {"digest_gap", settings->digest_gap},
        {"retain_gap", settings->retain_gap},       {"pin_age", settings->pin_age},
        {"key_poll", settings->key_poll},           {"key_loss_window", settings->key_loss_window},
    };

    for (size_t i = 0; i < COUNT_OF(spans); i++) {
        if (spans[i].span.ns == 0) {
            return contradiction(why, "%s is 0: nothing can happen in no time.", spans[i].name);
        }
    }
    if (settings->silence_max.ns / 2 < settings->heartbeat_gap.ns) {
        return contradiction(why, "silence_max must be at least twice heartbeat_gap, or a healthy "
                                  "link is cut for one late word.");
    }
    return OK;
}

static enum status check_self(const struct member_settings *settings, char *why)
{
    const struct identity *const self = &settings->self;

    if (self->role != ROLE_PRIMARY && self->role != ROLE_REPLICA) {
        return contradiction(why,
                             "The certificate names a %s: a primary needs one of role primary, "
                             "a replica one of role replica.",
                             role_name(self->role));
    }
    if (self->any_lineage || id_is_zero(&self->lineage) || self->region[0] == '\0'
        || self->member[0] == '\0') {
        return contradiction(why, "The certificate must name one lineage, a region and a member.");
    }
    return settings->entropy.fill != NULL ? OK
                                          : contradiction(why, "There is no source of entropy.");
}

enum status member_settings_check(const struct member_settings *settings, char *why)
{
    TRY(check_self(settings, why));
    TRY(check_wal(settings, why));
    TRY(check_room(settings, why));
    TRY(check_links(settings, why));
    return check_patience(settings, why);
}
