/* At rest, it looks at the oldest segment now and then; where that may go, the index forgets it,
 * and whoever was about to read it hears so; the mark becomes durable; the file is deleted; and it
 * looks again.
 *
 * How it goes wrong: a deletion that fails is a disk that fails (member.c). Whoever holds the
 * oldest segment holds all: the trace and STATUS name the pin. */
#include "member/retention.h"

#include "base/check.h"
#include "member/member.h"

void retention_init(struct retention *retention)
{
    *retention = (struct retention){.newest = SEGMENT_NONE};
}

/* ---- space ---- */

unsigned retention_permille(const struct retention *retention)
{
    const struct store_space *space = &retention->space;

    if (space->total_bytes == 0 || space->free_bytes > space->total_bytes) {
        return 0;
    }
    return (unsigned)((double)(space->total_bytes - space->free_bytes) * 1000
                      / (double)space->total_bytes);
}

bool retention_is_full(const struct member *member)
{
    return member->disk_full || member->retention.level == SPACE_FULL;
}

const char *space_level_name(enum space_level level)
{
    static const char *const names[SPACE_LEVELS] = {
        [SPACE_FINE] = "fine",
        [SPACE_WARN] = "warn",
        [SPACE_TIGHT] = "tight",
        [SPACE_FULL] = "full",
    };

    return names[level];
}

static enum space_level level_of(const struct retention *retention)
{
    const unsigned permille = retention_permille(retention);

    if (permille >= SPACE_FULL_PERMILLE) {
        return SPACE_FULL;
    }
    if (permille >= SPACE_TIGHT_PERMILLE) {
        return SPACE_TIGHT;
    }
    return permille >= SPACE_WARN_PERMILLE ? SPACE_WARN : SPACE_FINE;
}

void retention_on_space(struct member *member, const struct store_space *space)
{
    struct retention *retention = &member->retention;
    const enum space_level before = retention->level;

    retention->space = *space;
    retention->level = level_of(retention);
    if (retention->level != before) {
        trace_event(&member->settings.trace, "space level=%s used_permille=%u free=%llu",
                    space_level_name(retention->level), retention_permille(retention),
                    (unsigned long long)space->free_bytes);
    }
}

/* ---- ages ---- */

void retention_on_clock(struct member *member, struct instant now, uint64_t wall_ns)
{
    struct retention *retention = &member->retention;
    const uint64_t even = retention->wall_ns + (uint64_t)instant_since(retention->wall_at, now).ns;
    const uint64_t off = wall_ns > even ? wall_ns - even : even - wall_ns;

    if (retention->wall_ns == 0 || off > (uint64_t)SPAN_MS(RETENTION_JUMP_MS).ns) {
        retention->steady_since = now;
    }
    retention->wall_ns = wall_ns;
    retention->wall_at = now;
}

static bool clock_has_settled(const struct member *member, struct instant now)
{
    const struct span most = SPAN_S(RETENTION_SETTLE_S);
    const struct span part = {member->settings.retain_age.ns / 4};

    return instant_since(member->retention.steady_since, now).ns
           >= (part.ns < most.ns ? part.ns : most.ns);
}

/* Of the oldest segment; there is another. */
static bool is_older(const struct member *member, struct instant now, struct span age)
{
    const struct index_row *row = &member->wal.index.rows[0];
    const struct retention *retention = &member->retention;
    const uint64_t begun_ns = row[1].created_ns;

    return instant_since(row->closed_at, now).ns > age.ns
           || (row->segment < retention->found && clock_has_settled(member, now)
               && retention->wall_ns > begun_ns
               && retention->wall_ns - begun_ns > (uint64_t)age.ns);
}

/* ---- which segment ---- */

/* Its age counts from here. */
static void note_closed(struct member *member, struct instant now)
{
    struct index *index = &member->wal.index;
    struct retention *retention = &member->retention;
    const segment_t newest = index_last(index)->segment;

    if (retention->newest == SEGMENT_NONE || newest < retention->found) { /* a start, or a cut */
        retention->found = newest;
    }

    const bool grown = retention->newest != SEGMENT_NONE && retention->newest < newest;
    uint32_t place = grown && retention->newest >= index->rows[0].segment
                         ? (uint32_t)(retention->newest - index->rows[0].segment)
                         : 0;

    for (; place < index->count; place++) {
        index->rows[place].closed_at = place + 1 < index->count ? now : INSTANT_NEVER;
    }
    retention->newest = newest;
}

void retention_on_opened(struct member *member, struct instant now)
{
    if (member->wal.index.count > 0) { /* before a writer adds a segment of its own */
        note_closed(member, now);
    }
}

static bool is_wanted_gone(const struct member *member, struct instant now)
{
    const struct index *index = &member->wal.index;
    const struct member_settings *settings = &member->settings;
    const uint64_t rest = index_bytes_from(index, &index->rows[1]);

    return (settings->retain_bytes > 0 && rest >= settings->retain_bytes)
           || (settings->retain_age.ns > 0 && is_older(member, now, settings->retain_age));
}

/* Everything up to the next segment's checkpoint, and a record behind it that is committed. */
static bool is_behind_all_need(const struct member *member)
{
    const struct wal *wal = &member->wal;
    const struct index_row *next = &wal->index.rows[1];
    const batch_t checkpoint = next->first_batch + (next->beginning == BEGINNING_EPOCH ? 1 : 0);

    return checkpoint <= wal->durable && next->first_lsn <= member_held_commit(member);
}

static bool may_go(struct member *member, struct instant now)
{
    const struct index *index = &member->wal.index;
    struct retention *retention = &member->retention;
    const segment_t segment = index->rows[0].segment;

    if (!is_wanted_gone(member, now) || !is_behind_all_need(member)
        || pins_oldest(member, now) <= segment || verifier_needs(&member->verifier, segment)) {
        return false;
    }
    retention->waits_for_digest = !digester_is_done(member, segment);
    return !retention->waits_for_digest && repair_lets_go(member, segment);
}

/* ---- going ---- */

static void begin(struct member *member, struct instant now, struct effects *fx)
{
    struct retention *retention = &member->retention;
    struct index *index = &member->wal.index;

    retention->segment = index->rows[0].segment;
    retention->step = RETENTION_MARK;
    index_drop_first(index);
    digester_forget_first(member);
    scrub_forget_first(member, now);
    feeds_forget_first(member, fx);
    clients_forget_first(member, fx);
    member->control.first_segment = index->rows[0].segment;
    member->control.before_epoch = index->before_epoch;
    marks_save(member, fx);
    retention->token = member->saves.control.wanted;
}

static void look(struct member *member, struct instant now, struct effects *fx)
{
    struct retention *retention = &member->retention;

    retention->look_at = instant_add(now, member->settings.retain_gap);
    retention->waits_for_digest = false;
    if (member->pins.moved) { /* or a restart would take them for further behind than they are */
        saves_control(member, fx);
    }
    pins_review(member, now, retention->level >= SPACE_TIGHT);
    if (member->wal.index.count > 1 && may_go(member, now)) {
        begin(member, now, fx);
    }
}

static bool is_limited(const struct member_settings *settings)
{
    return settings->retain_bytes > 0 || settings->retain_age.ns > 0;
}

void retention_pump(struct member *member, struct instant now, struct effects *fx)
{
    struct retention *retention = &member->retention;
    const struct index_row *last = index_last(&member->wal.index);

    if (last == NULL) {
        return;
    }
    if (last->segment != retention->newest) {
        note_closed(member, now);
    }
    if (!is_limited(&member->settings) || member->stopping) {
        return;
    }
    if (retention->step == RETENTION_REST && !retention->paused
        && instant_reached(retention->look_at, now)) {
        look(member, now, fx);
    }
    if (retention->step == RETENTION_MARK && member->saves.control.durable >= retention->token
        && writes_room(&member->writes) > 0) {
        retention->step = RETENTION_DELETE;
        writes_ask(&member->writes, fx, WRITE_DELETE, retention->segment,
                   &(struct store_write){.op = STORE_DELETE, .segment = retention->segment});
    }
    if (retention->step == RETENTION_REST && !retention->paused) {
        effects_wake_at(fx, retention->look_at);
    }
}

bool retention_rests(const struct member *member)
{
    return member->retention.step == RETENTION_REST;
}

void retention_on_deleted(struct member *member, segment_t segment)
{
    struct retention *retention = &member->retention;

    CHECK(retention->step == RETENTION_DELETE && retention->segment == segment);
    retention->step = RETENTION_REST;
    retention->look_at = (struct instant){0}; /* the next may go at once */
    retention->deleted++;
    trace_event(&member->settings.trace, "deleted segment=%llu first=%llu lsn=%llu",
                (unsigned long long)segment, (unsigned long long)member->wal.index.rows[0].segment,
                (unsigned long long)member->wal.index.rows[0].first_lsn);
}
