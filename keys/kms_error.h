/* Which errors can the key service answer with, and under which HTTP status?
 *
 * Names as in the AWS KMS API Reference. 400 for every refusal that would be the same again;
 * 5xx only for what may pass by itself, since the stock clients retry those. */
#ifndef SEALIFT_KEYS_KMS_ERROR_H
#define SEALIFT_KEYS_KMS_ERROR_H

#include "base/status.h"

#define KMS_ERROR_LIST(X) \
    X(KMS_NO_ERROR, "", 200) \
    X(KMS_ACCESS_DENIED, "AccessDeniedException", 400) \
    X(KMS_ALREADY_EXISTS, "AlreadyExistsException", 400) \
    X(KMS_CONFLICT, "ConflictException", 400) \
    X(KMS_DISABLED, "DisabledException", 400) \
    X(KMS_DRY_RUN, "DryRunOperationException", 400) \
    X(KMS_INCORRECT_KEY, "IncorrectKeyException", 400) \
    X(KMS_INVALID_ALIAS_NAME, "InvalidAliasNameException", 400) \
    X(KMS_INVALID_ARN, "InvalidArnException", 400) \
    X(KMS_INVALID_CIPHERTEXT, "InvalidCiphertextException", 400) \
    X(KMS_INVALID_GRANT_ID, "InvalidGrantIdException", 400) \
    X(KMS_INVALID_GRANT_TOKEN, "InvalidGrantTokenException", 400) \
    X(KMS_INVALID_MARKER, "InvalidMarkerException", 400) \
    X(KMS_INVALID_STATE, "KMSInvalidStateException", 400) \
    X(KMS_LIMIT_EXCEEDED, "LimitExceededException", 400) \
    X(KMS_MALFORMED_POLICY, "MalformedPolicyDocumentException", 400) \
    X(KMS_NOT_FOUND, "NotFoundException", 400) \
    X(KMS_SERIALIZATION, "SerializationException", 400) \
    X(KMS_TAG, "TagException", 400) \
    X(KMS_UNKNOWN_OPERATION, "UnknownOperationException", 400) \
    X(KMS_UNSUPPORTED, "UnsupportedOperationException", 400) \
    X(KMS_VALIDATION, "ValidationException", 400) \
    X(KMS_INTERNAL, "KMSInternalException", 500)

enum kms_error {
#define KMS_ERROR_ENUM(name, text, http) name,
    KMS_ERROR_LIST(KMS_ERROR_ENUM)
#undef KMS_ERROR_ENUM
        KMS_ERRORS
};

/* "DisabledException"; "" for KMS_NO_ERROR. */
const char *kms_error_name(enum kms_error error);

unsigned kms_error_http_status(enum kms_error error);

#endif
