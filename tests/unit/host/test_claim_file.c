/* The coordinator's file: one winner per version, found-out copies, and no guess where it is
 * damaged. */
#include "base/check.h"
#include "host/claim_file.h"
#include "host/claim_text.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

struct rig {
    char path[FOLDER_MAX];
    char data[FOLDER_MAX + 8];
    char other[FOLDER_MAX + 8];
    char where[FOLDER_MAX + 16];
    struct claim_file claim;
};

static void rig_start(struct rig *rig)
{
    char why[CLAIM_WHY_MAX];

    NEED(folder_make(rig->path) != NULL);
    snprintf(rig->data, sizeof rig->data, "%s/data", rig->path);
    snprintf(rig->other, sizeof rig->other, "%s/copy", rig->path);
    snprintf(rig->where, sizeof rig->where, "file:%s/claim", rig->path);
    NEED(mkdir(rig->data, 0700) == 0 && mkdir(rig->other, 0700) == 0);
    NEED(claim_file_open(&rig->claim, rig->where, rig->data, (struct trace){0}, why) == OK);
}

static void rig_stop(struct rig *rig)
{
    claim_file_close(&rig->claim);
    folder_remove(rig->path);
}

static struct claim_record sample(uint64_t version, epoch_t epoch)
{
    struct claim_record record = {.version = version, .epoch = epoch, .segment = 4};

    memset(record.lineage.bytes, 0xab, 16);
    memset(record.folder.bytes, 0xcd, 16);
    memset(record.chain.bytes, 0xef, 32);
    snprintf(record.writer, sizeof record.writer, "db-1");
    snprintf(record.level, sizeof record.level, "quorum:1");
    snprintf(record.region, sizeof record.region, "us-east-1");
    record.member_count = 2;
    memset(record.members[1].folder.bytes, 0x12, 16);
    snprintf(record.members[0].name, sizeof record.members[0].name, "db-2");
    snprintf(record.members[0].region, sizeof record.members[0].region, "eu-west-1");
    snprintf(record.members[1].name, sizeof record.members[1].name, "db-3");
    snprintf(record.members[1].region, sizeof record.members[1].region, "ap-southeast-2");
    return record;
}

TEST(a_record_changes_only_at_its_version)
{
    struct rig rig;
    struct claim_record record = {0};

    rig_start(&rig);
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), OK);
    EXPECT(record.version == 0);
    record = sample(1, 1);
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), E_CLAIM_LOST);
    EXPECT(record.version == 0);
    record = sample(0, 1);
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), OK);
    EXPECT(record.version == 1 && record.epoch == 1);
    record = sample(0, 2);
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), E_CLAIM_LOST);
    EXPECT(record.version == 1 && record.epoch == 1);
    EXPECT(record.member_count == 2 && strcmp(record.members[1].region, "ap-southeast-2") == 0);
    EXPECT(strcmp(record.level, "quorum:1") == 0 && record.chain.bytes[31] == 0xef);
    record = sample(1, 2);
    record.lineage.bytes[0] ^= 1;
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), E_CLAIM_LOST);
    rig_stop(&rig);
}

TEST(two_processes_never_win_the_same_version)
{
    struct rig rig;
    struct claim_record record = {0};
    unsigned wins[2] = {0};
    int ends[2][2];

    rig_start(&rig);
    for (unsigned child = 0; child < 2; child++) {
        NEED(pipe(ends[child]) == 0);
        if (fork() == 0) {
            unsigned won = 0;

            for (uint64_t version = 0; version < 20; version++) {
                struct claim_record mine = sample(version, version * 2 + child);
                enum status status;

                while ((status = claim_file_change(&rig.claim, &mine)) == E_LOCKED) {
                    usleep(100);
                }
                won += status == OK;
            }
            _exit(write(ends[child][1], &won, sizeof won) == (ssize_t)sizeof won ? 0 : 1);
        }
    }
    for (unsigned child = 0; child < 2; child++) {
        NEED(read(ends[child][0], &wins[child], sizeof wins[child]) == (ssize_t)sizeof(unsigned));
        wait(NULL);
        close(ends[child][0]);
        close(ends[child][1]);
    }
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), OK);
    EXPECT(record.version == wins[0] + wins[1] && record.version == 20);
    rig_stop(&rig);
}

TEST(a_lock_that_somebody_holds_is_said_and_not_waited_for)
{
    struct rig rig;
    struct claim_record record = sample(0, 1);
    char path[FOLDER_MAX + 16];

    rig_start(&rig);
    snprintf(path, sizeof path, "%s/claim.lock", rig.path);

    const int held = open(path, O_RDWR | O_CREAT, 0600);

    NEED(held >= 0 && flock(held, LOCK_EX) == 0);
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), E_LOCKED);
    EXPECT(record.version == 0 && record.epoch == 1); /* as it was: it can be asked again */
    EXPECT_STATUS(claim_file_give_up(&rig.claim), E_COORDINATOR);
    close(held);
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), OK);
    EXPECT(record.version == 1);
    rig_stop(&rig);
}

TEST(a_copied_folder_may_not_write_until_it_is_adopted)
{
    struct rig rig;
    struct claim_file copy;
    struct claim_record record = sample(0, 1);
    char why[CLAIM_WHY_MAX];

    rig_start(&rig);
    NEED(claim_file_change(&rig.claim, &record) == OK);
    NEED(claim_file_open(&copy, rig.where, rig.other, (struct trace){0}, why) == OK);
    record = sample(1, 2);
    EXPECT_STATUS(claim_file_change(&copy, &record), E_COPIED_FOLDER);
    EXPECT(record.version == 1 && record.epoch == 1);
    record = sample(1, 2);
    record.folder.bytes[0] ^= 1; /* another member, with a folder of its own */
    EXPECT_STATUS(claim_file_change(&copy, &record), OK);
    record = sample(2, 3);
    record.folder.bytes[0] ^= 1;
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), E_COPIED_FOLDER);
    rig.claim.adopt = true;
    record = sample(2, 3);
    record.folder.bytes[0] ^= 1;
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), OK);
    claim_file_close(&copy);
    rig_stop(&rig);
}

/* A candidate notes which epoch it will show to others, or replaces the record by itself. */
TEST(what_another_member_notes_in_a_reign_takes_nothing_from_its_writer)
{
    struct rig rig;
    struct claim_file other;
    struct claim_record record = sample(0, 1);
    char why[CLAIM_WHY_MAX];

    rig_start(&rig);
    NEED(claim_file_change(&rig.claim, &record) == OK);
    NEED(claim_file_open(&other, rig.where, rig.other, (struct trace){0}, why) == OK);
    record = sample(1, 1);
    record.asked = 5;
    EXPECT_STATUS(claim_file_change(&other, &record), OK);
    record = (struct claim_record){0};
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), OK);
    EXPECT(record.version == 2 && record.asked == 5 && record.member_count == 2);
    record = sample(2, 6);
    EXPECT_STATUS(claim_file_change(&other, &record), E_COPIED_FOLDER);
    record = sample(2, 6);
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), OK); /* its folder is still its own */
    claim_file_close(&other);
    rig_stop(&rig);
}

TEST(the_coordinator_lies_outside_the_data_folder)
{
    struct rig rig;
    struct claim_file claim;
    char where[FOLDER_MAX + 64];
    char why[CLAIM_WHY_MAX];

    rig_start(&rig);
    snprintf(where, sizeof where, "file:%s/claim", rig.data);
    EXPECT_STATUS(claim_file_open(&claim, where, rig.data, (struct trace){0}, why), E_USAGE);
    EXPECT(strstr(why, "inside the data folder") != NULL);
    snprintf(where, sizeof where, "file:%s/../data/claim", rig.data);
    EXPECT_STATUS(claim_file_open(&claim, where, rig.data, (struct trace){0}, why), E_USAGE);
    snprintf(where, sizeof where, "file:%s/data-2/claim", rig.path);
    EXPECT_STATUS(claim_file_open(&claim, where, rig.data, (struct trace){0}, why), E_MISSING);
    EXPECT_STATUS(claim_file_open(&claim, "etcd:x", rig.data, (struct trace){0}, why), E_USAGE);
    EXPECT_STATUS(claim_file_open(&claim, "file:", rig.data, (struct trace){0}, why), E_USAGE);
    rig_stop(&rig);
}

TEST(a_damaged_claim_is_no_empty_one)
{
    struct rig rig;
    struct claim_record record = sample(0, 1);
    char path[FOLDER_MAX + 16];

    rig_start(&rig);
    NEED(claim_file_change(&rig.claim, &record) == OK);
    snprintf(path, sizeof path, "%s/claim", rig.path);
    NEED(truncate(path, 20) == 0);
    record = (struct claim_record){0};
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), E_COORDINATOR);
    NEED(truncate(path, 0) == 0);
    record = sample(0, 1);
    EXPECT_STATUS(claim_file_change(&rig.claim, &record), E_COORDINATOR);
    rig_stop(&rig);
}

TEST(every_flipped_bit_of_a_claim_is_found)
{
    static char text[CLAIM_TEXT_BYTES_MAX];
    const struct claim_binding binding = {.inode = 77};
    struct claim_binding then;
    struct claim_record record = sample(3, 9);
    const struct bytes whole = claim_text_encode(&record, &binding, text);

    EXPECT_STATUS(claim_text_decode(&record, &then, whole), OK);
    EXPECT(then.inode == 77 && record.version == 3 && record.epoch == 9);
    for (size_t i = 0; i < whole.size * 8; i++) {
        text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
        EXPECT_STATUS(claim_text_decode(&record, &then, whole), E_CHECKSUM);
        text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
    }
    EXPECT_STATUS(claim_text_decode(&record, &then, bytes_part(whole, 0, whole.size - 1)),
                  E_CHECKSUM);
}
