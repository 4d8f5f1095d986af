/* What are events, effects and store operations called in traces and transcripts?
 *
 * One table for each enumeration, in its order. A number that is none of them is our own bug, but a
 * trace must not be what stops a process: it reads "unknown". */
#include "node/node.h"

static const char *const event_names[EVENT_KINDS] = {
    [EVENT_START] = "start",     [EVENT_TIMER] = "timer",         [EVENT_STOP] = "stop",
    [EVENT_LINK_UP] = "link_up", [EVENT_LINK_DOWN] = "link_down", [EVENT_MESSAGE] = "message",
    [EVENT_WRITTEN] = "written", [EVENT_READ] = "read",           [EVENT_KEYS] = "keys",
    [EVENT_CLAIMED] = "claimed", [EVENT_SAVED] = "saved",         [EVENT_SPACE] = "space",
};

static const char *const effect_names[EFFECT_KINDS] = {
    [EFFECT_DIAL] = "dial",   [EFFECT_HANG_UP] = "hang_up",   [EFFECT_SEND] = "send",
    [EFFECT_DEFER] = "defer", [EFFECT_RESUME] = "resume",     [EFFECT_WRITE] = "write",
    [EFFECT_READ] = "read",   [EFFECT_ASK_KEYS] = "ask_keys", [EFFECT_CLAIM] = "claim",
    [EFFECT_SAVE] = "save",   [EFFECT_HALT] = "halt",
};

static const char *const op_names[STORE_OPS] = {
    [STORE_REPLACE] = "replace",
    [STORE_CREATE] = "create",
    [STORE_APPEND] = "append",
    [STORE_SYNC] = "sync",
    [STORE_QUARANTINE_PART] = "quarantine_part",
    [STORE_QUARANTINE_SEGMENT] = "quarantine_segment",
    [STORE_DELETE] = "delete",
    [STORE_REPAIR_PART] = "repair_part",
    [STORE_REPAIR_DONE] = "repair_done",
};

static const char *const file_names[STORE_FILES] = {
    [STORE_DESCRIPTOR] = "descriptor",
    [STORE_KEYRING] = "keyring",
    [STORE_CONTROL] = "control",
};

static const char *name_of(const char *const *names, unsigned count, unsigned number)
{
    return number < count ? names[number] : "unknown";
}

const char *event_kind_name(enum event_kind kind)
{
    return name_of(event_names, EVENT_KINDS, (unsigned)kind);
}

const char *effect_kind_name(enum effect_kind kind)
{
    return name_of(effect_names, EFFECT_KINDS, (unsigned)kind);
}

const char *store_op_name(enum store_op op)
{
    return name_of(op_names, STORE_OPS, (unsigned)op);
}

const char *store_file_name(enum store_file file)
{
    return name_of(file_names, STORE_FILES, (unsigned)file);
}
