/* The control file: CONTROL_COPIES blocks of CONTROL_COPY_BYTES with the same content. A block,
 * little-endian, in the frame of stamp.h with magic "SEALCTRL", version 1, size 32768:
 *
 *   offset 16  generation:u64 lineage[16] folder[16] highest_epoch:u64
 *              durable_epoch:u64 durable_batch:u64 commit_lsn:u64 doubts:u32 (bits below)
 *          92  epoch_count:u32 (0 to 1024), then for each, ascending, 24 bytes:
 *              epoch:u64 start_batch:u64 start_lsn:u64
 *              then claim_asked:u64 loss_pending:u64 loss_count:u32 (0 to 16), and for
 *              each, ascending, 24 bytes:
 *              epoch:u64 first_lsn:u64 last_lsn:u64
 *              first_segment:u64 before_epoch:u64
 *              pin_count:u32 (0 to 64), then for each 80 bytes:
 *              member[64] (1 to 63 bytes, then zeros) segment:u64 batch:u64
 *              key_standing:u32 (0 to 2) key_lost_at:u64 key_lost_ms:u64 (both 0 if it is 0)
 *              zeros up to the CRC in the last 4 bytes
 *
 * Each block stands alone. Of those that are good the one of the highest generation counts; a
 * block that is missing, rotten or out of its limits is simply not good. */
#include "cluster/control.h"

#include "base/check.h"
#include "cluster/stamp.h"

static const char control_magic[] = "SEALCTRL";

enum {
    CONTROL_VERSION = 1,
    CONTROL_FIXED_BYTES = 96,
    CONTROL_EPOCH_BYTES = 24,
    CONTROL_LOSSES_BYTES = 20 + GREET_LOSSES_MAX * 24,
    CONTROL_PIN_BYTES = MEMBER_TEXT_MAX + 16,
    CONTROL_KEPT_BYTES = 20 + CONTROL_PINS_MAX * CONTROL_PIN_BYTES,
    DOUBT_SUSPECT = 1,
    DOUBT_MAY_LACK = 2,
    CONTROL_KEY_BYTES = 20,
};
_Static_assert(CONTROL_FIXED_BYTES + EPOCH_TABLE_MAX * CONTROL_EPOCH_BYTES + CONTROL_LOSSES_BYTES
                       + CONTROL_KEPT_BYTES + CONTROL_KEY_BYTES + STAMP_TRAILER_BYTES
                   <= CONTROL_COPY_BYTES,
               "a full epoch table, all losses and all pins must fit in one copy");

void control_add_loss(struct control *control, const struct epoch_loss *loss)
{
    CHECK(loss->first_lsn > 0 && loss->first_lsn <= loss->last_lsn);
    CHECK(control->loss_count == 0 || loss->epoch > control->losses[control->loss_count - 1].epoch);
    if (control->loss_count == GREET_LOSSES_MAX) {
        control->loss_count--;
        memmove(&control->losses[0], &control->losses[1], control->loss_count * sizeof *loss);
    }
    control->losses[control->loss_count++] = *loss;
}

bool control_loss_covers(const struct epoch_loss *losses, uint32_t count, lsn_t first, lsn_t last)
{
    for (uint32_t i = 0; i < count; i++) {
        if (losses[i].first_lsn <= first && losses[i].last_lsn >= last) {
            return true;
        }
    }
    return false;
}

static void epochs_encode(const struct epoch_table *table, struct writer *writer)
{
    CHECK(table->count <= EPOCH_TABLE_MAX);
    writer_u32(writer, table->count);
    for (uint32_t i = 0; i < table->count; i++) {
        writer_u64(writer, table->entries[i].epoch);
        writer_u64(writer, table->entries[i].start_batch);
        writer_u64(writer, table->entries[i].start_lsn);
    }
}

static void losses_encode(const struct control *control, struct writer *writer)
{
    CHECK(control->loss_count <= GREET_LOSSES_MAX);
    writer_u64(writer, control->claim_asked);
    writer_u64(writer, control->loss_pending);
    writer_u32(writer, control->loss_count);
    for (uint32_t i = 0; i < control->loss_count; i++) {
        writer_u64(writer, control->losses[i].epoch);
        writer_u64(writer, control->losses[i].first_lsn);
        writer_u64(writer, control->losses[i].last_lsn);
    }
}

static void kept_encode(const struct control *control, struct writer *writer)
{
    CHECK(control->pin_count <= CONTROL_PINS_MAX);
    writer_u64(writer, control->first_segment);
    writer_u64(writer, control->before_epoch);
    writer_u32(writer, control->pin_count);
    for (uint32_t i = 0; i < control->pin_count; i++) {
        const struct control_pin *pin = &control->pins[i];

        writer_copy(writer, pin->member, sizeof pin->member);
        writer_u64(writer, pin->segment);
        writer_u64(writer, pin->batch);
    }
}

static void key_encode(const struct control *control, struct writer *writer)
{
    writer_u32(writer, (uint32_t)control->key_standing);
    writer_u64(writer, control->key_lost_at);
    writer_u64(writer, control->key_lost_ms);
}

static void copy_encode(const struct control *control, struct writer *writer)
{
    stamp_begin(writer, control_magic, CONTROL_VERSION);
    writer_u64(writer, control->generation);
    writer_copy(writer, control->lineage.bytes, sizeof control->lineage.bytes);
    writer_copy(writer, control->folder.bytes, sizeof control->folder.bytes);
    writer_u64(writer, control->highest_epoch);
    writer_u64(writer, control->durable.epoch);
    writer_u64(writer, control->durable.batch);
    writer_u64(writer, control->commit_lsn);
    writer_u32(writer,
               (control->suspect ? DOUBT_SUSPECT : 0u) | (control->may_lack ? DOUBT_MAY_LACK : 0u));
    epochs_encode(&control->epochs, writer);
    losses_encode(control, writer);
    kept_encode(control, writer);
    key_encode(control, writer);
    writer_zeros(writer, writer->room - writer->size - STAMP_TRAILER_BYTES);
    stamp_end(writer);
}

struct bytes control_encode(const struct control *control, void *into)
{
    uint8_t *const first = into;
    struct writer writer = writer_of(first, CONTROL_COPY_BYTES);

    copy_encode(control, &writer);
    for (unsigned i = 1; i < CONTROL_COPIES; i++) {
        memcpy(first + i * CONTROL_COPY_BYTES, first, CONTROL_COPY_BYTES);
    }
    return bytes_of(first, CONTROL_BYTES);
}

static enum status epochs_decode(struct epoch_table *table, struct reader *body)
{
    uint32_t count;
    struct epoch_entry entry;

    TRY(reader_u32(body, &count));
    if (count > EPOCH_TABLE_MAX) {
        return E_TOO_LARGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        TRY(reader_u64(body, &entry.epoch));
        TRY(reader_u64(body, &entry.start_batch));
        TRY(reader_u64(body, &entry.start_lsn));
        TRY(epoch_table_add(table, &entry));
    }
    return table->count == count ? OK : E_MALFORMED; /* the same entry twice */
}

static enum status losses_decode(struct control *control, struct reader *body)
{
    epoch_t before = 0;

    TRY(reader_u64(body, &control->claim_asked));
    TRY(reader_u64(body, &control->loss_pending));
    TRY(reader_u32(body, &control->loss_count));
    if (control->loss_count > GREET_LOSSES_MAX) {
        return E_TOO_LARGE;
    }
    for (uint32_t i = 0; i < control->loss_count; i++) {
        struct epoch_loss *loss = &control->losses[i];

        TRY(reader_u64(body, &loss->epoch));
        TRY(reader_u64(body, &loss->first_lsn));
        TRY(reader_u64(body, &loss->last_lsn));
        if (loss->epoch <= before || loss->first_lsn == 0 || loss->first_lsn > loss->last_lsn) {
            return E_MALFORMED;
        }
        before = loss->epoch;
    }
    return OK;
}

/* A name, then zeros to the end. */
static bool is_name(const char member[MEMBER_TEXT_MAX])
{
    const size_t size = strnlen(member, MEMBER_TEXT_MAX);
    bool zeros = size > 0 && size < MEMBER_TEXT_MAX;

    for (size_t i = size; i < MEMBER_TEXT_MAX && zeros; i++) {
        zeros = member[i] == '\0';
    }
    return zeros;
}

static enum status kept_decode(struct control *control, struct reader *body)
{
    TRY(reader_u64(body, &control->first_segment));
    TRY(reader_u64(body, &control->before_epoch));
    TRY(reader_u32(body, &control->pin_count));
    if (control->pin_count > CONTROL_PINS_MAX) {
        return E_TOO_LARGE;
    }
    for (uint32_t i = 0; i < control->pin_count; i++) {
        struct control_pin *pin = &control->pins[i];

        TRY(reader_copy(body, (uint8_t *)pin->member, sizeof pin->member));
        TRY(reader_u64(body, &pin->segment));
        TRY(reader_u64(body, &pin->batch));
        if (!is_name(pin->member)) {
            return E_MALFORMED;
        }
    }
    return (control->first_segment == 0) == (control->before_epoch == 0) ? OK : E_MALFORMED;
}

static enum status key_decode(struct control *control, struct reader *body)
{
    uint32_t standing;

    TRY(reader_u32(body, &standing));
    TRY(reader_u64(body, &control->key_lost_at));
    TRY(reader_u64(body, &control->key_lost_ms));
    if (standing >= KEY_STANDINGS
        || (standing == KEY_STANDING_USABLE
            && (control->key_lost_at != 0 || control->key_lost_ms != 0))) {
        return E_MALFORMED;
    }
    control->key_standing = (enum key_standing)standing;
    return OK;
}

static enum status copy_decode(struct control *control, struct bytes copy)
{
    struct reader body;
    uint32_t doubts;

    memset(control, 0, sizeof *control);
    TRY(stamp_check(copy, control_magic, CONTROL_VERSION, &body));
    TRY(reader_u64(&body, &control->generation));
    TRY(reader_copy(&body, control->lineage.bytes, sizeof control->lineage.bytes));
    TRY(reader_copy(&body, control->folder.bytes, sizeof control->folder.bytes));
    TRY(reader_u64(&body, &control->highest_epoch));
    TRY(reader_u64(&body, &control->durable.epoch));
    TRY(reader_u64(&body, &control->durable.batch));
    TRY(reader_u64(&body, &control->commit_lsn));
    TRY(reader_u32(&body, &doubts));
    TRY(epochs_decode(&control->epochs, &body));
    TRY(losses_decode(control, &body));
    TRY(kept_decode(control, &body));
    TRY(key_decode(control, &body));
    control->suspect = (doubts & DOUBT_SUSPECT) != 0;
    control->may_lack = (doubts & DOUBT_MAY_LACK) != 0;
    if (doubts > (DOUBT_SUSPECT | DOUBT_MAY_LACK)) {
        return E_MALFORMED;
    }
    return reader_zeros(&body, body.left.size);
}

static struct bytes copy_at(struct bytes file, unsigned copy)
{
    return bytes_part(file, (size_t)copy * CONTROL_COPY_BYTES, CONTROL_COPY_BYTES);
}

enum status control_decode(struct control *control, struct bytes file, unsigned *good)
{
    enum status why = E_CHECKSUM;
    uint64_t best_generation = 0;
    unsigned best = CONTROL_COPIES;
    unsigned count = 0;

    for (unsigned i = 0; i < CONTROL_COPIES; i++) {
        const enum status status = copy_decode(control, copy_at(file, i));

        if (status == E_VERSION) {
            why = E_VERSION; /* whole, and not ours to read */
        }
        if (status != OK) {
            continue;
        }
        count++;
        if (best == CONTROL_COPIES || control->generation > best_generation) {
            best = i;
            best_generation = control->generation;
        }
    }
    if (good != NULL) {
        *good = count;
    }
    if (count == 0) {
        return file.size == 0 ? E_MISSING : why;
    }
    return copy_decode(control, copy_at(file, best));
}
