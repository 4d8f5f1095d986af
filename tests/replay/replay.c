/* One model goes along with the recording; each state is cut from it into a folder of its own. */
#include "tests/replay/replay.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW_THINGS = 20, FAILURES_SHOWN = 10 };

static const char *const hows[] = {"none", "all", "some", "all-but", "only"};

static const struct replay *current;

static void last_words(const char *text)
{
    fprintf(stderr, "%s: CHECK failed: %s\n", current->place, text);
}

void replay_fail(struct replay *replay, const char *format, ...)
{
    va_list arguments;

    if (replay->failures++ >= FAILURES_SHOWN) {
        return;
    }
    fprintf(stderr, "%s: ", replay->place);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static unsigned setting(const char *name, unsigned usual)
{
    const char *text = getenv(name);

    return text == NULL ? usual : (unsigned)strtoul(text, NULL, 10);
}

static bool is_wanted(size_t at, const struct choice *choice)
{
    const char *wanted = getenv("REPLAY_AT");
    char here[64];

    snprintf(here, sizeof here, "%zu.%s.%llu", at, hows[choice->how],
             (unsigned long long)choice->number);
    return wanted == NULL || strcmp(wanted, here) == 0;
}

static void list(const struct recording *recording)
{
    for (size_t i = 0; i < recording->count; i++) {
        const struct op *op = &recording->ops[i];

        printf("%6zu  %-11s %s %s", i, op_name(op->kind), op->path, op->other);
        printf(op->size > 0 ? " %llu+%llu\n" : "\n", (unsigned long long)op->offset,
               (unsigned long long)op->size);
    }
}

static void nested(struct replay *replay, struct model *model, const struct run *recovery);

/* Killed when a small file had its new name and the folder was not synced: whoever starts then
 * reads what power may yet take away. */
static bool is_between_name_and_sync(const struct run *run, size_t at)
{
    return at < run->recording.count && run->recording.ops[at].kind == OP_SYNC_FOLDER
           && run->recording.ops[at].path[0] == '\0';
}

/* One state; how many things were pending. */
static unsigned state(struct replay *replay, const struct model *model, const struct run *run,
                      size_t at, struct choice choice)
{
    const unsigned every = setting("REPLAY_NESTED", 100);
    const struct moment *moment = &run->moments[at];
    struct real_disk disk;
    struct run recovery = {0};
    struct model base;

    real_disk_make(&disk);

    const unsigned things = model_cut(model, &choice, disk.folder);
    const bool killed = choice.how == CHOOSE_ALL; /* what is pending then stays so */
    const uint64_t turn = killed ? replay->kills++ : replay->states;
    const bool records = !replay->is_nested && every > 0
                         && (turn % (killed && every >= 8 ? every / 4 : every) == every / 8
                             || (killed && is_between_name_and_sync(run, at)));

    if (replay->is_nested || is_wanted(at, &choice)) {
        if (!replay->is_nested) {
            snprintf(replay->place, sizeof replay->place, "%s %zu.%s.%llu (before %s %s)",
                     replay->name, at, hows[choice.how], (unsigned long long)choice.number,
                     at < run->recording.count ? op_name(run->recording.ops[at].kind) : "the end",
                     at < run->recording.count ? run->recording.ops[at].path : "");
        }
        replay->states++;
        if (records && killed) {
            model_copy(&base, model);
        }
        replay->check(replay, &disk, moment, &run->claims[moment->claim],
                      records ? &recovery : NULL);
        if (records) {
            nested(replay, killed ? &base : &recovery.base, &recovery);
            run_free(&recovery);
        }
        if (records && killed) {
            model_free(&base);
        }
    }
    replay->aside += real_disk_has_quarantine(&disk);
    real_disk_remove(&disk);
    return things;
}

static void place(struct replay *replay, const struct model *model, const struct run *run,
                  size_t at, unsigned samples)
{
    const unsigned things = state(replay, model, run, at, (struct choice){.how = CHOOSE_NONE});

    if (things == 0) {
        return;
    }
    state(replay, model, run, at, (struct choice){.how = CHOOSE_ALL});
    for (unsigned i = 0; i < samples && things > 1; i++) {
        state(replay, model, run, at,
              (struct choice){.how = CHOOSE_SOME, .number = at * 1000 + i + 1});
    }
    for (unsigned i = 0; i < things && things > 1 && things <= FEW_THINGS && samples > 2; i++) {
        state(replay, model, run, at, (struct choice){.how = CHOOSE_ALL_BUT, .number = i});
        state(replay, model, run, at, (struct choice){.how = CHOOSE_ONLY, .number = i});
    }
}

static void nested(struct replay *replay, struct model *model, const struct run *recovery)
{
    char outer[sizeof replay->place];

    snprintf(outer, sizeof outer, "%s", replay->place);
    replay->is_nested = true;
    if (getenv("REPLAY_LIST") != NULL && getenv("REPLAY_AT") != NULL) {
        list(&recovery->recording);
    }
    for (size_t at = 0; at <= recovery->recording.count; at++) {
        snprintf(replay->place, sizeof replay->place, "%.120s, then %zu of the start", outer, at);
        place(replay, model, recovery, at, 1);
        replay->nested++;
        if (at < recovery->recording.count) {
            model_apply(model, &recovery->recording.ops[at]);
        }
    }
    replay->is_nested = false;
    snprintf(replay->place, sizeof replay->place, "%s", outer);
}

void replay_run(struct replay *replay, const struct run *run)
{
    const unsigned samples = setting("REPLAY_SAMPLES", 2);
    const unsigned stride = setting("REPLAY_STRIDE", replay->stride > 0 ? replay->stride : 1);
    struct model model;

    current = replay;
    check_listen(last_words);
    model_copy(&model, &run->base);
    if (getenv("REPLAY_LIST") != NULL) {
        list(&run->recording);
    }
    for (size_t at = 0; at <= run->recording.count; at++) {
        if (at % stride == 0 || at == run->recording.count) {
            place(replay, &model, run, at, samples);
            replay->places++;
        }
        if (at < run->recording.count) {
            model_apply(&model, &run->recording.ops[at]);
        }
    }
    model_free(&model);
    printf("%s: %zu operations, %llu states, %llu places within a start, %llu with something set "
           "aside, %llu failures\n",
           replay->name, run->recording.count, (unsigned long long)replay->states,
           (unsigned long long)replay->nested, (unsigned long long)replay->aside,
           (unsigned long long)replay->failures);
}

bool replay_looked_around(const struct replay *replay)
{
    return replay->places > 10 && replay->states > 3 * replay->places;
}
