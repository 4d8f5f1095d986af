/* Condition operators: does what was asked for stand in the right relation to what is there?
 *
 * A key with no value in this request makes a positive operator fail and a negative one hold;
 * IfExists makes both hold. With several values (the pairs of an encryption context) a positive
 * operator needs one that matches and a negative one needs that none does, unless ForAllValues: or
 * ForAnyValue: says otherwise (AWS IAM User Guide, "Multivalued context keys"). */
#include "base/check.h"
#include "keys/key_policy_parts.h"

enum relation { RELATION_EQUALS, RELATION_LIKE, RELATION_NULL };
enum quantifier { QUANTIFIER_NONE, QUANTIFIER_ALL, QUANTIFIER_ANY };

struct operator_row {
    const char *name;
    enum relation relation;
    bool negated;
    bool ignore_case;
};

struct condition_operator {
    const struct operator_row *row;
    enum quantifier quantifier;
    bool if_exists;
};

static const struct operator_row rows[] = {
    {"StringEquals", RELATION_EQUALS, false, false},
    {"StringNotEquals", RELATION_EQUALS, true, false},
    {"StringEqualsIgnoreCase", RELATION_EQUALS, false, true},
    {"StringNotEqualsIgnoreCase", RELATION_EQUALS, true, true},
    {"StringLike", RELATION_LIKE, false, false},
    {"StringNotLike", RELATION_LIKE, true, false},
    {"ArnEquals", RELATION_LIKE, false, false},
    {"ArnNotEquals", RELATION_LIKE, true, false},
    {"ArnLike", RELATION_LIKE, false, false},
    {"ArnNotLike", RELATION_LIKE, true, false},
    {"Bool", RELATION_EQUALS, false, true},
    {"Null", RELATION_NULL, false, true},
};

static const char *skip(const char *text, const char *start)
{
    const size_t size = strlen(start);

    return strncmp(text, start, size) == 0 ? text + size : text;
}

/* [ForAllValues:|ForAnyValue:]NAME[IfExists] */
static bool parse_operator(const char *text, struct condition_operator *op)
{
    static const char suffix[] = "IfExists";
    const char *name = skip(skip(text, "ForAllValues:"), "ForAnyValue:");
    size_t size = strlen(name);

    *op = (struct condition_operator){.quantifier = name == text ? QUANTIFIER_NONE
                                                    : strncmp(text, "ForAllValues:", 13) == 0
                                                        ? QUANTIFIER_ALL
                                                        : QUANTIFIER_ANY};
    if (size > sizeof suffix - 1 && strcmp(name + size - (sizeof suffix - 1), suffix) == 0) {
        op->if_exists = true;
        size -= sizeof suffix - 1;
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (strlen(rows[i].name) == size && strncmp(rows[i].name, name, size) == 0) {
            op->row = &rows[i];
        }
    }
    return op->row != NULL;
}

bool policy_operator_is_known(const char *name)
{
    struct condition_operator op;

    return parse_operator(name, &op);
}

static const char *wanted_text(const json_t *wanted)
{
    return json_is_true(wanted)    ? "true"
           : json_is_false(wanted) ? "false"
                                   : json_string_value(wanted);
}

static bool value_matches(const struct operator_row *row, const json_t *wanted, const char *value)
{
    for (size_t i = 0; i < policy_list_size(wanted); i++) {
        const char *text = wanted_text(policy_list_at(wanted, i));

        if (text != NULL
            && (row->relation == RELATION_LIKE ? policy_matches(text, value, row->ignore_case)
                                               : policy_text_is(text, value, row->ignore_case))) {
            return true;
        }
    }
    return false;
}

static bool is_null_as_wanted(const struct operator_row *row, const json_t *wanted, size_t count)
{
    return value_matches(row, wanted, count == 0 ? "true" : "false");
}

static bool values_hold(const struct condition_operator *op, const json_t *wanted,
                        const char *const *values, size_t count)
{
    size_t holding = 0;

    for (size_t i = 0; i < count; i++) {
        holding += value_matches(op->row, wanted, values[i]) != op->row->negated;
    }
    if (op->quantifier == QUANTIFIER_ALL) {
        return holding == count;
    }
    if (count == 0) {
        return op->quantifier == QUANTIFIER_NONE && (op->row->negated || op->if_exists);
    }
    /* "None matches" is "all do not match". */
    return op->quantifier == QUANTIFIER_NONE && op->row->negated ? holding == count : holding > 0;
}

static bool key_holds(const struct condition_operator *op, const char *key, const json_t *wanted,
                      const struct policy_question *question)
{
    const char *values[POLICY_VALUES_MAX];
    const size_t count = policy_key_values(question, key, values);

    return op->row->relation == RELATION_NULL ? is_null_as_wanted(op->row, wanted, count)
                                              : values_hold(op, wanted, values, count);
}

bool policy_condition_holds(const json_t *condition, const struct policy_question *question)
{
    json_t *map = (json_t *)(uintptr_t)condition; /* jansson's iterators take no const */

    for (void *pair = json_object_iter(map); pair != NULL;
         pair = json_object_iter_next(map, pair)) {
        json_t *keys = json_object_iter_value(pair);
        struct condition_operator op;

        CHECK(parse_operator(json_object_iter_key(pair), &op));
        for (void *key = json_object_iter(keys); key != NULL;
             key = json_object_iter_next(keys, key)) {
            if (!key_holds(&op, json_object_iter_key(key), json_object_iter_value(key), question)) {
                return false;
            }
        }
    }
    return true;
}
