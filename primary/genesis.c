/* The lineage is the certificate's: who issued it drew it. Everything else is drawn here.
 *
 * How it goes wrong: the person asks for what the rules forbid; the certificate names no lineage;
 * the coordinator knows this lineage already, so its records live in another folder; the key
 * service refuses, or does not answer until the limit. Nothing has been made then: each is a HALT
 * with a sentence, and the folder is as empty as before. */
#include "primary/genesis.h"

#include "base/check.h"
#include "member/key_fault.h"
#include "member/tickets.h"
#include "primary/primary_state.h"

#include <stdio.h>

static const char default_key[] = "alias/aws/rds"; /* AWS's own for RDS, made on first use */

static bool is_encrypted(const struct primary *primary)
{
    return primary->settings.member.encrypted == WISH_YES;
}

/* As AWS writes them: "cluster-" and 26 capitals and digits. */
static void draw_cluster(struct primary *primary, char into[CLUSTER_TEXT_MAX])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t dice[26];
    char drawn[sizeof dice + 1] = {0};

    entropy_fill(&primary->settings.member.entropy, dice, sizeof dice);
    for (size_t i = 0; i < sizeof dice; i++) {
        drawn[i] = letters[dice[i] % 32];
    }
    snprintf(into, CLUSTER_TEXT_MAX, "cluster-%s", drawn);
}

static void fill_keyring(struct primary *primary)
{
    const struct member_settings *settings = &primary->settings.member;
    struct keyring *keyring = primary->member.keyring;

    keyring->lineage = settings->self.lineage;
    keyring->count = 0;
    keyring->key_arn[0] = '\0';
    memcpy(keyring->region, settings->self.region, sizeof keyring->region);
    if (settings->cluster[0] != '\0') {
        memcpy(keyring->cluster, settings->cluster, sizeof keyring->cluster);
    } else {
        draw_cluster(primary, keyring->cluster);
    }
}

static void ask_for_dek(struct primary *primary, struct effects *fx)
{
    const struct member_settings *settings = &primary->settings.member;
    struct genesis *genesis = &primary->genesis;
    struct keys_request request = {
        .op = KEYS_GENERATE, .context = keyring_context(primary->member.keyring, &genesis->dek)};

    memcpy(request.region, settings->self.region, sizeof request.region);
    snprintf(request.key, sizeof request.key, "%s",
             settings->key[0] != '\0' ? settings->key : default_key);
    genesis->step = GENESIS_ASKED;
    genesis->attempt++;
    effects_ask_keys(fx, ticket_of(TICKET_GENESIS, genesis->attempt), &request);
}

static void write_keyring(struct primary *primary, struct effects *fx)
{
    primary->genesis.step = GENESIS_KEYRING;
    saves_keyring(&primary->member, fx);
}

static void write_control(struct primary *primary, struct effects *fx)
{
    struct control *control = &primary->member.control;

    *control = (struct control){.lineage = primary->settings.member.self.lineage};
    entropy_fill(&primary->settings.member.entropy, control->folder.bytes,
                 sizeof control->folder.bytes);
    primary->genesis.step = GENESIS_CONTROL;
    saves_control(&primary->member, fx);
}

static void write_descriptor(struct primary *primary, struct effects *fx)
{
    const char *engine = primary->settings.engine;
    struct descriptor descriptor = {.lineage = primary->settings.member.self.lineage,
                                    .suite = is_encrypted(primary) ? SUITE_AES_256_GCM : SUITE_NONE,
                                    .created_ns = primary->wall_ns};
    uint8_t file[DESCRIPTOR_BYTES_MAX];

    snprintf(descriptor.engine, sizeof descriptor.engine, "%s",
             engine[0] != '\0' ? engine : "records");
    member_know(&primary->member, &descriptor, descriptor_encode(&descriptor, file));
    primary->genesis.step = GENESIS_DESCRIPTOR;
    saves_descriptor(&primary->member, fx);
}

void genesis_begin(struct primary *primary, struct instant now, struct effects *fx)
{
    const struct member_settings *settings = &primary->settings.member;
    const struct verdict verdict = rule_create(settings->encrypted, settings->key);

    if (!verdict.allowed) {
        member_halt(&primary->member, fx, E_RULE, "%s: %s (%s)", verdict.name, verdict.text,
                    verdict.rule);
        return;
    }
    if (settings->self.any_lineage || id_is_zero(&settings->self.lineage)) {
        member_halt(
            &primary->member, fx, E_IDENTITY,
            "The certificate names no lineage, which a new cluster takes from it: issue one "
            "with --new-lineage.");
        return;
    }
    fill_keyring(primary);
    primary->genesis.give_up = instant_add(now, settings->keys_wait_max);
    if (is_encrypted(primary)) {
        entropy_fill(&settings->entropy, primary->genesis.dek.bytes,
                     sizeof primary->genesis.dek.bytes);
        ask_for_dek(primary, fx);
    } else {
        deks_put_zero(&primary->member.deks, &settings->self.lineage);
        write_keyring(primary, fx);
    }
}

static void wait_and_retry(struct primary *primary, const char *why, struct instant now,
                           struct effects *fx)
{
    struct genesis *genesis = &primary->genesis;
    const struct span gap = member_retry_gap(&primary->settings.member, genesis->tries);

    if (instant_reached(genesis->give_up, now)) {
        member_halt(&primary->member, fx, E_KEY_UNREACHABLE,
                    "The key service of %s does not answer (%.120s), so no cluster was made: start "
                    "again when it does.",
                    primary->settings.member.self.region, why);
        return;
    }
    genesis->tries++;
    genesis->step = GENESIS_WAITING;
    genesis->retry_at = instant_min(instant_add(now, gap), genesis->give_up);
    trace_event(&primary->settings.member.trace, "genesis_retry tries=%u region=%s", genesis->tries,
                primary->settings.member.self.region);
}

/* The key that the service names must be of this region: it will be asked for there, for life. */
static enum status keep_dek(struct primary *primary, const struct keys_answer *answer)
{
    struct keyring *keyring = primary->member.keyring;
    struct envelope envelope = {
        .dek = primary->genesis.dek, .lineage = keyring->lineage, .blob = answer->blob};
    char region[REGION_TEXT_MAX];
    struct secret secret;

    if (!rule_arn_region(answer->key_arn, region) || strcmp(region, keyring->region) != 0) {
        return E_KEY_MISMATCH;
    }
    TRY(secret_from(&secret, answer->plain));
    envelope.check = dek_check(&secret, &envelope.lineage, &envelope.dek);
    secret_wipe(&secret);
    memcpy(envelope.region, keyring->region, sizeof envelope.region);
    memcpy(envelope.key_arn, answer->key_arn, sizeof envelope.key_arn);
    TRY(deks_put(&primary->member.deks, &envelope, answer->plain));
    memcpy(keyring->key_arn, answer->key_arn, sizeof keyring->key_arn);
    return keyring_add(keyring, &envelope);
}

static void refuse(struct primary *primary, enum status status, const char *said,
                   struct effects *fx)
{
    const struct member_settings *settings = &primary->settings.member;
    char advice[KEY_ADVICE_MAX] = "name a key of its region that this member may use";
    char text[KEY_FAULT_TEXT_MAX];
    const struct key_fault fault = {.why = status,
                                    .op = KEYS_GENERATE,
                                    .key = settings->key[0] != '\0' ? settings->key : default_key,
                                    .region = settings->self.region,
                                    .member = settings->self.member,
                                    .said = said};

    if (key_trouble_is_own(status)) {
        key_trouble_advice(status, settings->self.region, advice);
    }
    member_halt(&primary->member, fx, status, "%s (%s). No cluster was made; %s.",
                key_fault_text(&fault, text), status_name(status), advice);
}

void genesis_on_keys(struct primary *primary, const struct event *event, struct effects *fx)
{
    const struct event_keys *keys = &event->keys;
    struct genesis *genesis = &primary->genesis;

    if (genesis->step != GENESIS_ASKED || ticket_value(keys->ticket) != genesis->attempt) {
        return;
    }
    if (keys->status == E_KEY_UNREACHABLE) {
        wait_and_retry(primary, keys->answer.why, event->now, fx);
        return;
    }
    const enum status status = keys->status != OK ? keys->status : keep_dek(primary, &keys->answer);

    if (status != OK) {
        refuse(primary, status, keys->status != OK ? keys->answer.why : "", fx);
        return;
    }
    write_keyring(primary, fx);
}

void genesis_pump(struct primary *primary, struct instant now, struct effects *fx)
{
    struct genesis *genesis = &primary->genesis;

    if (genesis->step == GENESIS_WAITING) {
        if (instant_reached(genesis->retry_at, now)) {
            ask_for_dek(primary, fx);
        } else {
            effects_wake_at(fx, genesis->retry_at);
        }
    }
    if (genesis->step < GENESIS_KEYRING || !saves_are_durable(&primary->member.saves)) {
        return;
    }
    if (genesis->step == GENESIS_KEYRING) {
        write_control(primary, fx);
    } else if (genesis->step == GENESIS_CONTROL) {
        write_descriptor(primary, fx);
    } else if (genesis->step == GENESIS_DESCRIPTOR) {
        genesis->step = GENESIS_DONE;
        trace_event(&primary->settings.member.trace, "created cluster=%s key=%s suite=%d",
                    primary->member.keyring->cluster, primary->member.keyring->key_arn,
                    (int)primary->member.descriptor.suite);
    }
}
