/* What went wrong, and who is to blame?
 *
 * One list holds every fault: its name, its blame, its text. Blame chooses the reaction, written
 * once in each node: PEER hang up with the reason; DISK halt; KEYS wait and retry, or the key-loss
 * states; CALLER tell whoever asked. A bug is no status: see check.h. */
#ifndef SEALIFT_BASE_STATUS_H
#define SEALIFT_BASE_STATUS_H

#include <stdbool.h>

#define STATUS_LIST(X) \
    X(0, OK, NOBODY, "done") \
    X(1, E_PROMOTED, NOBODY, "promoted: this member starts again as the primary") \
    /* bytes from a peer or a file that are not what they should be */ \
    X(2, E_TRUNCATED, PEER, "the bytes end too early") \
    X(3, E_MALFORMED, PEER, "the bytes do not have the form that the format demands") \
    X(4, E_TOO_LARGE, PEER, "larger than the limit allows") \
    X(5, E_VERSION, PEER, "written by a version of Sealift that this one does not know") \
    X(6, E_PROTOCOL, PEER, "a message that has no place here in the conversation") \
    X(7, E_CHECKSUM, PEER, "the checksum does not match: the bytes have rotted or were cut") \
    X(8, E_GAP, PEER, "not the next batch: something was dropped, repeated or reordered") \
    X(9, E_CHAIN, PEER, "the batch does not follow the one before it: spliced or swapped") \
    X(10, E_FORGED, PEER, "the seal does not match: the bytes were changed after sealing") \
    X(11, E_STALE_EPOCH, PEER, "from a writer that has been superseded by a higher epoch") \
    X(12, E_FENCED, PEER, "the peer knows a higher epoch: this writer has been superseded") \
    X(13, E_LINEAGE, PEER, "of another lineage: these bytes belong to another WAL") \
    X(14, E_DESCRIPTOR, PEER, "the at-rest setting or descriptor differs from the WAL's own") \
    X(15, E_IDENTITY, PEER, "the certificate does not name a member that may do this") \
    X(16, E_PROOF, PEER, "the peer could not prove that it holds the data key") \
    X(17, E_SILENT, PEER, "the peer has said nothing for too long") \
    X(18, E_SLOW, PEER, "the peer does not read what it asked for") \
    X(19, E_CLOSED, PEER, "the peer closed the link") \
    X(20, E_CUT, PEER, "the link was cut without a goodbye: what was under way may be truncated") \
    X(21, E_UNREACHABLE, PEER, "nobody answers at that address") \
    X(22, E_TLS, PEER, "the TLS handshake or a TLS record was refused") \
    X(23, E_LOST, PEER, "too far behind or diverged beyond what the upstream can serve") \
    X(24, E_BUSY, PEER, "the other end has no room for another link") \
    X(25, E_CERTIFICATE, PEER, \
      "the peer's certificate is missing, not of our CA, or not for this") \
    X(26, E_EXPIRED, PEER, "the peer's certificate is expired or not yet valid") \
    X(27, E_DEPLOYMENT, PEER, "the peer's certificate is of another deployment") \
    X(28, E_FOLLOWER, PEER, "the upstream has not heard of the writer for too long") \
    X(29, E_ORDER, PEER, "no batch of this type belongs at this place of its segment") \
    X(30, E_REVOKED, PEER, "the certificate is revoked") \
    X(31, E_LAPSED, PEER, "the peer's certificate expired while the link was up") \
    X(32, E_AGED, PEER, "the link is as old as a link may be: it is made anew") \
    X(85, E_TWIN, PEER, "another process is linked under this member's name and certificate") \
    /* our own disk */ \
    X(33, E_IO, DISK, "a write, read or sync failed; what was under way is in doubt") \
    X(34, E_DISK_FULL, DISK, "no space is left on the device") \
    X(35, E_DAMAGED, DISK, "bytes that were durable are missing or damaged") \
    X(36, E_UNDECIDABLE, DISK, "cannot tell whether damaged bytes had been acknowledged") \
    X(37, E_SUSPECT, DISK, "the last stop was an I/O failure: what is on the disk is in doubt") \
    X(38, E_MISSING, DISK, "a file that must be there is missing") \
    X(39, E_EXISTS, DISK, "a file that must not be there exists") \
    X(40, E_READ_ONLY, DISK, "the folder cannot be written") \
    X(41, E_LOCKED, DISK, "the folder is in use by another process") \
    X(42, E_FOREIGN_FOLDER, DISK, "the folder belongs to another cluster") \
    X(43, E_COPIED_FOLDER, DISK, "the folder was copied or rolled back: it may not write") \
    X(44, E_COORDINATOR, DISK, "the coordinator's record cannot be read or written") \
    X(45, E_CLAIM_LOST, DISK, "another writer has claimed the epoch") \
    X(46, E_CUT_COMMITTED, DISK, "the upstream's history would cut records that were committed") \
    X(76, E_NO_RECORD, DISK, "the coordinator has no record of this lineage") \
    X(84, E_WENT_BACK, DISK, "the coordinator's record is older than what was seen here") \
    /* key services */ \
    X(47, E_WRONG_KEY, KEYS, "sealed under another key than the one at hand") \
    X(48, E_KEY_UNREACHABLE, KEYS, "the key service does not answer") \
    X(49, E_KEY_DENIED, KEYS, "the key service refuses the key") \
    X(50, E_KEY_DISABLED, KEYS, "the KMS key is disabled") \
    X(51, E_KEY_PENDING_DELETION, KEYS, "the KMS key is pending deletion") \
    X(52, E_KEY_NOT_FOUND, KEYS, "the KMS key does not exist") \
    X(53, E_KEY_CIPHERTEXT, KEYS, "the envelope does not open with this key and context") \
    X(54, E_KEY_MISMATCH, KEYS, "the envelope opened to another data key than the WAL's own") \
    X(55, E_KEY_NOT_NAMED, KEYS, "a KMS key of this region must be named") \
    X(82, E_KEY_CREDENTIALS, KEYS, "the key service does not take this member's credentials") \
    X(83, E_KEY_NO_SERVICE, KEYS, "this member knows no key service of that region") \
    X(86, E_KEY_LOST, KEYS, \
      "the KMS key is refused: nothing is served until it can be used again") \
    X(87, E_KEY_GONE, KEYS, \
      "the KMS key was refused for too long: only a restore brings the data back") \
    /* whoever asked */ \
    X(56, E_FULL, CALLER, "no room at the moment: try again") \
    X(57, E_EMPTY, CALLER, "a record must have at least one byte") \
    X(58, E_RECORD_TOO_LARGE, CALLER, "the record is larger than 8 MiB") \
    X(59, E_LEVEL, CALLER, "the cluster has too few members for this durability level") \
    X(60, E_SEQUENCE, CALLER, "the sequence overlaps records that were appended otherwise") \
    X(61, E_BEYOND, CALLER, "that LSN does not exist yet") \
    X(62, E_NOT_KEPT, CALLER, "that LSN is not kept here any more: retention has let it go") \
    X(63, E_NOT_WRITER, CALLER, "only the primary takes appends") \
    X(64, E_NO_QUORUM, CALLER, \
      "too few members answer to rule out that committed records are lost") \
    X(65, E_NO_COORDINATOR, CALLER, "this member knows no coordinator") \
    X(66, E_NOT_READY, CALLER, "the member is starting or stopping: try again") \
    X(67, E_INDEFINITE, CALLER, \
      "the result is not known: retry with the same producer and sequence") \
    X(68, E_RULE, CALLER, "InvalidParameterCombination") \
    X(69, E_KMS_ERROR, CALLER, "refused with an error of the KMS API, which says why") \
    X(70, E_UNSIGNED, CALLER, "the request carries no AWS signature") \
    X(71, E_SIGNATURE, CALLER, "the request's AWS signature does not match") \
    X(72, E_SKEW, CALLER, "the request was signed more than 15 minutes from now") \
    X(73, E_USAGE, CALLER, "the settings contradict each other or are incomplete") \
    X(74, E_WAL_FULL, CALLER, "the WAL has as many segments as segments_max allows") \
    X(75, E_CRL, CALLER, "the list of revoked certificates is not of our CA or out of its time") \
    X(77, E_PROMOTING, CALLER, "a promotion of this member is under way") \
    X(78, E_NOT_VOTER, CALLER, "the coordinator's record does not have this member's data folder") \
    X(79, E_LOSS, CALLER, "the accepted loss ends before the end of what is held here") \
    X(80, E_LACKING, CALLER, "records known as committed are held by nobody who answers") \
    X(81, E_BEHIND, CALLER, "another member holds more, and nobody gives it")

/* One member for each number: a number that two lines share does not compile. */
struct status_numbers {
#define STATUS_NUMBER(number, name, blame, text) char taken_##number;
    STATUS_LIST(STATUS_NUMBER)
#undef STATUS_NUMBER
};

enum status {
#define STATUS_ENUM(number, name, blame, text) name = (number),
    STATUS_LIST(STATUS_ENUM)
#undef STATUS_ENUM
        STATUSES = sizeof(struct status_numbers) /* one above the greatest: none is left out */
};

enum blame { BLAME_NOBODY, BLAME_PEER, BLAME_DISK, BLAME_KEYS, BLAME_CALLER };

#define NODISCARD __attribute__((warn_unused_result))

/* "E_GAP"; "UNKNOWN" for a number that is no status, since peers send numbers. */
const char *status_name(enum status status);

/* A sentence for a person, without full stop. */
const char *status_text(enum status status);

enum blame status_blame(enum status status);

/* A status that a peer sent by number; E_PROTOCOL where there is no such number. */
enum status status_of_number(unsigned number);

/* The only macro with control flow. Use it where nothing needs cleaning up. */
#define TRY(expression) \
    do { \
        const enum status try_status_ = (expression); \
        if (try_status_ != OK) { \
            return try_status_; \
        } \
    } while (0)

#endif
