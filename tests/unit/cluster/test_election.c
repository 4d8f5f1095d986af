/* The election's rule against what it is for: all records of up to four replicas, all levels, all
 * sets that a commit can have been held by, all sets that can answer. */
#include "cluster/election.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { REPLICAS_MAX = 4, HOME = 0, REGIONS = 3 };

struct scene {
    struct claim_record record;
    unsigned count;
    unsigned region_of[REPLICAS_MAX];
};

static struct id folder_of(unsigned number)
{
    struct id id = {{1}};

    id.bytes[1] = (uint8_t)number;
    return id;
}

static void name_of(char *name, unsigned number)
{
    snprintf(name, MEMBER_TEXT_MAX, "r%u", number);
}

/* The regions are the digits of `regions`. */
static struct scene scene_of(unsigned count, unsigned regions)
{
    struct scene scene = {.count = count, .record = {.version = 1, .epoch = 7}};

    snprintf(scene.record.writer, sizeof scene.record.writer, "w");
    snprintf(scene.record.region, sizeof scene.record.region, "region-%u", HOME);
    scene.record.folder = folder_of(99);
    scene.record.member_count = count;
    for (unsigned i = 0; i < count; i++, regions /= REGIONS) {
        struct claim_member *member = &scene.record.members[i];

        scene.region_of[i] = regions % REGIONS;
        name_of(member->name, i);
        snprintf(member->region, sizeof member->region, "region-%u", scene.region_of[i]);
        member->folder = folder_of(i);
    }
    return scene;
}

/* Whether writer and these replicas make up the level. */
static bool commits(const struct scene *scene, unsigned holders, struct level level)
{
    unsigned replicas = 0;
    unsigned regions = 0;

    for (unsigned i = 0; i < scene->count; i++) {
        if (holders >> i & 1) {
            replicas++;
            regions |= 1u << scene->region_of[i];
        }
    }
    regions &= ~(1u << HOME);
    switch (level.kind) {
    case LEVEL_LOCAL:
    case LEVEL_KINDS:
        return true;
    case LEVEL_QUORUM:
        return replicas >= level.count;
    case LEVEL_REGION:
        return (unsigned)__builtin_popcount(regions) >= level.count;
    }
    return false;
}

static bool is_enough(const struct scene *scene, unsigned answering, struct level level)
{
    struct election election;

    election_init(&election, &scene->record);
    for (unsigned i = 0; i < scene->count; i++) {
        char name[MEMBER_TEXT_MAX];
        const struct election_answer answer = {name, folder_of(i), 3};

        name_of(name, i);
        if (answering >> i & 1) {
            EXPECT(election_count(&election, &answer));
        }
    }
    return election_is_enough(&election, level);
}

/* Enough, exactly if no commit can be unknown to all who answer. */
static void try_level(const struct scene *scene, struct level level)
{
    for (unsigned answering = 0; answering < 1u << scene->count; answering++) {
        bool unknown = false;

        for (unsigned holders = 0; holders < 1u << scene->count; holders++) {
            unknown |= commits(scene, holders, level) && (holders & answering) == 0;
        }
        EXPECT(is_enough(scene, answering, level) == !unknown);
    }
}

TEST(enough_answers_are_those_that_no_commit_can_hide_from)
{
    unsigned worlds = 1;

    for (unsigned count = 0; count <= REPLICAS_MAX; count++, worlds *= REGIONS) {
        for (unsigned regions = 0; regions < worlds; regions++) {
            const struct scene scene = scene_of(count, regions);

            try_level(&scene, (struct level){LEVEL_LOCAL, 0});
            for (unsigned k = 1; k <= REPLICAS_MAX + 1; k++) {
                try_level(&scene, (struct level){LEVEL_QUORUM, k});
                try_level(&scene, (struct level){LEVEL_REGION, k});
            }
        }
    }
}

/* A writer that asks what it may have lost: by the same rule at a level that involves others. */
TEST(a_writer_that_may_have_lost_its_end_asks_as_many_as_a_candidate_and_all_at_local)
{
    const struct scene scene = scene_of(3, 0);
    const struct level quorum = {LEVEL_QUORUM, 2}, local = {LEVEL_LOCAL, 0};

    for (unsigned answering = 0; answering < 1u << scene.count; answering++) {
        struct election election;

        election_init(&election, &scene.record);
        for (unsigned i = 0; i < scene.count; i++) {
            election.answered[i] = (answering >> i & 1) != 0;
        }
        EXPECT(election_knows_the_end(&election, quorum) == is_enough(&scene, answering, quorum));
        EXPECT(election_knows_the_end(&election, local) == (answering == 7));
    }
}

TEST(those_who_are_silent_are_named_with_or_without_the_writer)
{
    const struct scene scene = scene_of(2, 0);
    struct election election;
    char text[64];

    election_init(&election, &scene.record);
    election_silent(&election, text, sizeof text);
    EXPECT(strcmp(text, "w, r0, r1") == 0);
    election.answered[0] = true;
    election_silent_members(&election, text, sizeof text);
    EXPECT(strcmp(text, "r1") == 0);
}

static struct identity identity_of(const struct scene *scene, unsigned number)
{
    struct identity identity = {.role = ROLE_PRIMARY};

    name_of(identity.member, number);
    snprintf(identity.region, sizeof identity.region, "%s", scene->record.members[number].region);
    return identity;
}

/* Who holds it after the change: the old writer now among the members, the new one not. */
static bool hides(const struct scene *next, unsigned holders, unsigned answering)
{
    for (unsigned i = 0; i < next->record.member_count; i++) {
        const char *name = next->record.members[i].name;
        const bool holds =
            name[0] == 'w' || (name[0] == 'r' && (holders >> (unsigned)(name[1] - '0') & 1));

        if (holds && (answering >> i & 1)) {
            return false;
        }
    }
    return true;
}

/* What was committed under the old writer is found by the election after the next one, too. */
static void try_succession(const struct scene *scene, unsigned chosen, struct level level)
{
    struct scene next = *scene;
    const struct identity self = identity_of(scene, chosen);
    const struct id folder = folder_of(chosen);

    election_become_writer(&next.record, &self, &folder);
    EXPECT(next.record.member_count == scene->count);
    EXPECT(strcmp(next.record.writer, self.member) == 0);
    for (unsigned answering = 0; answering < 1u << scene->count; answering++) {
        struct election election;

        election_init(&election, &next.record);
        for (unsigned i = 0; i < next.record.member_count; i++) {
            election.answered[i] = (answering >> i & 1) != 0;
        }
        for (unsigned holders = 0; holders < 1u << scene->count; holders++) {
            if (commits(scene, holders, level) && election_is_enough(&election, level)) {
                EXPECT(!hides(&next, holders, answering));
            }
        }
    }
}

TEST(what_was_committed_under_one_writer_is_not_hidden_from_the_election_of_the_third)
{
    for (unsigned count = 1; count <= REPLICAS_MAX; count++) {
        for (unsigned regions = 0; regions < 81; regions += 5) {
            const struct scene scene = scene_of(count, regions);

            for (unsigned chosen = 0; chosen < count; chosen++) {
                for (unsigned k = 1; k <= count; k++) {
                    try_succession(&scene, chosen, (struct level){LEVEL_QUORUM, k});
                    try_succession(&scene, chosen, (struct level){LEVEL_REGION, k});
                }
            }
        }
    }
}

static bool writer_is_enough(struct id folder, epoch_t epoch)
{
    const struct scene scene = scene_of(2, 0);
    struct election election;

    election_init(&election, &scene.record);
    (void)election_count(&election, &(struct election_answer){"w", folder, epoch});
    return election_is_enough(&election, (struct level){LEVEL_LOCAL, 0});
}

TEST(the_writer_alone_is_enough_if_it_has_its_own_folder_and_reign)
{
    EXPECT(writer_is_enough(folder_of(99), 7));
    EXPECT(!writer_is_enough(folder_of(98), 7)); /* made anew under the same name */
    EXPECT(!writer_is_enough(folder_of(99), 6)); /* rolled back, perhaps */
}

TEST(a_name_with_another_folder_is_silent)
{
    const struct scene scene = scene_of(1, 1);
    struct election election;
    char silent[64];

    election_init(&election, &scene.record);
    EXPECT(!election_count(&election, &(struct election_answer){"r0", folder_of(5), 7}));
    EXPECT(!election_count(&election, &(struct election_answer){"stranger", folder_of(0), 7}));
    EXPECT(!election_is_enough(&election, (struct level){LEVEL_QUORUM, 1}));
    election_silent(&election, silent, sizeof silent);
    EXPECT(strcmp(silent, "w, r0") == 0);
    EXPECT(election_count(&election, &(struct election_answer){"r0", folder_of(0), 7}));
    EXPECT(election_is_enough(&election, (struct level){LEVEL_QUORUM, 1}));
}

TEST(a_writer_that_starts_again_changes_nothing_but_itself)
{
    struct scene scene = scene_of(2, 1);
    struct identity self = {.role = ROLE_PRIMARY};
    const struct id folder = folder_of(50);

    snprintf(self.member, sizeof self.member, "w");
    snprintf(self.region, sizeof self.region, "region-2");
    election_become_writer(&scene.record, &self, &folder);
    EXPECT(scene.record.member_count == 2 && id_equal(&scene.record.folder, &folder));
    EXPECT(strcmp(scene.record.region, "region-2") == 0);
}
