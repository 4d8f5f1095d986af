/* What does a key's policy say to a caller's wish?
 *
 * A JSON document in AWS's policy language: statements of Effect, Principal, Action (or NotAction),
 * Resource and Condition. Pure: the document and the question in, the answer out. A Deny that
 * matches wins over every Allow; what no statement matches is SILENT, and so refused unless a
 * grant allows it.
 *
 * Known are: principals "*", {"AWS": ...} (*, account, ARN of its root: all of the account; or of a
 * user or role: exactly that one) and {"Service": NAME[.REGION].amazonaws.com} (who is marked with
 * that service); actions and resources with * and ?; the operators String[Not]Equals[IgnoreCase],
 * String[Not]Like, Arn[Not]Equals, Arn[Not]Like, Bool and Null, with IfExists, ForAllValues: and
 * ForAnyValue:; the condition keys of the table in key_policy_values.c. What is not known is not
 * ignored but refused when the policy is put: a policy means what it says here.
 *
 * There are no IAM policies beside it: where AWS lets an account's IAM decide (a principal that is
 * the account), all of the account's callers are meant. */
#ifndef SEALIFT_KEYS_KEY_POLICY_H
#define SEALIFT_KEYS_KEY_POLICY_H

#include "keys/kms.h"

#include <jansson.h>

struct policy_question {
    const char *principal; /* ARN of the caller */
    const char *account; /* the caller's */
    const char *via_service; /* "rds.us-east-1.amazonaws.com"; "": a user's direct call */
    const char *action; /* "Decrypt" */
    const char *key_arn;
    const char *alias; /* by which the key was named, or "" */
    const char *grantee; /* of CreateGrant, else "" */
    const json_t *context; /* the encryption context, or NULL */
};

enum policy_answer { POLICY_SILENT, POLICY_ALLOWS, POLICY_DENIES };

enum policy_answer policy_decide(const json_t *document, const struct policy_question *question);

/* NULL where the document is one that policy_decide understands, else what is wrong with it. */
const char *policy_fault(const json_t *document);

enum { POLICY_DEFAULT_BYTES_MAX = 2048 };

/* The policy that a key is born with: all of its account may do everything; or, for an AWS-managed
 * key, its account may use it through RDS only, and look at it. Returns `into`. */
struct bytes policy_default(const char *region, const char *account, bool aws_managed, char *into);

#endif
