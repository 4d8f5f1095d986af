/* Where can this process be made to die?
 *
 * Before and after every step that makes something durable there is a named place. With
 * SEALIFT_FAILPOINT=NAME:COUNT in its environment a daemon kills itself (SIGKILL) when it comes to
 * that place for the COUNT-th time; tests/crash goes through all of them. Without it a place costs
 * one comparison. `sealift failpoints` lists them. */
#ifndef SEALIFT_HOST_FAILPOINT_H
#define SEALIFT_HOST_FAILPOINT_H

#include <stdbool.h>

/* The steps of file_replace, for each kind of file that is replaced whole. */
#define FAILPOINTS_OF_REPLACE(X, KIND, kind) \
    X(KIND##_BEFORE_WRITE, kind ".before_write") \
    X(KIND##_BEFORE_SYNC, kind ".before_sync") \
    X(KIND##_AFTER_SYNC, kind ".after_sync") \
    X(KIND##_AFTER_RENAME, kind ".after_rename") \
    X(KIND##_AFTER_FOLDER_SYNC, kind ".after_folder_sync")

#define FAILPOINTS(X) \
    X(FOLDER_AFTER_MAKE, "folder.after_make") \
    X(FOLDER_AFTER_SYNC, "folder.after_sync") \
    X(LEFTOVER_BEFORE_UNLINK, "leftover.before_unlink") \
    X(LEFTOVER_AFTER_UNLINK, "leftover.after_unlink") \
    X(CREATE_BEFORE_WRITE, "store.create.before_write") \
    X(CREATE_BEFORE_SYNC, "store.create.before_sync") \
    X(CREATE_AFTER_SYNC, "store.create.after_sync") \
    X(CREATE_AFTER_RENAME, "store.create.after_rename") \
    X(CREATE_AFTER_WAL_SYNC, "store.create.after_wal_sync") \
    X(CREATE_AFTER_SPARE_SYNC, "store.create.after_spare_sync") \
    X(APPEND_BEFORE_WRITE, "store.append.before_write") \
    X(APPEND_TORN, "store.append.torn") /* half of it is written */ \
    X(APPEND_AFTER_WRITE, "store.append.after_write") \
    X(APPEND_BEFORE_SYNC, "store.append.before_sync") \
    X(APPEND_AFTER_SYNC, "store.append.after_sync") \
    X(SYNC_BEFORE_SYNC, "store.sync.before_sync") \
    X(SYNC_AFTER_SYNC, "store.sync.after_sync") \
    X(SYNC_AFTER_FOLDER_SYNC, "store.sync.after_folder_sync") \
    X(PART_BEFORE_WRITE, "aside.part.before_write") \
    X(PART_BEFORE_SYNC, "aside.part.before_sync") \
    X(PART_AFTER_SYNC, "aside.part.after_sync") \
    X(PART_AFTER_RENAME, "aside.part.after_rename") \
    X(PART_AFTER_FOLDER_SYNC, "aside.part.after_folder_sync") \
    X(ASIDE_BEFORE_RENAME, "aside.segment.before_rename") \
    X(ASIDE_AFTER_RENAME, "aside.segment.after_rename") \
    X(ASIDE_AFTER_QUARANTINE_SYNC, "aside.segment.after_quarantine_sync") \
    X(ASIDE_AFTER_WAL_SYNC, "aside.segment.after_wal_sync") \
    X(REPAIR_BEFORE_WRITE, "repair.before_write") \
    X(REPAIR_BEFORE_SYNC, "repair.before_sync") \
    X(REPAIR_AFTER_SYNC, "repair.after_sync") \
    X(REPAIR_AFTER_ASIDE, "repair.after_aside") \
    X(REPAIR_AFTER_EXCHANGE, "repair.after_exchange") \
    X(REPAIR_AFTER_FOLDER_SYNC, "repair.after_folder_sync") \
    X(REPAIR_AFTER_UNLINK, "repair.after_unlink") \
    X(DELETE_BEFORE_UNLINK, "store.delete.before_unlink") \
    X(DELETE_AFTER_UNLINK, "store.delete.after_unlink") \
    X(DELETE_AFTER_FOLDER_SYNC, "store.delete.after_folder_sync") \
    X(SPARE_BEFORE_FILL, "spare.before_fill") \
    X(SPARE_BEFORE_SYNC, "spare.before_sync") \
    X(SPARE_AFTER_SYNC, "spare.after_sync") \
    X(SPARE_AFTER_RENAME, "spare.after_rename") \
    FAILPOINTS_OF_REPLACE(X, DESCRIPTOR, "descriptor") \
    FAILPOINTS_OF_REPLACE(X, KEYRING, "keyring") \
    FAILPOINTS_OF_REPLACE(X, CONTROL, "control") \
    FAILPOINTS_OF_REPLACE(X, CLAIM, "claim") \
    X(CATALOG_BEFORE_SCHEMA, "catalog.before_schema") \
    X(CATALOG_AFTER_SCHEMA, "catalog.after_schema") \
    X(CATALOG_BEFORE_COMMIT, "catalog.before_commit") \
    X(CATALOG_AFTER_COMMIT, "catalog.after_commit") \
    X(SECRET_BEFORE_WRITE, "secret.before_write") \
    X(SECRET_BEFORE_SYNC, "secret.before_sync") \
    X(SECRET_AFTER_SYNC, "secret.after_sync") \
    X(SECRET_AFTER_RENAME, "secret.after_rename") \
    X(SECRET_AFTER_FOLDER_SYNC, "secret.after_folder_sync")

enum failpoint {
#define FAILPOINT_NAME(name, text) FAILPOINT_##name,
    FAILPOINTS(FAILPOINT_NAME)
#undef FAILPOINT_NAME
        FAILPOINT_COUNT /* none */
};

const char *failpoint_text(enum failpoint point);

/* Reads SEALIFT_FAILPOINT; before the first thread. False where it names no place. */
bool failpoint_arm(void);

extern enum failpoint failpoint_armed; /* FAILPOINT_COUNT: none */

/* Counts a pass of the armed place; true at the COUNT-th. Any thread. */
bool failpoint_is_due(void);

/* SIGKILL: nothing is flushed, nothing is told. */
void failpoint_die(void);

static inline void failpoint_pass(enum failpoint point)
{
    if (__builtin_expect(point == failpoint_armed, false) && failpoint_is_due()) {
        failpoint_die();
    }
}

#endif
