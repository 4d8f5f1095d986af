/* A KMS key cannot be used: which, where, by whom, for what, and what does its key service say?
 *
 *   KMSKeyNotAccessibleFault: the KMS key [ARN] in eu-west-1 cannot be used by
 *   arn:aws:iam::111122223333:role/source for kms:Encrypt: AccessDeniedException because no
 *   resource-based policy allows the kms:Encrypt action
 *
 * A member does not know its own principal: only the key service does, which looks it up by the
 * access key. Where it denies, AWS's sentence ("User: ARN is not authorized to perform: kms:Encrypt
 * on resource: ARN because ...") says who, what and of which key, even where an alias was asked
 * for. Any other sentence is kept as it is, and the member stands for its principal. */
#ifndef SEALIFT_MEMBER_KEY_FAULT_H
#define SEALIFT_MEMBER_KEY_FAULT_H

#include "base/status.h"
#include "node/keys.h"

enum {
    KEY_PRINCIPAL_BYTES_MAX = 640, /* IAM: a path of 512 and a name of 64 bytes in a user's ARN */
    KEY_FAULT_TEXT_MAX = 1216, /* both ARNs whole; what the service says besides takes the rest */
};

struct key_fault {
    enum status why;
    enum keys_op op; /* what was asked */
    const char *key; /* of which key, as it was named */
    const char *region; /* whose key service refused */
    const char *member; /* who asked */
    const char *said; /* the service's own sentence; NULL or "": none */
};

/* The sentence, without a full stop, so that it can go on. Returns `text`. */
const char *key_fault_text(const struct key_fault *fault, char text[KEY_FAULT_TEXT_MAX]);

#endif
