/* Words of a key service stand in a proof as it said them: they are made printable here. */
#include "cli/key_proof_form.h"

#include "base/check.h"
#include "cli/clean.h"

#include <inttypes.h>
#include <time.h>

enum { TIME_TEXT_MAX = 32, SENTENCE_MAX = 2 * KEY_WHY_MAX };

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static json_int_t number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static const char *time_text(int64_t seconds, char text[TIME_TEXT_MAX])
{
    const time_t time = (time_t)seconds;
    struct tm date;

    if (gmtime_r(&time, &date) == NULL
        || strftime(text, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &date) == 0) {
        snprintf(text, TIME_TEXT_MAX, "-");
    }
    return text;
}

static void print_clean(FILE *to, const char *before, const char *text)
{
    char copy[SENTENCE_MAX];

    snprintf(copy, sizeof copy, "%s", text);
    clean_text(copy);
    fprintf(to, "%s%s", before, copy);
}

static enum status status_of(const json_t *answer)
{
    return key_proof_status(text_of(answer, "status"));
}

static void print_evidence(FILE *to, const json_t *answer)
{
    const enum status status = status_of(answer);

    if (status == OK) {
        fprintf(to, "\n            positive: the data key that came out is the envelope's, and "
                    "opened every header and seal under it");
        return;
    }
    print_clean(to, "\n            negative evidence only: ", text_of(answer, "said"));
    fprintf(to, " (%s)", status_name(status));
    if (!key_proof_is_of_envelope(status)) {
        fprintf(to, "\n            and less than that: the key or the caller was refused, whatever "
                    "the envelope");
    }
    print_clean(to, "\n            the key there: ",
                json_is_null(json_object_get(answer, "key_state")) ? "not known: "
                                                                   : text_of(answer, "key_state"));
    print_clean(to, "", text_of(answer, "key_state_why"));
}

static void print_audit(FILE *to, const json_t *answer)
{
    const json_t *entry = json_object_get(answer, "audit");

    if (json_is_null(entry)) {
        print_clean(to, "\n            audit: none: ", text_of(answer, "audit_why"));
    } else {
        fprintf(to, "\n            audit: entry %" JSON_INTEGER_FORMAT, number_of(entry, "number"));
        print_clean(to, " ", text_of(entry, "sha256"));
    }
    print_clean(to, "\n            request: ", text_of(answer, "request_id"));
    fputc('\n', to);
}

static void print_envelope(FILE *to, const json_t *envelope)
{
    const json_t *answers = json_object_get(envelope, "answers");

    print_clean(to, "  envelope  ", text_of(envelope, "envelope_sha256"));
    print_clean(to, " of DEK ", text_of(envelope, "dek"));
    fprintf(to, ", %" JSON_INTEGER_FORMAT " segments\n", number_of(envelope, "segments"));
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const json_t *answer = json_array_get(answers, i);

        print_clean(to, status_of(answer) == OK ? "  opened    " : "  refused   ",
                    text_of(answer, "KmsKeyId"));
        print_evidence(to, answer);
        print_audit(to, answer);
    }
}

static size_t count_others(const json_t *envelopes)
{
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(envelopes); i++) {
        count += json_array_size(json_object_get(json_array_get(envelopes, i), "answers")) - 1;
    }
    return count;
}

void key_proof_print(FILE *to, const char *name, const struct key_proof_check *check)
{
    const json_t *proof = check->proof, *chain = json_object_get(proof, "chain");
    const json_t *envelopes = json_object_get(proof, "envelopes");
    char time[TIME_TEXT_MAX];

    fprintf(to, "%s: genuine\n", name);
    fprintf(to, "  signed    by %s, the %s in %s, at %s by its clock\n", check->signer.member,
            role_name(check->signer.role), check->signer.region, time_text(check->made_at, time));
    print_clean(to, "  lineage   ", text_of(proof, "lineage"));
    print_clean(to, ", cluster ", text_of(proof, "cluster"));
    fprintf(to,
            "\n  ends      epoch %" JSON_INTEGER_FORMAT ", segment %" JSON_INTEGER_FORMAT
            ", batch %" JSON_INTEGER_FORMAT ", LSN %" JSON_INTEGER_FORMAT "\n",
            number_of(chain, "epoch"), number_of(chain, "segment"), number_of(chain, "batch"),
            number_of(chain, "lsn"));
    print_clean(to, "  chain     ", text_of(chain, "sha256"));
    fputc('\n', to);
    for (size_t i = 0; i < json_array_size(envelopes); i++) {
        print_envelope(to, json_array_get(envelopes, i));
    }
    fprintf(to, "  %s\n",
            count_others(envelopes) == 0
                ? "No other key was asked: nothing is claimed of any."
                : "A refusal shows that the key did not open the envelope when it was asked, not "
                  "that none could.");
}

static json_t *claim_of(const json_t *envelope, const json_t *answer)
{
    const enum status status = status_of(answer);
    const char *refused = key_proof_is_of_envelope(status) ? "envelope" : "key";

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "dek", text_of(envelope, "dek"),
                     "region", text_of(answer, "region"), "KmsKeyId", text_of(answer, "KmsKeyId"),
                     "outcome", text_of(answer, "outcome"), "status", status_name(status),
                     "evidence", status == OK ? "positive" : "negative only", "refused",
                     status == OK ? json_null() : json_string(refused));
}

static json_t *claims_of(const json_t *proof)
{
    const json_t *envelopes = json_object_get(proof, "envelopes");
    json_t *claims = json_array();

    for (size_t i = 0; i < json_array_size(envelopes); i++) {
        const json_t *envelope = json_array_get(envelopes, i);
        const json_t *answers = json_object_get(envelope, "answers");

        for (size_t k = 0; k < json_array_size(answers); k++) {
            json_array_append_new(claims, claim_of(envelope, json_array_get(answers, k)));
        }
    }
    return claims;
}

json_t *key_proof_report(const char *name, const struct key_proof_check *check, enum status status)
{
    json_t *report = json_pack("{s:s, s:b, s:s, s:s}", "file", name, "genuine", status == OK,
                               "status", status_name(status), "why", check->why);

    CHECK(report != NULL);
    if (status == OK) {
        json_object_set_new(report, "signed_by", json_string(check->signer.member));
        json_object_set_new(report, "role", json_string(role_name(check->signer.role)));
        json_object_set_new(report, "made_at", json_integer((json_int_t)check->made_at));
        json_object_set_new(report, "claims", claims_of(check->proof));
    }
    return report;
}
