/* The rule is the one by which batches commit, seen from the other side: what is committed was held
 * by the writer and by K replicas (or by replicas in N regions besides its own); if fewer than that
 * many are silent, at least one who answered holds it.
 *
 * That stays true from one writer to the next because the old one takes the new one's place among
 * the members: of the copies that a committed record had, at most one (the new writer's) leaves the
 * set, and one (the old writer's) joins it. */
#include "cluster/election.h"

#include "base/check.h"

#include <stdio.h>

void election_init(struct election *election, const struct claim_record *record)
{
    *election = (struct election){.record = record};
}

bool election_count(struct election *election, const struct election_answer *answer)
{
    const struct claim_record *record = election->record;

    if (strcmp(record->writer, answer->member) == 0 && id_equal(&record->folder, &answer->folder)) {
        election->writer_answered |= answer->epoch >= record->epoch;
        return true;
    }
    for (uint32_t i = 0; i < record->member_count; i++) {
        if (strcmp(record->members[i].name, answer->member) == 0) {
            election->answered[i] |= id_equal(&record->members[i].folder, &answer->folder);
            return election->answered[i];
        }
    }
    return false;
}

/* The first silent one of its region, in a region that counts. */
static bool is_silent_region(const struct election *election, uint32_t place)
{
    const struct claim_record *record = election->record;
    const char *region = record->members[place].region;

    if (election->answered[place] || strcmp(region, record->region) == 0) {
        return false;
    }
    for (uint32_t i = 0; i < place; i++) {
        if (!election->answered[i] && strcmp(record->members[i].region, region) == 0) {
            return false;
        }
    }
    return true;
}

bool election_is_enough(const struct election *election, struct level level)
{
    const struct claim_record *record = election->record;
    unsigned silent = 0;

    CHECK(level_is_valid(level));
    if (election->writer_answered) {
        return true;
    }
    if (level.kind == LEVEL_LOCAL) {
        return false;
    }
    for (uint32_t i = 0; i < record->member_count; i++) {
        silent +=
            level.kind == LEVEL_QUORUM ? !election->answered[i] : is_silent_region(election, i);
    }
    return silent < level.count;
}

bool election_knows_the_end(const struct election *election, struct level level)
{
    CHECK(!election->writer_answered);
    if (level.kind != LEVEL_LOCAL) {
        return election_is_enough(election, level);
    }
    for (uint32_t i = 0; i < election->record->member_count; i++) {
        if (!election->answered[i]) {
            return false;
        }
    }
    return true;
}

static void add_name(char *text, size_t room, const char *name)
{
    const size_t used = strlen(text);

    snprintf(text + used, room - used, "%s%s", used > 0 ? ", " : "", name);
}

static void add_silent(const struct election *election, char *text, size_t room)
{
    const struct claim_record *record = election->record;

    for (uint32_t i = 0; i < record->member_count; i++) {
        if (!election->answered[i]) {
            add_name(text, room, record->members[i].name);
        }
    }
}

void election_silent(const struct election *election, char *text, size_t room)
{
    text[0] = '\0';
    if (!election->writer_answered) {
        add_name(text, room, election->record->writer);
    }
    add_silent(election, text, room);
}

void election_silent_members(const struct election *election, char *text, size_t room)
{
    text[0] = '\0';
    add_silent(election, text, room);
}

static void remove_member(struct claim_record *record, const char *name)
{
    for (uint32_t i = 0; i < record->member_count; i++) {
        if (strcmp(record->members[i].name, name) == 0) {
            record->member_count--;
            memmove(&record->members[i], &record->members[i + 1],
                    (record->member_count - i) * sizeof record->members[i]);
            memset(&record->members[record->member_count], 0, sizeof record->members[i]);
            return;
        }
    }
}

void election_become_writer(struct claim_record *record, const struct identity *self,
                            const struct id *folder)
{
    struct claim_member before = {.folder = record->folder};

    memcpy(before.name, record->writer, sizeof before.name);
    memcpy(before.region, record->region, sizeof before.region);
    remove_member(record, self->member);
    if (before.name[0] != '\0' && strcmp(before.name, self->member) != 0) {
        remove_member(record, before.name);
        if (record->member_count < CLAIM_MEMBERS_MAX) { /* always so where self was a member */
            record->members[record->member_count++] = before;
        }
    }
    snprintf(record->writer, sizeof record->writer, "%s", self->member);
    snprintf(record->region, sizeof record->region, "%s", self->region);
    record->folder = *folder;
}
