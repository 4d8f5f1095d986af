/* A refusal counts from the moment at which the key service is there to tell it, and the member to
 * hear it: so whatever holds up either moves the bound. */
#include "sim/oracle_key_loss.h"

#include "member/tickets.h"
#include "proto/message.h"
#include "sim/oracle.h"
#include "sim/oracle_bounds.h"

enum {
    SLACK_S = 2, /* two questions across the world, and a step or two */
    POLLS = 2, /* one may have been under way, and fail */
};

static const struct member_settings *settings_of(const struct sim_member *member)
{
    return member->kind == &sim_primary ? &member->settings.primary.member
                                        : &member->settings.replica.member;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Whatever only who holds the keys can say, or what others rely upon. */
static bool is_service(unsigned type)
{
    return type == MESSAGE_APPENDED || type == MESSAGE_RECORDS || type == MESSAGE_BATCH
           || type == MESSAGE_SEGMENT || type == MESSAGE_ACK || type == MESSAGE_COMMIT
           || type == MESSAGE_KEYS || type == MESSAGE_PROOF;
}

static uint64_t hash_of(const struct sim_member *member)
{
    static _Thread_local struct sim_store store;

    store = member->store;
    store.smalls[STORE_CONTROL].cache_size = store.smalls[STORE_CONTROL].disk_size = 0;
    return sim_store_hash(&store);
}

void oracle_key_loss_on_start(struct oracle *oracle, const struct sim_member *member)
{
    struct oracle_key_loss *keys = &oracle->key_loss;
    const unsigned number = member->number;

    keys->refusals[number] = 0;
    keys->confirmed_at[number] = 0;
    keys->at_start[number] = keys->standing[number];
    keys->hash_at_start[number] = hash_of(member);
}

static bool is_refusal(enum status status)
{
    return status == E_KEY_DENIED || status == E_KEY_DISABLED || status == E_KEY_PENDING_DELETION
           || status == E_KEY_NOT_FOUND;
}

void oracle_key_loss_on_answer(struct oracle *oracle, const struct sim_member *member,
                               const struct event_keys *answer)
{
    struct oracle_key_loss *keys = &oracle->key_loss;
    unsigned *refusals = &keys->refusals[member->number];

    if (ticket_asker(answer->ticket) != TICKET_WATCH) {
        return;
    }
    *refusals = is_refusal(answer->status) ? *refusals + 1 : 0;
    if (*refusals == 2) {
        keys->confirmed_at[member->number] = keys->lost_at[member->number] = oracle->sim->now;
        keys->believed[member->number] = true;
    }
}

/* From when on it could know that its key is refused; 0: it is not. */
static uint64_t refused_since(const struct oracle *oracle, const struct sim_member *member)
{
    const struct sim_keys *keys = &oracle->sim->keys;
    const unsigned region = member->region;
    const struct sim_kms_key *key = &keys->keys[region];
    uint64_t since = key->refused_at;

    if (region >= keys->key_count || key->refusal == OK
        || strcmp(key->arn, settings_of(member)->key) != 0) {
        return 0;
    }
    since = later(since, keys->unreachable_until[region]);
    since = later(since, keys->slow_until[region] + SPAN_S(SIM_KEYS_SLOW_S).ns);
    since = later(since, keys->hangs_until[region] + SPAN_S(SIM_KEYS_HANG_S).ns);
    since = later(since, oracle->started_at[member->number]);
    return later(since, member->paused_until_ns);
}

void oracle_key_loss_on_send(struct oracle *oracle, const struct sim_member *member,
                             const struct effect_send *send)
{
    const struct oracle_key_loss *keys = &oracle->key_loss;
    const uint64_t since = oracle->encrypted ? refused_since(oracle, member) : 0;
    const uint64_t bound = POLLS * settings_of(member)->key_poll.ns + SPAN_S(SLACK_S).ns;

    if (!is_service(send->type) || (oracle->members >> member->number & 1) == 0) {
        return;
    }
    if (keys->standing[member->number] == KEY_STANDING_GONE) {
        sim_fail(oracle->sim, 32, "%s says %s, and its key is gone for good", member->name,
                 message_type_name(send->type));
    } else if (keys->confirmed_at[member->number] != 0) {
        sim_fail(oracle->sim, 31, "%s says %s after a confirmed refusal of its key", member->name,
                 message_type_name(send->type));
    } else if (since != 0 && oracle->sim->now > since + bound) {
        sim_fail(oracle->sim, 31, "%s says %s, %llu ms after its key was refused", member->name,
                 message_type_name(send->type),
                 (unsigned long long)((oracle->sim->now - since) / 1000000));
    }
}

static void check_way(struct oracle *oracle, const struct sim_member *member,
                      enum key_standing next)
{
    const struct oracle_key_loss *keys = &oracle->key_loss;
    const enum key_standing before = keys->standing[member->number];
    const uint64_t lost_for = oracle->sim->now - keys->lost_at[member->number];

    if ((before == KEY_STANDING_GONE && next != before)
        || (before == KEY_STANDING_USABLE && next == KEY_STANDING_GONE)) {
        sim_fail(oracle->sim, 32, "the key of %s goes from standing %u to %u", member->name, before,
                 next);
    }
    if (before == KEY_STANDING_USABLE && next == KEY_STANDING_LOST
        && !keys->believed[member->number]) {
        sim_fail(oracle->sim, 35, "%s takes its key for lost after %u refusals in a row",
                 member->name, keys->refusals[member->number]);
    }
    if (next == KEY_STANDING_GONE && before == KEY_STANDING_LOST
        && lost_for < settings_of(member)->key_loss_window.ns) {
        sim_fail(oracle->sim, 33, "%s takes its key for gone after %llu ms", member->name,
                 (unsigned long long)(lost_for / 1000000));
    }
}

void oracle_key_loss_on_durable(struct oracle *oracle, const struct sim_member *member,
                                const struct store_write *write)
{
    static _Thread_local struct control control;
    struct oracle_key_loss *keys = &oracle->key_loss;
    const unsigned number = member->number;

    if (!oracle->encrypted || write->op != STORE_REPLACE || write->file != STORE_CONTROL
        || control_decode(&control, bytes_part(write->data, 0, CONTROL_COPY_BYTES), NULL) != OK) {
        return;
    }
    const enum key_standing before = keys->standing[number];

    check_way(oracle, member, control.key_standing);
    if (control.key_standing == KEY_STANDING_LOST && before == KEY_STANDING_USABLE) {
        sim_count(oracle->sim, FAULT_KEY_LOST);
    }
    if (control.key_standing == KEY_STANDING_USABLE && keys->confirmed_at[number] == 0) {
        keys->believed[number] = false;
    }
    if (control.key_standing == KEY_STANDING_GONE && before != KEY_STANDING_GONE) {
        sim_count(oracle->sim, FAULT_KEY_GONE);
        keys->gone |= 1u << number;
    }
    keys->standing[number] = control.key_standing;
}

void oracle_key_loss_on_stepped(struct oracle *oracle, const struct sim_member *member)
{
    const uint64_t confirmed = oracle->key_loss.confirmed_at[member->number];
    const uint64_t bound = settings_of(member)->key_poll.ns + SPAN_S(SLACK_S).ns;

    if (confirmed == 0 || (oracle->members >> member->number & 1) == 0) {
        return;
    }
    if (confirmed == oracle->sim->now) {
        oracle_check_memory_now(oracle, member);
    }
    if (oracle->sim->now > later(confirmed, member->paused_until_ns) + bound) {
        sim_fail(oracle->sim, 31, "%s has not ended, %llu ms after a confirmed refusal of its key",
                 member->name, (unsigned long long)((oracle->sim->now - confirmed) / 1000000));
    }
}

void oracle_key_loss_on_halt(struct oracle *oracle, const struct sim_member *member,
                             enum status why)
{
    const struct oracle_key_loss *keys = &oracle->key_loss;
    const unsigned number = member->number;
    const bool untouched = member->store.spoilt == oracle->spoilt_at_start[number];

    if (why == E_KEY_GONE && keys->standing[number] != KEY_STANDING_GONE) {
        sim_fail(oracle->sim, 32, "%s says that its key is gone, and its disk does not",
                 member->name);
    }
    if (why == E_KEY_GONE && untouched && hash_of(member) != keys->hash_at_start[number]) {
        sim_fail(oracle->sim, 34, "%s has changed its disk while its key was lost", member->name);
    }
}

void oracle_key_loss_forget_disk(struct oracle *oracle, const struct sim_member *member)
{
    oracle->key_loss.standing[member->number] = KEY_STANDING_USABLE;
    oracle->key_loss.believed[member->number] = false;
    oracle->key_loss.gone &= ~(1u << member->number);
}

bool oracle_key_loss_may_write(const struct oracle *oracle, const struct sim_member *member)
{
    return oracle->key_loss.at_start[member->number] == KEY_STANDING_LOST
           || oracle->key_loss.confirmed_at[member->number] != 0;
}
