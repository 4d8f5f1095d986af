/* Removing what an opening made, where nothing came of it: a port in use, a certificate that is
 * refused, a cluster that is not there. The next attempt finds the folder as this one found it.
 *
 * Only what this process made is removed, and only while the folder holds neither a small file nor
 * a segment; rmdir refuses where anybody put something of his own. What cannot be removed stays: an
 * empty sub-folder does no harm. */
#include "host/store_posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool is_used(const struct store_posix *store)
{
    for (int i = 0; i < STORE_FILES; i++) {
        if (faccessat(store->folder, store_file_name((enum store_file)i), F_OK, 0) == 0) {
            return true;
        }
    }
    return unlinkat(store->folder, "wal", AT_REMOVEDIR) != 0;
}

/* All of them are spares: anything else was removed when the folder was opened. */
static void remove_spares(const struct store_posix *store)
{
    const int folder = openat(store->folder, "spare", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = folder < 0 ? NULL : fdopendir(folder);

    if (entries == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (entry->d_name[0] != '.') {
            unlinkat(folder, entry->d_name, 0);
        }
    }
    closedir(entries);
}

void store_remove_unused(struct store_posix *store)
{
    if (!store->made_parts || is_used(store)) {
        return;
    }
    remove_spares(store);
    unlinkat(store->folder, "spare", AT_REMOVEDIR);
    unlinkat(store->folder, "quarantine", AT_REMOVEDIR);
    if (store->made_lock) {
        unlinkat(store->folder, "lock", 0);
    }
    if (store->made_folder) {
        rmdir(store->path);
    }
}
