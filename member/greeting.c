/* A greeting is a photograph of the member: taken once a link, sent as it is, and hashed as the
 * bytes that went over the wire, never as something encoded again.
 *
 * How it goes wrong: not here. Whether the other's greeting fits is decided by feed_greet.c on the
 * upstream's side and by replica/receiver_greet.c on the other. */
#include "member/greeting.h"

#include "base/check.h"
#include "member/member.h"
#include "proto/message.h"
#include "seal/dek_use.h"
#include "seal/digest.h"

#include <stdio.h>

struct position member_position(const struct member *member)
{
    const batch_t batch = member->wal.durable;

    if (batch == 0) {
        return (struct position){0};
    }
    return (struct position){epoch_table_epoch_of(&member->control.epochs, batch), batch};
}

static struct tag durable_tag(const struct wal *wal)
{
    const struct window_batch *found = window_find(&wal->window, wal->durable);

    if (found != NULL) {
        return found->tag;
    }
    return wal->durable == wal->sealed ? wal->tag : (struct tag){0};
}

void greeting_fill(const struct member *member, struct greet *greet)
{
    const struct control *control = &member->control;
    const bool is_sealed = member->known && member->descriptor.suite != SUITE_NONE;

    memset(greet, 0, sizeof *greet);
    greet->version = PROTOCOL_VERSION;
    greet->lineage = member->known ? member->descriptor.lineage : member->settings.self.lineage;
    greet->suite = member->descriptor.suite;
    greet->descriptor = member->descriptor_digest;
    snprintf(greet->region, sizeof greet->region, "%s", member->settings.self.region);
    snprintf(greet->cluster, sizeof greet->cluster, "%s", member->keyring->cluster);
    snprintf(greet->key_arn, sizeof greet->key_arn, "%s", member->keyring->key_arn);
    greet->dek_count = is_sealed ? member->deks.count : 0;
    for (uint32_t i = 0; i < greet->dek_count; i++) {
        greet->deks[i] = member->deks.list[i].id;
    }
    greet->highest_epoch = control->highest_epoch;
    greet->position = member_position(member);
    greet->tag = durable_tag(&member->wal);
    /* What is known as committed and is held here: a COMMIT of a new reign may come before its
     * first header, and must not look like a commit of the old one. */
    greet->commit_lsn = member_held_commit(member);
    greet->end_lsn = member->wal.durable_lsn;
    greet->folder = control->folder;
    greet->epoch_count = control->epochs.count;
    greet->loss_count = control->loss_count;
    memcpy(greet->losses, control->losses, control->loss_count * sizeof *greet->losses);
    memcpy(greet->epochs, control->epochs.entries, control->epochs.count * sizeof *greet->epochs);
}

static void add_framed(struct digest_stream *stream, struct bytes head)
{
    const struct frame frame = {.type = MESSAGE_GREET, .head_bytes = (uint32_t)head.size};
    uint8_t prefix[FRAME_PREFIX_BYTES];

    frame_encode(&frame, prefix);
    digest_stream_add(stream, bytes_of(prefix, sizeof prefix));
    digest_stream_add(stream, head);
}

struct digest greeting_digest(struct bytes client_head, struct bytes server_head)
{
    struct digest_stream stream = {0};

    digest_stream_start(&stream);
    add_framed(&stream, client_head);
    add_framed(&stream, server_head);
    return digest_stream_end(&stream);
}

struct digest greeting_proof(const struct dek *dek, enum tls_side side, const uint8_t exporter[32],
                             const struct digest *greets)
{
    uint8_t text[6 + 32 + 32];
    struct secret hello;

    memcpy(text, side == TLS_CLIENT ? "client" : "server", 6);
    memcpy(text + 6, exporter, 32);
    memcpy(text + 38, greets->bytes, 32);
    dek_use_derive(&dek->secret, DEK_USE_HELLO, &dek->lineage, &dek->id, &hello);
    const struct digest mac =
        digest_hmac(bytes_of(hello.bytes, sizeof hello.bytes), bytes_of(text, sizeof text));

    secret_wipe(&hello);
    return mac;
}

bool greeting_proof_is_right(const struct digest *expected, const struct digest *given)
{
    return secret_bytes_equal(bytes_of(expected->bytes, sizeof expected->bytes),
                              bytes_of(given->bytes, sizeof given->bytes));
}
