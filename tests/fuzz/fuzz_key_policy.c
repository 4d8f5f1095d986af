/* A key's policy, by whoever may put one, asked about a context, by whoever may call.
 *
 * The first line is an encryption context, the rest a document. What policy_fault lets pass is
 * decided without harm and twice the same; and a Deny of everything beside it denies. */
#include "base/check.h"
#include "keys/json_arena.h"
#include "keys/json_text.h"
#include "keys/key_policy.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static struct json_arena arena;

static const struct policy_question questions[] = {
    {"arn:aws:iam::111122223333:user/a", "111122223333", "", "Decrypt",
     "arn:aws:kms:us-east-1:111122223333:key/k", "alias/a", "", NULL},
    {"arn:aws:iam::444455556666:role/b", "444455556666", "rds.us-east-1.amazonaws.com",
     "CreateGrant", "arn:aws:kms:us-east-1:111122223333:key/k", "",
     "arn:aws:iam::111122223333:user/a", NULL},
};

static void decide(json_t *document, const json_t *context)
{
    json_t *statements = json_object_get(document, "Statement");
    enum policy_answer answers[COUNT_OF(questions)];

    for (size_t i = 0; i < COUNT_OF(questions); i++) {
        struct policy_question question = questions[i];

        question.context = context;
        answers[i] = policy_decide(document, &question);
        CHECK(answers[i] == policy_decide(document, &question));
    }

    json_t *deny = json_pack("{s:s,s:s,s:s,s:s}", "Effect", "Deny", "Principal", "*", "Action",
                             "kms:*", "Resource", "*");
    json_t *more = json_is_array(statements) ? json_copy(statements) : json_pack("[O]", statements);

    CHECK(json_array_append_new(more, deny) == 0);
    CHECK(json_object_set_new(document, "Statement", more) == 0);
    CHECK(policy_fault(document) == NULL);
    for (size_t i = 0; i < COUNT_OF(questions); i++) {
        struct policy_question question = questions[i];

        question.context = context;
        CHECK(policy_decide(document, &question) == POLICY_DENIES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { INPUT_MAX = 40000, ROOM = 16 << 20 };
    const uint8_t *end = memchr(data, '\n', size);

    if (end == NULL || size > INPUT_MAX) {
        return 0;
    }
    if (arena.base == NULL) {
        json_arena_install(7);
        arena = (struct json_arena){.base = malloc(ROOM), .size = ROOM};
        CHECK(arena.base != NULL);
    }
    json_arena_enter(&arena);

    const size_t line = (size_t)(end - data);
    const json_t *context = json_text_object(bytes_of(data, line));
    json_t *document = json_text_object(bytes_of(end + 1, size - line - 1));

    if (document != NULL && policy_fault(document) == NULL) {
        decide(document, context);
    }
    json_arena_leave(&arena);
    return 0;
}
