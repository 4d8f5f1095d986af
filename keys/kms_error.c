/* The list of kms_error.h, read as names and as HTTP statuses. */
#include "keys/kms_error.h"

#include "base/check.h"

static const struct kms_error_row {
    const char *name;
    unsigned http_status;
} rows[KMS_ERRORS] = {
#define KMS_ERROR_ROW(name, text, http) [name] = {text, http},
    KMS_ERROR_LIST(KMS_ERROR_ROW)
#undef KMS_ERROR_ROW
};

const char *kms_error_name(enum kms_error error)
{
    CHECK((unsigned)error < KMS_ERRORS);
    return rows[error].name;
}

unsigned kms_error_http_status(enum kms_error error)
{
    CHECK((unsigned)error < KMS_ERRORS);
    return rows[error].http_status;
}
