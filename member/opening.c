/* The folder's small files say which WAL this should be; each must agree with the certificate,
 * with what the person asked for, and with the other files, before any key is asked for. Then the
 * keys, the headers (opening_headers.c), the newest batches (opening_scan.c), and what has to be
 * put right (opening_mend.c).
 *
 * How it goes wrong: always with a HALT whose sentence names the file and says what to do. A
 * folder without a descriptor and without segments is empty: the descriptor is what makes a
 * cluster, and is written last, so a keyring or control file beside it is what a creation left
 * that did not end. */
#include "base/check.h"
#include "base/hex.h"
#include "member/opening_state.h"

#include <stdarg.h>
#include <stdio.h>

size_t opening_bytes(uint32_t segments_max)
{
    return arena_need(sizeof(struct opening), _Alignof(struct opening))
           + arena_need(sizeof(struct opening_row) * segments_max, _Alignof(struct opening_row));
}

void opening_init(struct member *member, struct arena *arena)
{
    member->opening = ARENA_ARRAY(arena, struct opening, 1);
    member->opening->repaired = SEGMENT_NONE;
    member->opening->rows = ARENA_ARRAY(arena, struct opening_row, member->settings.segments_max);
    scan_init(&member->opening->scan);
}

void opening_drop(struct member *member)
{
    scan_drop(&member->opening->scan);
    segment_key_wipe(&member->opening->key);
}

enum opening_state opening_state(const struct member *member)
{
    return member->opening->state;
}

void opening_reign(const struct member *member, segment_t *segment, struct digest *chain,
                   epoch_t *epoch)
{
    const struct opening *opening = member->opening;
    uint32_t at = opening->count;

    CHECK(opening->state == OPENING_DONE);
    *segment = SEGMENT_NONE;
    *epoch = 0;
    while (at > 0 && (*segment == SEGMENT_NONE || opening->rows[at - 1].epoch == *epoch)) {
        at--;
        *segment = opening_segment(opening, at);
        *epoch = opening->rows[at].epoch;
        *chain = opening->rows[at].prev_chain;
    }
    if (at == 0 && opening->count > 0 && *epoch == member->control.before_epoch) {
        *segment = SEGMENT_NONE;
    }
}

void opening_refuse(struct member *member, struct effects *fx, enum status why, const char *format,
                    ...)
{
    char text[HALT_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    member->opening->state = OPENING_FAILED;
    member_halt(member, fx, why, "%s", text);
}

static void refuse_file(struct member *member, struct effects *fx, const char *file,
                        enum status why)
{
    opening_refuse(
        member, fx, why,
        "The file \"%s\" of the data folder cannot be used: %s. Restore it from a copy of "
        "this folder, or seed this member anew from another.",
        file, status_text(why));
}

static bool refuse_verdict(struct member *member, struct effects *fx, const struct verdict *verdict)
{
    if (!verdict->allowed) {
        opening_refuse(member, fx, E_RULE, "%s: %s (%s)", verdict->name, verdict->text,
                       verdict->rule);
    }
    return !verdict->allowed;
}

static bool open_descriptor(struct member *member, struct bytes file, struct effects *fx)
{
    struct descriptor *descriptor = &member->descriptor;
    const struct identity *self = &member->settings.self;
    const enum status status = descriptor_decode(descriptor, file);
    char own[33], theirs[33];

    if (status != OK) {
        refuse_file(member, fx, "descriptor", status);
        return false;
    }
    if (self->any_lineage || !id_equal(&descriptor->lineage, &self->lineage)) {
        opening_refuse(member, fx, E_FOREIGN_FOLDER,
                       "The data folder holds lineage %s, but the certificate is of %s: use that "
                       "cluster's certificate, or another folder.",
                       hex_encode(bytes_of(descriptor->lineage.bytes, 16), theirs),
                       hex_encode(bytes_of(self->lineage.bytes, 16), own));
        return false;
    }
    const struct verdict verdict = rule_open(descriptor->suite, member->settings.encrypted);

    if (refuse_verdict(member, fx, &verdict)) {
        return false;
    }
    const struct descriptor copy = *descriptor;

    member_know(member, &copy, file);
    return true;
}

/* Which key an alias names can only its key service tell: unwrap.h has it tried. */
static bool names_by_alias(const struct member *member)
{
    const char *named = member->settings.key;

    return member->descriptor.suite != SUITE_NONE
           && (strncmp(named, "alias/", 6) == 0 || strstr(named, ":alias/") != NULL);
}

static bool check_keyring(struct member *member, struct effects *fx)
{
    const struct keyring *keyring = member->keyring;
    const struct member_settings *settings = &member->settings;

    if (!id_equal(&keyring->lineage, &member->descriptor.lineage)) {
        opening_refuse(member, fx, E_FOREIGN_FOLDER,
                       "The file \"keyring\" is of another lineage than the descriptor beside it: "
                       "restore this cluster's own keyring.");
        return false;
    }
    if (strcmp(keyring->region, settings->self.region) != 0) {
        opening_refuse(member, fx, E_FOREIGN_FOLDER,
                       "The data folder is of region %s, but the certificate is of %s: use a "
                       "certificate of %s, or let a replica in %s make its own copy.",
                       keyring->region, settings->self.region, keyring->region,
                       settings->self.region);
        return false;
    }
    if (settings->cluster[0] != '\0' && strcmp(keyring->cluster, settings->cluster) != 0) {
        opening_refuse(
            member, fx, E_FOREIGN_FOLDER,
            "The data folder is of cluster %s, not %s: leave the cluster id out, or name "
            "%s.",
            keyring->cluster, settings->cluster, keyring->cluster);
        return false;
    }
    if (member->descriptor.suite != SUITE_NONE && keyring->count == 0) {
        refuse_file(member, fx, "keyring", E_MISSING);
        return false;
    }
    return true;
}

static bool open_keyring(struct member *member, struct bytes file, struct effects *fx)
{
    const enum status status = file.size == 0 ? E_MISSING : keyring_decode(member->keyring, file);

    if (status != OK) {
        refuse_file(member, fx, "keyring", status);
        return false;
    }
    if (!check_keyring(member, fx)) {
        return false;
    }
    if (names_by_alias(member)) {
        return true;
    }
    const struct verdict verdict = rule_open_key(member->keyring->key_arn, member->settings.key);

    return !refuse_verdict(member, fx, &verdict);
}

static void refuse_gone(struct member *member, struct effects *fx)
{
    opening_refuse(member, fx, E_KEY_GONE,
                   "The data folder is " KEY_GONE_STATE ": the KMS key [%s] in %s was refused for "
                   "longer than the window, and that is for good even if it can be used again. "
                   "Restore the cluster from a backup whose key can be used; nothing was deleted "
                   "here",
                   member->keyring->key_arn, member->settings.self.region);
}

static bool open_control(struct member *member, struct bytes file, struct effects *fx)
{
    unsigned good = 0;
    const enum status status = control_decode(&member->control, file, &good);

    if (status != OK) {
        opening_refuse(
            member, fx, E_UNDECIDABLE,
            "No copy in the file \"control\" is good (%s): without it nobody can tell what "
            "this disk had acknowledged. Restore the file, or seed this member anew.",
            status_text(status));
        return false;
    }
    if (!id_equal(&member->control.lineage, &member->descriptor.lineage)) {
        opening_refuse(member, fx, E_FOREIGN_FOLDER,
                       "The file \"control\" is of another lineage than the descriptor beside it: "
                       "restore this cluster's own file.");
        return false;
    }
    pins_restore(member);
    member->opening->lacked = member->control.may_lack;
    if (member->control.key_standing == KEY_STANDING_GONE) {
        refuse_gone(member, fx);
        return false;
    }
    trace_event(&member->settings.trace,
                "control good=%u highest_epoch=%llu durable=%llu/%llu commit=%llu suspect=%d", good,
                (unsigned long long)member->control.highest_epoch,
                (unsigned long long)member->control.durable.epoch,
                (unsigned long long)member->control.durable.batch,
                (unsigned long long)member->control.commit_lsn, member->control.suspect);
    return true;
}

/* How many files there are of segments that retention has let go. The mark in the control file
 * comes before the deletion, so that a crash between the two leaves one; it goes when the folder is
 * mended. */
static size_t count_stale(struct opening *opening, const struct store_inventory *inventory)
{
    size_t stale = 0;

    while (stale < inventory->segment_count && inventory->segments[stale] < opening->first) {
        stale++;
    }
    opening->stale = opening->first;
    for (size_t i = stale; i > 0 && inventory->segments[i - 1] + 1 == opening->stale; i--) {
        opening->stale--;
    }
    return stale;
}

/* Dense from the first that is kept to the last: so the numbers themselves need not be. */
static bool check_numbers(struct member *member, const struct store_inventory *inventory,
                          struct effects *fx)
{
    struct opening *opening = member->opening;

    opening->first = member->control.first_segment;
    index_begin_after(&member->wal.index, member->control.before_epoch);
    const size_t stale = count_stale(opening, inventory);

    const size_t last = inventory->segment_count - 1;
    /* One that is missing in between is found by the read of its header, and repaired. */
    const uint64_t count =
        stale == inventory->segment_count ? 0 : inventory->segments[last] - opening->first + 1;

    if (count + stale + 2 > member->settings.segments_max) {
        opening_refuse(member, fx, E_TOO_LARGE,
                       "The data folder has segments up to %llu, which are more than the limit of "
                       "%u allows: start with a larger --segments-max.",
                       (unsigned long long)inventory->segments[last],
                       member->settings.segments_max);
        return false;
    }
    opening->count = opening->found = (uint32_t)count;
    return true;
}

static void ask_for_keys(struct member *member, struct instant now, struct effects *fx)
{
    member->unwrap.by_name = names_by_alias(member);
    unwrap_begin(member, now,
                 key_loss_waits(member) ? INSTANT_NEVER
                                        : instant_add(now, member->settings.keys_wait_max),
                 fx);
}

static void begin_keys(struct member *member, struct instant now, struct effects *fx)
{
    member->opening->state = OPENING_KEYS;
    if (key_loss_waits(member)) {
        key_loss_restore(member, now);
    }
    if (member->descriptor.suite == SUITE_NONE) {
        deks_put_zero(&member->deks, &member->descriptor.lineage);
    }
    ask_for_keys(member, now, fx);
}

void opening_begin(struct member *member, const struct store_inventory *inventory,
                   struct instant now, struct effects *fx)
{
    struct opening *opening = member->opening;
    const struct bytes *files = inventory->files;

    CHECK(opening->state == OPENING_IDLE);
    opening->now = now;
    if (files[STORE_DESCRIPTOR].size == 0) {
        if (inventory->segment_count > 0) {
            opening_refuse(
                member, fx, E_MISSING,
                "The data folder has %llu segments but no file \"descriptor\": restore it "
                "(any copy of this WAL has the same), or seed this member anew.",
                (unsigned long long)inventory->segment_count);
            return;
        }
        opening->state = OPENING_EMPTY;
        return;
    }
    if (!open_descriptor(member, files[STORE_DESCRIPTOR], fx)
        || !open_keyring(member, files[STORE_KEYRING], fx)
        || !open_control(member, files[STORE_CONTROL], fx)
        || !check_numbers(member, inventory, fx)) {
        return;
    }
    begin_keys(member, now, fx);
}

/* Where the key was lost a refusal is nothing new: it is asked for again, a gap later. */
static void wait_for_key(struct member *member, struct instant now, struct effects *fx)
{
    struct unwrap *unwrap = &member->unwrap;

    if (unwrap->state == UNWRAP_FAILED && key_loss_is(unwrap->why)) {
        unwrap_forget(member);
        key_loss_refused(member, now, unwrap->text, fx);
    }
    if (unwrap->state != UNWRAP_IDLE || key_loss_is_ending(member)) {
        return;
    }
    if (instant_reached(member->key_loss.ask_at, now)) {
        ask_for_keys(member, now, fx);
    } else {
        effects_wake_at(fx, member->key_loss.ask_at);
    }
}

static void keys_pump(struct member *member, struct instant now, struct effects *fx)
{
    struct unwrap *unwrap = &member->unwrap;
    char advice[KEY_ADVICE_MAX];

    if (key_loss_waits(member)) {
        wait_for_key(member, now, fx);
    }
    if (unwrap->state == UNWRAP_FAILED && unwrap->why == E_RULE) {
        opening_refuse(member, fx, E_RULE, "%s", unwrap->text);
    } else if (unwrap->state == UNWRAP_FAILED) {
        opening_refuse(
            member, fx, unwrap->why,
            "%s. So the data key of this cluster cannot be opened (%s). Nothing was changed; %s.",
            unwrap->text, status_name(unwrap->why),
            key_trouble_advice(unwrap->why, member->settings.self.region, advice));
    } else if (unwrap->state == UNWRAP_DONE) {
        unwrap_forget(member);
        if (key_loss_waits(member)) {
            key_loss_recovered(member);
        }
        member->opening->state = OPENING_HEADERS;
    }
}

/* One state may follow another at once: an empty keyring, a folder without segments. */
void opening_pump(struct member *member, struct instant now, struct effects *fx)
{
    struct opening *opening = member->opening;

    opening->now = now;
    if (opening->state == OPENING_KEYS) {
        unwrap_pump(member, now, fx);
        keys_pump(member, now, fx);
    }
    if (opening->state == OPENING_REPAIR) {
        opening_repair_pump(member, fx);
    }
    if (opening->state == OPENING_HEADERS) {
        opening_headers_pump(member, fx);
    }
    if (opening->state == OPENING_SCAN) {
        opening_scan_pump(member, fx);
    }
    if (opening->state == OPENING_MEND) {
        opening_mend_pump(member, fx);
    }
}

/* The pump looks at them, in the order of the segments. */
void opening_on_read(struct member *member, struct read_slot *slot, struct effects *fx)
{
    (void)member;
    (void)slot;
    (void)fx;
}

void opening_on_written(struct member *member, const struct write_asked *asked, struct effects *fx)
{
    struct opening *opening = member->opening;

    (void)asked;
    (void)fx;
    if (opening->state == OPENING_MEND) {
        CHECK(opening->mending > 0);
        opening->mending--;
    }
}
