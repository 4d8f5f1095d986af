/* A key proof is what its signer said, of his own copy, in his certificate's time: altered anywhere
 * it is refused. */
#include "base/check.h"
#include "cli/key_proof_form.h"
#include "tests/support/pki.h"

#define LINEAGE "abababababababababababababababab"
#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OWN "arn:aws:kms:eu-west-1:1:key/own"
#define OTHER "arn:aws:kms:us-east-1:1:key/other"

static struct {
    struct pki pki;
    struct tls_files files;
    struct key_proof_trust trust;
    json_t *file; /* a good one */
} scene;

static json_t *answer_of(const char *region, const char *key, enum status status,
                         const char *entry_why)
{
    struct keys_request request = {.op = KEYS_UNWRAP};
    struct key_trial trial = {.status = status};
    struct key_description description = {.status = OK, .state = "Enabled"};
    struct key_entry entry = {.is_known = entry_why[0] == '\0', .number = 7, .event_id = "e"};

    snprintf(request.region, sizeof request.region, "%s", region);
    snprintf(request.key, sizeof request.key, "%s", key);
    snprintf(trial.said, sizeof trial.said, "%s", status == OK ? "" : "NoException: it \x01 says");
    snprintf(trial.request_id, sizeof trial.request_id, "r-1");
    snprintf(entry.why, sizeof entry.why, "%s", entry_why);
    return key_proof_answer(&request, &trial, status == OK ? NULL : &description, &entry);
}

static json_t *proof_with(json_t *answers)
{
    return json_pack("{s:s, s:i, s:I, s:s, s:s, s:s, s:s, s:{s:i, s:i, s:i, s:i, s:s}, "
                     "s:[{s:s, s:s, s:i, s:o}]}",
                     "type", KEY_PROOF_TYPE, "version", KEY_PROOF_VERSION, "made_at",
                     (json_int_t)scene.trust.now, "lineage", LINEAGE, "region", "eu-west-1",
                     "cluster", "cluster-X", "member", "r1", "chain", "epoch", 1, "segment", 2,
                     "batch", 3, "lsn", 4, "sha256", SHA, "envelopes", "dek", LINEAGE,
                     "envelope_sha256", SHA, "segments", 3, "answers", answers);
}

static json_t *sign(const struct tls_files *files, json_t *proof)
{
    struct key_proof_signer signer;

    NEED(key_proof_signer_load(&signer, files->certificate, files->key) == OK);
    json_t *file = key_proof_sign(&signer, proof);

    key_proof_signer_free(&signer);
    NEED(file != NULL);
    return file;
}

static void begin(void)
{
    const struct certificate_order order = pki_order("prod", ROLE_REPLICA, "r1");

    pki_make(&scene.pki, "prod");
    scene.files = pki_member(&scene.pki, &order);
    scene.trust = (struct key_proof_trust){.ca = scene.files.ca, .now = time(NULL)};
    scene.file =
        sign(&scene.files,
             proof_with(json_pack("[o, o]", answer_of("eu-west-1", OWN, OK, ""),
                                  answer_of("us-east-1", OTHER, E_KEY_CIPHERTEXT, "it has none"))));
}

static void end(void)
{
    json_decref(scene.file);
    pki_free(&scene.pki);
}

static char said[KEY_PROOF_WHY_MAX];

static struct bytes text_of(const json_t *file)
{
    static char text[65536];
    const size_t size = json_dumpb(file, text, sizeof text, JSON_INDENT(2));

    NEED(size > 0 && size <= sizeof text);
    return bytes_of(text, size);
}

static enum status check(const json_t *file)
{
    struct key_proof_check found;
    const enum status status = key_proof_check(&found, text_of(file), &scene.trust);

    snprintf(said, sizeof said, "%s", found.why);
    EXPECT((status == OK) == (said[0] == '\0'));
    key_proof_drop(&found);
    return status;
}

/* The proof as changed, but signed anew by its own member. */
static enum status check_signed(const char *field, json_t *value)
{
    json_t *proof = json_deep_copy(json_object_get(scene.file, "proof"));

    json_object_set_new(proof, field, value);
    json_t *file = sign(&scene.files, proof);
    const enum status status = check(file);

    json_decref(file);
    return status;
}

TEST(what_a_member_signed_is_genuine_in_any_writing)
{
    begin();
    EXPECT_STATUS(check(scene.file), OK);
    end();
}

/* ---- every field ---- */

static unsigned altered;

static void alter_and_check(json_t *holder, const char *name, json_t *value)
{
    json_t *old = json_incref(json_object_get(holder, name));

    json_object_set_new(holder, name, value);
    if (check(scene.file) == OK) {
        fprintf(stderr, "altered and taken: %s\n", name);
        EXPECT(false);
    }
    json_object_set_new(holder, name, old);
    altered++;
}

static json_t *another(const json_t *value)
{
    if (json_is_integer(value)) {
        return json_integer(json_integer_value(value) + 1);
    }
    if (json_is_string(value)) {
        char *text = strdup(json_string_value(value));

        NEED(text != NULL);
        if (text[0] != '\0') {
            text[0] = text[0] == '1' ? '2' : '1';
        }
        json_t *changed = text[0] == '\0' ? json_string("1") : json_string(text);

        free(text);
        return changed;
    }
    return json_string("no longer null");
}

/* Each value is changed, and each field left out. */
static void alter_all(json_t *value)
{
    const char *name;
    json_t *field;
    void *next;
    size_t i;

    if (json_is_array(value)) {
        json_array_foreach(value, i, field)
        {
            alter_all(field);
        }
        return;
    }
    json_object_foreach_safe(value, next, name, field)
    {
        if (json_is_object(field) || json_is_array(field)) {
            alter_all(field);
        } else {
            alter_and_check(value, name, another(field));
        }
        if (!json_is_null(field)) {
            alter_and_check(value, name, json_null());
        }
    }
}

TEST(a_proof_that_was_altered_in_any_field_is_refused)
{
    begin();
    altered = 0;
    alter_all(scene.file);
    EXPECT(altered > 70);
    EXPECT_STATUS(check(scene.file), OK); /* all of it is as it was */
    end();
}

/* ---- each by its own reason, where the signature is good ---- */

TEST(what_the_certificate_does_not_say_its_owner_cannot_sign)
{
    begin();
    EXPECT_STATUS(check_signed("cluster", json_string("another")), OK);
    EXPECT_STATUS(check_signed("lineage", json_string(SHA)), E_MALFORMED);
    EXPECT_STATUS(check_signed("lineage", json_string("cdabababababababababababababab01")),
                  E_LINEAGE);
    EXPECT_STATUS(check_signed("member", json_string("r2")), E_IDENTITY);
    EXPECT(strstr(said, "another member") != NULL);
    EXPECT_STATUS(check_signed("region", json_string("eu-west-2")), E_MALFORMED);
    EXPECT(strstr(said, "opened in another region") != NULL);
    EXPECT_STATUS(check_signed("made_at", json_integer(scene.trust.now - 7200)), E_EXPIRED);
    EXPECT_STATUS(check_signed("made_at", json_integer(scene.trust.now + 7200)), E_EXPIRED);
    EXPECT_STATUS(check_signed("made_at", json_integer(scene.trust.now + 1000)), E_EXPIRED);
    EXPECT(strstr(said, "ahead of this machine's clock") != NULL);
    EXPECT_STATUS(check_signed("version", json_integer(2)), E_VERSION);
    EXPECT_STATUS(check_signed("type", json_string("sealift-other")), E_MALFORMED);
    EXPECT_STATUS(check_signed("more", json_true()), E_MALFORMED);
    EXPECT_STATUS(check_signed("envelopes", json_array()), E_MALFORMED);
    end();
}

TEST(an_answer_that_shows_the_contrary_or_nothing_makes_no_proof)
{
    static const struct {
        const char *region, *key;
        enum status status;
        enum status expected;
    } others[] = {
        {"us-east-1", OTHER, E_KEY_CIPHERTEXT, OK},
        {"us-east-1", OTHER, E_KEY_DENIED, OK},
        {"us-east-1", OTHER, E_KEY_DISABLED, OK},
        {"us-east-1", OTHER, E_KEY_PENDING_DELETION, OK},
        {"us-east-1", OTHER, E_KEY_NOT_FOUND, OK},
        {"us-east-1", OTHER, OK, E_MALFORMED},
        {"us-east-1", OTHER, E_KEY_UNREACHABLE, E_MALFORMED},
        {"us-east-1", OTHER, E_KEY_CREDENTIALS, E_MALFORMED},
        {"us-east-1", OTHER, E_KEY_NO_SERVICE, E_MALFORMED},
        {"eu-west-1", OWN, E_KEY_CIPHERTEXT, E_MALFORMED},
    };

    begin();
    for (unsigned i = 0; i < COUNT_OF(others); i++) {
        json_t *file = sign(&scene.files,
                            proof_with(json_pack(
                                "[o, o]", answer_of("eu-west-1", OWN, OK, "none"),
                                answer_of(others[i].region, others[i].key, others[i].status, ""))));

        EXPECT_STATUS(check(file), others[i].expected);
        json_decref(file);
    }
    json_t *closed = sign(
        &scene.files, proof_with(json_pack("[o]", answer_of("eu-west-1", OWN, E_KEY_DENIED, ""))));

    EXPECT_STATUS(check(closed), E_MALFORMED);
    json_decref(closed);
    end();
}

TEST(only_a_member_of_that_deployment_signs)
{
    struct key_proof_signer signer;
    struct pki other;
    const struct certificate_order client = pki_order("prod", ROLE_CLIENT, "c1");
    const struct certificate_order twin = pki_order("prod", ROLE_REPLICA, "r1");

    begin();
    const struct tls_files files = pki_member(&scene.pki, &client);

    EXPECT_STATUS(key_proof_signer_load(&signer, files.certificate, files.key), E_IDENTITY);
    key_proof_signer_free(&signer);
    EXPECT_STATUS(key_proof_signer_load(&signer, files.certificate, scene.files.key), E_USAGE);
    key_proof_signer_free(&signer);

    pki_make(&other, "prod"); /* somebody's CA of the same name */
    const struct tls_files foreign = pki_member(&other, &twin);
    json_t *file = sign(&foreign, json_deep_copy(json_object_get(scene.file, "proof")));

    EXPECT_STATUS(check(file), E_CERTIFICATE);
    scene.trust.ca = foreign.ca;
    EXPECT_STATUS(check(file), OK);
    EXPECT_STATUS(check(scene.file), E_CERTIFICATE);
    scene.trust.ca = "/nowhere/ca.crt";
    EXPECT_STATUS(check(file), E_MISSING);
    json_decref(file);
    pki_free(&other);
    end();
}

TEST(what_a_revoked_key_signed_is_refused_whatever_time_it_says)
{
    begin();
    scene.trust.crl = pki_revoke(&scene.pki, NULL, pki_validity(-60, 3600));
    EXPECT_STATUS(check(scene.file), OK);
    pki_revoke_files(&scene.pki, &scene.files);
    EXPECT_STATUS(check(scene.file), E_REVOKED);
    scene.trust.now += 7200; /* the list has ended: it says nothing */
    EXPECT_STATUS(check(scene.file), E_CRL);
    scene.trust.crl = NULL; /* and the certificate too, but it was good then */
    EXPECT_STATUS(check(scene.file), OK);
    end();
}

/* ---- what is said of it ---- */

TEST(a_refusal_is_called_negative_evidence_and_less_where_the_key_was_refused)
{
    struct key_proof_check found;
    char shown[8192];
    FILE *to = fmemopen(shown, sizeof shown, "w");

    begin();
    json_t *file = sign(&scene.files,
                        proof_with(json_pack("[o, o, o]", answer_of("eu-west-1", OWN, OK, ""),
                                             answer_of("us-east-1", OTHER, E_KEY_CIPHERTEXT, ""),
                                             answer_of("us-west-2", "arn:c", E_KEY_DENIED, "n"))));

    NEED(to != NULL && key_proof_check(&found, text_of(file), &scene.trust) == OK);
    key_proof_print(to, "f", &found);
    fclose(to);
    EXPECT(strstr(shown, "f: genuine\n  signed    by r1, the replica in eu-west-1") != NULL);
    EXPECT(strstr(shown, "  opened    " OWN "\n            positive: ") != NULL);
    EXPECT(strstr(shown, "  refused   " OTHER
                         "\n            negative evidence only: NoException: it ? says "
                         "(E_KEY_CIPHERTEXT)\n            the key there: Enabled")
           != NULL);
    EXPECT(strstr(shown, "(E_KEY_DENIED)\n            and less than that: ") != NULL);
    EXPECT(strstr(shown, "audit: none: n") != NULL && strstr(shown, "audit: entry 7 ") != NULL);

    json_t *report = key_proof_report("f", &found, OK);
    const json_t *claims = json_object_get(report, "claims");
    const char *evidence[3], *refused;

    NEED(json_unpack((json_t *)claims, "[{s:s}, {s:s, s:s}, {s:s}]", "evidence", &evidence[0],
                     "evidence", &evidence[1], "refused", &refused, "evidence", &evidence[2])
         == 0);
    EXPECT(strcmp(evidence[0], "positive") == 0 && strcmp(evidence[1], "negative only") == 0);
    EXPECT(strcmp(evidence[2], "negative only") == 0 && strcmp(refused, "envelope") == 0);
    json_decref(report);
    key_proof_drop(&found);
    json_decref(file);
    end();
}
