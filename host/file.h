/* How is a file read and written whole, so that it stays?
 *
 * The loops that system calls leave to their caller: short counts, EINTR, folders that must be
 * synced for a name to be durable. Paths are relative to an open folder. After a failure errno is
 * that of the call that failed. Statuses: E_DISK_FULL, E_READ_ONLY, E_MISSING, E_EXISTS, E_LOCKED,
 * E_TOO_LARGE (file_load), else E_IO. */
#ifndef SEALIFT_HOST_FILE_H
#define SEALIFT_HOST_FILE_H

#include "base/bytes.h"
#include "base/status.h"

#include <stdint.h>

/* What an errno of a file operation means to a member. */
enum status file_status_of_errno(int error);

/* All of `data`, at `offset`; not durable yet. */
NODISCARD enum status file_write(int fd, struct bytes data, uint64_t offset);

/* Until `size` bytes are read or the file ends; `got` says how many. */
NODISCARD enum status file_read(int fd, void *into, uint64_t size, uint64_t offset, uint64_t *got);

/* fdatasync: contents and, where it matters, size. */
NODISCARD enum status file_sync(int fd);

/* Names that were created, renamed or removed in it. */
NODISCARD enum status file_sync_folder(int folder);

/* Closes, and says whether the file system had still something to object to. */
NODISCARD enum status file_close(int fd);

/* Write NAME.new, sync, rename over NAME, sync the folder: the old or the new, nothing between. */
NODISCARD enum status file_replace(int folder, const char *name, struct bytes data);

/* The whole file, in memory that the caller frees. E_TOO_LARGE beyond `max`. An empty file is a
 * size of 0 and memory all the same. */
NODISCARD enum status file_load(int folder, const char *name, size_t max, uint8_t **data,
                                size_t *size);

/* Creates the sub-folder if need be and opens it. */
NODISCARD enum status file_open_folder(int parent, const char *name, int *folder);

#endif
