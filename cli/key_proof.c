/* A proof is built and read as JSON: what is signed is what is shown, field for field.
 *
 * Reading is strict: a field more, a field less, or one of another kind is no proof, also where the
 * signature is good. So a reader never passes over what an author meant. */
#include "cli/key_proof.h"

#include "base/check.h"
#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>

static const char label[] = "sealift/key-proof/v1\n";

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *entry_to_json(const struct key_entry *entry)
{
    char hash[65];

    return entry->is_known
               ? json_pack("{s:I, s:s, s:s}", "number", (json_int_t)entry->number, "sha256",
                           hex_encode(bytes_of(entry->hash.bytes, sizeof entry->hash.bytes), hash),
                           "event_id", entry->event_id)
               : json_null();
}

json_t *key_proof_answer(const struct keys_request *request, const struct key_trial *trial,
                         const struct key_description *description, const struct key_entry *entry)
{
    const char *not_asked = trial->status == OK ? "it has just opened an envelope" : "not asked";
    json_t *answer = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "region", request->region,
        "KmsKeyId", request->key, "operation", "Decrypt", "outcome",
        trial->status == OK ? "opened" : "refused", "status", status_name(trial->status), "said",
        trial->said, "key_state", text_or_null(description != NULL ? description->state : ""),
        "key_state_why", text_or_null(description != NULL ? description->why : not_asked),
        "request_id", text_or_null(trial->request_id), "audit", entry_to_json(entry), "audit_why",
        text_or_null(entry->why));

    CHECK(answer != NULL);
    return answer;
}

bool key_proof_is_of_envelope(enum status status)
{
    return status == E_KEY_CIPHERTEXT;
}

bool key_proof_is_refusal(enum status status)
{
    return key_proof_is_of_envelope(status) || status == E_KEY_DENIED || status == E_KEY_DISABLED
           || status == E_KEY_PENDING_DELETION || status == E_KEY_NOT_FOUND;
}

enum status key_proof_status(const char *name)
{
    unsigned number = 0;

    while (number < STATUSES && strcmp(status_name((enum status)number), name) != 0) {
        number++;
    }
    return (enum status)number;
}

uint8_t *key_proof_bytes(const json_t *proof, size_t *size)
{
    const size_t flags = JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII;
    const size_t text = json_dumpb(proof, NULL, 0, flags);
    uint8_t *bytes = malloc(sizeof label - 1 + text);

    CHECK(bytes != NULL && text > 0);
    memcpy(bytes, label, sizeof label - 1);
    CHECK(json_dumpb(proof, (char *)bytes + sizeof label - 1, text, flags) == text);
    *size = sizeof label - 1 + text;
    return bytes;
}

/* ---- reading ---- */

static enum status malformed(char *why, const char *what)
{
    snprintf(why, KEY_PROOF_WHY_MAX, "%s", what);
    return E_MALFORMED;
}

static bool is_hex(const char *text, size_t bytes)
{
    uint8_t decoded[32];

    return hex_decode(text, decoded, bytes) == OK;
}

static bool is_text_or_null(const json_t *value)
{
    return json_is_string(value) || json_is_null(value);
}

struct answer {
    const char *region, *key, *operation, *outcome, *status, *said;
    json_t *state, *state_why, *request_id, *audit, *audit_why;
};

static enum status check_entry(const struct answer *answer, char *why)
{
    const char *hash, *event;
    json_int_t number;
    json_error_t error;

    if (json_is_null(answer->audit)) {
        return json_is_string(answer->audit_why)
                   ? OK
                   : malformed(why, "an answer without an audit entry must say why");
    }
    if (json_unpack_ex(answer->audit, &error, 0, "{s:I, s:s, s:s !}", "number", &number, "sha256",
                       &hash, "event_id", &event)
            != 0
        || number < 1 || !is_hex(hash, 32)) {
        return malformed(why, "an audit entry has number, sha256 and event_id");
    }
    return OK;
}

/* The first is the copy's own key. */
static enum status check_outcome(const struct answer *answer, bool is_first, char *why)
{
    const enum status status = key_proof_status(answer->status);

    if (is_first) {
        return status == OK && strcmp(answer->outcome, "opened") == 0
                   ? OK
                   : malformed(why, "the copy's own key has not opened its envelope");
    }
    return key_proof_is_refusal(status) && strcmp(answer->outcome, "refused") == 0
               ? OK
               : malformed(why, "another key was not refused: this shows the contrary");
}

static enum status check_answer(const json_t *value, bool is_first, struct answer *answer,
                                char *why)
{
    json_error_t error;

    if (json_unpack_ex(
            (json_t *)value, &error, 0, "{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o !}",
            "region", &answer->region, "KmsKeyId", &answer->key, "operation", &answer->operation,
            "outcome", &answer->outcome, "status", &answer->status, "said", &answer->said,
            "key_state", &answer->state, "key_state_why", &answer->state_why, "request_id",
            &answer->request_id, "audit", &answer->audit, "audit_why", &answer->audit_why)
        != 0) {
        snprintf(why, KEY_PROOF_WHY_MAX, "an answer: %.200s", error.text);
        return E_MALFORMED;
    }
    if (strcmp(answer->operation, "Decrypt") != 0 || !is_text_or_null(answer->state)
        || !is_text_or_null(answer->state_why) || !is_text_or_null(answer->request_id)
        || !is_text_or_null(answer->audit_why)) {
        return malformed(why, "an answer has a field of another kind");
    }
    TRY(check_outcome(answer, is_first, why));
    return check_entry(answer, why);
}

static enum status check_answers(const json_t *answers, const char *region, char *why)
{
    struct answer own, other;

    if (json_array_size(answers) == 0) {
        return malformed(why, "an envelope has no answers");
    }
    TRY(check_answer(json_array_get(answers, 0), true, &own, why));
    if (strcmp(own.region, region) != 0) {
        return malformed(why, "the envelope was opened in another region than the copy's");
    }
    for (size_t i = 1; i < json_array_size(answers); i++) {
        TRY(check_answer(json_array_get(answers, i), false, &other, why));
        if (strcmp(other.key, own.key) == 0) {
            return malformed(why, "the copy's own key stands among the others");
        }
    }
    return OK;
}

static enum status check_envelopes(const json_t *envelopes, const char *region, char *why)
{
    const char *dek, *sha256;
    json_int_t segments;
    json_error_t error;
    json_t *answers;

    if (json_array_size(envelopes) == 0) {
        return malformed(why, "there is no envelope in it");
    }
    for (size_t i = 0; i < json_array_size(envelopes); i++) {
        if (json_unpack_ex(json_array_get(envelopes, i), &error, 0, "{s:s, s:s, s:I, s:o !}", "dek",
                           &dek, "envelope_sha256", &sha256, "segments", &segments, "answers",
                           &answers)
            != 0) {
            snprintf(why, KEY_PROOF_WHY_MAX, "an envelope: %.200s", error.text);
            return E_MALFORMED;
        }
        if (!is_hex(dek, 16) || !is_hex(sha256, 32) || segments < 0) {
            return malformed(why, "an envelope has a field of another kind");
        }
        TRY(check_answers(answers, region, why));
    }
    return OK;
}

static enum status check_chain(const json_t *chain, char *why)
{
    json_int_t epoch, segment, batch, lsn;
    const char *sha256;
    json_error_t error;

    if (json_unpack_ex((json_t *)chain, &error, 0, "{s:I, s:I, s:I, s:I, s:s !}", "epoch", &epoch,
                       "segment", &segment, "batch", &batch, "lsn", &lsn, "sha256", &sha256)
        != 0) {
        snprintf(why, KEY_PROOF_WHY_MAX, "chain: %.200s", error.text);
        return E_MALFORMED;
    }
    return is_hex(sha256, 32) ? OK : malformed(why, "chain: sha256 is no digest");
}

enum status key_proof_check_form(const json_t *proof, char *why)
{
    const char *type, *lineage, *region, *cluster, *member;
    json_t *chain, *envelopes;
    json_int_t version, made_at;
    json_error_t error;

    if (json_integer_value(json_object_get(proof, "version")) > KEY_PROOF_VERSION) {
        snprintf(why, KEY_PROOF_WHY_MAX, "%s", status_text(E_VERSION));
        return E_VERSION;
    }
    if (json_unpack_ex(
            (json_t *)proof, &error, 0, "{s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:o, s:o !}", "type",
            &type, "version", &version, "made_at", &made_at, "lineage", &lineage, "region", &region,
            "cluster", &cluster, "member", &member, "chain", &chain, "envelopes", &envelopes)
        != 0) {
        snprintf(why, KEY_PROOF_WHY_MAX, "%.200s", error.text);
        return E_MALFORMED;
    }
    if (strcmp(type, KEY_PROOF_TYPE) != 0 || version != KEY_PROOF_VERSION || made_at <= 0
        || !is_hex(lineage, 16)) {
        return malformed(why, "type, version, made_at or lineage is none of a key proof");
    }
    TRY(check_chain(chain, why));
    return check_envelopes(envelopes, region, why);
}
