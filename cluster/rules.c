/* Each promise is one function: what is asked for, what is so, and the verdict.
 *
 * A refusal carries AWS's own error name and a sentence in three parts: what was asked, what is so,
 * and what to do instead. AWS's texts are kept where reference and requirements quote them. */
#include "cluster/rules.h"

#include <stdarg.h>
#include <stdio.h>

static const char combination[] = "InvalidParameterCombination";
static const char not_accessible[] = "KMSKeyNotAccessibleFault";

static struct verdict allow(void)
{
    return (struct verdict){.allowed = true, .rule = "", .name = ""};
}

__attribute__((format(printf, 3, 4))) static struct verdict
refuse(const char *rule, const char *name, const char *format, ...)
{
    struct verdict verdict = {.rule = rule, .name = name};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(verdict.text, sizeof verdict.text, format, arguments);
    va_end(arguments);
    return verdict;
}

struct verdict rule_create(enum wish encrypted, const char *key)
{
    if (key[0] != '\0' && encrypted != WISH_YES) {
        return refuse(
            "R1", combination,
            "A KMS key is named (--kms-key-id %.120s) for a cluster that is not encrypted: "
            "ask for --storage-encrypted as well, or leave the key out.",
            key);
    }
    return allow();
}

struct verdict rule_open(enum suite suite, enum wish encrypted)
{
    if (suite == SUITE_NONE && encrypted == WISH_YES) {
        return refuse("R3", combination,
                      "This cluster was created without encryption, and that is for life: create a "
                      "new cluster with --storage-encrypted and copy the records into it.");
    }
    if (suite != SUITE_NONE && encrypted == WISH_NO) {
        return refuse("R3", combination,
                      "This cluster was created encrypted, and that is for life: leave out "
                      "--no-storage-encrypted, or export the records into a new cluster.");
    }
    return allow();
}

/* Whether `named` is this key: its ARN, or the key id at the end of it. */
static bool key_is_named(const char *arn, const char *named)
{
    const char *const id = strstr(arn, ":key/");

    return strcmp(arn, named) == 0 || (id != NULL && strcmp(id + strlen(":key/"), named) == 0);
}

struct verdict rule_open_key(const char *cluster_key_arn, const char *named_key_arn)
{
    if (named_key_arn[0] == '\0' || key_is_named(cluster_key_arn, named_key_arn)) {
        return allow();
    }
    if (cluster_key_arn[0] == '\0') {
        return refuse(
            "R4", combination,
            "A KMS key is named (%.120s), but this cluster is not encrypted: leave the key "
            "out.",
            named_key_arn);
    }
    return refuse("R4", combination,
                  "The KMS key of a cluster is chosen at creation and never changes: it is %.100s, "
                  "not %.100s. Name that key by its ARN, or none.",
                  cluster_key_arn, named_key_arn);
}

struct verdict rule_replica_setting(enum suite upstream, enum wish encrypted)
{
    if (upstream != SUITE_NONE && encrypted == WISH_NO) {
        return refuse("R12", combination,
                      "Cannot create an unencrypted replica from an encrypted source: leave out "
                      "--no-storage-encrypted.");
    }
    if (upstream == SUITE_NONE && encrypted == WISH_YES) {
        return refuse("R12", combination,
                      "Cannot create an encrypted replica from an unencrypted source: leave out "
                      "--storage-encrypted, or make an encrypted cluster and copy the records.");
    }
    return allow();
}

static struct verdict replica_key_here(const char *upstream_key_arn, const char *region,
                                       const char *key_arn)
{
    if (key_arn[0] == '\0' || key_is_named(upstream_key_arn, key_arn)) {
        return allow();
    }
    return refuse("R13", combination,
                  "A replica in the cluster's own region (%.31s) uses the cluster's KMS key %.90s, "
                  "not %.90s: name that key, or none.",
                  region, upstream_key_arn, key_arn);
}

static struct verdict replica_key_there(const char *upstream_region, const char *region,
                                        const char *key_arn)
{
    char said[REGION_TEXT_MAX];

    if (key_arn[0] == '\0') {
        return refuse("R14", not_accessible,
                      "A replica of an encrypted cluster of %.31s in %.31s needs a KMS key of its "
                      "own region: name one with --kms-key-id.",
                      upstream_region, region);
    }
    if (strncmp(key_arn, "arn:", 4) != 0) {
        return allow(); /* a key id or alias: its own region's key service alone can know it */
    }
    if (!rule_arn_region(key_arn, said)) {
        return refuse("R14", not_accessible,
                      "%.120s is not the ARN of a KMS key: name a key of %.31s by its ARN "
                      "(arn:aws:kms:%.31s:ACCOUNT:key/ID), key id or alias.",
                      key_arn, region, region);
    }
    if (strcmp(said, region) != 0) {
        return refuse("R14", not_accessible,
                      "The KMS key %.120s is of region %.31s, but the replica is in %.31s: name a "
                      "key of %.31s.",
                      key_arn, said, region, region);
    }
    return allow();
}

struct verdict rule_replica_key(enum suite suite, const char *upstream_region,
                                const char *upstream_key_arn, const char *region,
                                const char *key_arn)
{
    if (suite == SUITE_NONE) {
        return key_arn[0] == '\0'
                   ? allow()
                   : refuse(
                       "R12", combination,
                       "A KMS key is named (%.120s), but the source is not encrypted and so is "
                       "its replica: leave the key out.",
                       key_arn);
    }
    if (strcmp(upstream_region, region) == 0) {
        return replica_key_here(upstream_key_arn, region, key_arn);
    }
    return replica_key_there(upstream_region, region, key_arn);
}

/* The part after the `colons`-th colon, up to the next one; its size, 0 where there is none. */
static size_t arn_part(const char *arn, unsigned colons, const char **part)
{
    for (*part = arn; colons > 0; colons--) {
        const char *const colon = strchr(*part, ':');

        if (colon == NULL) {
            return 0;
        }
        *part = colon + 1;
    }

    const char *const end = strchr(*part, ':');

    return end == NULL ? 0 : (size_t)(end - *part);
}

bool rule_arn_region(const char *arn, char *region)
{
    const char *part;

    if (strncmp(arn, "arn:", 4) != 0 || arn_part(arn, 2, &part) != strlen("kms")
        || strncmp(part, "kms", strlen("kms")) != 0) {
        return false;
    }

    const size_t size = arn_part(arn, 3, &part);

    if (size == 0 || size >= REGION_TEXT_MAX) {
        return false;
    }
    memcpy(region, part, size);
    region[size] = '\0';
    return true;
}
