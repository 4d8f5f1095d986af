/* Plays world and catalog for one node, without either. */
#include "tests/unit/keys/kms_driver.h"

#include "base/prng.h"
#include "keys/json_arena.h"
#include "tests/support/test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct prng dice;

static void fill(void *context, void *into, size_t size)
{
    prng_fill(context, into, size);
}

void driver_step(struct driver *driver, struct event event)
{
    event.wall_ns = DRIVER_WALL_NS + driver->passed_ns;
    event.now.ns = driver->passed_ns;
    effects_clear(&driver->fx);
    driver->node->step(driver->node, &event, &driver->fx);
}

void driver_open(struct driver *driver, const char *region, const struct secret *root)
{
    static bool ready;
    struct kms_settings settings;

    if (!ready) {
        json_arena_install(11);
        prng_seed(&dice, 5);
        ready = true;
    }
    kms_settings_default(&settings);
    settings.keys_max = settings.aliases_max = 8;
    settings.versions_max = settings.grants_max = 32;
    settings.pool_bytes = 1 << 20;
    settings.pending_max = 2;
    snprintf(settings.region, sizeof settings.region, "%s", region);
    settings.entropy = (struct entropy){fill, &dice};

    const size_t size = (kms_memory_bytes(&settings) + 4095) / 4096 * 4096;

    driver->block = aligned_alloc(4096, size);
    NEED(driver->block != NULL);
    memset(driver->block, 0, size);

    struct arena arena = arena_of(driver->block, size);

    driver->caller = (struct kms_request){.principal = "arn:aws:iam::000000000000:user/test",
                                          .account = "000000000000",
                                          .access_key = "AKIDEXAMPLE",
                                          .request_id = "r"};
    driver->node = kms_create(&settings, root, &arena);
    driver_step(driver, (struct event){.kind = EVENT_START,
                                       .start_rows = {driver->rows, driver->row_count}});
}

void driver_close(struct driver *driver)
{
    kms_destroy(driver->node);
    free(driver->block);
}

static void forget_row(struct save_row *row)
{
    free((void *)(uintptr_t)row->key);
    free((void *)(uintptr_t)row->value.data);
}

void driver_forget(struct driver *driver)
{
    while (driver->row_count > 0) {
        forget_row(&driver->rows[--driver->row_count]);
    }
}

static void keep_row(struct driver *driver, const struct save_row *row)
{
    const bool is_audit = strcmp(row->table, "audit") == 0;
    size_t place = 0;

    /* START needs only the last row of the audit. */
    while (place < driver->row_count
           && !(strcmp(driver->rows[place].table, row->table) == 0
                && (is_audit || strcmp(driver->rows[place].key, row->key) == 0))) {
        place++;
    }
    NEED(place < DRIVER_ROWS_MAX);
    if (place < driver->row_count) {
        forget_row(&driver->rows[place]);
        driver->rows[place] = driver->rows[--driver->row_count];
    }
    if (row->value.data == NULL) {
        return;
    }

    uint8_t *copy = malloc(row->value.size);

    NEED(copy != NULL);
    memcpy(copy, row->value.data, row->value.size);
    driver->rows[driver->row_count++] =
        (struct save_row){row->table, strdup(row->key), bytes_of(copy, row->value.size)};
    if (is_audit) {
        NEED(row->value.size < sizeof driver->audit);
        memcpy(driver->audit, row->value.data, row->value.size);
        driver->audit[row->value.size] = '\0';
    }
}

static void keep_rows(struct driver *driver)
{
    const struct effect_save *save = &driver->fx.list[0].save;

    (void)driver_ticket(driver);
    for (size_t i = 0; i < save->row_count; i++) {
        keep_row(driver, &save->rows[i]);
    }
}

uint64_t driver_ticket(const struct driver *driver)
{
    NEED(driver->fx.count == 1 && driver->fx.list[0].kind == EFFECT_SAVE);
    return driver->fx.list[0].save.ticket;
}

bool driver_ask(struct driver *driver, link_t link, const char *operation, const char *body)
{
    struct kms_request request = driver->caller;
    uint8_t room[KMS_REQUEST_HEAD_MAX];

    snprintf(request.operation, sizeof request.operation, "%s", operation);
    driver_step(driver,
                (struct event){.kind = EVENT_MESSAGE,
                               .message = {link,
                                           {KMS_MESSAGE_REQUEST, kms_request_encode(&request, room),
                                            bytes_text(body)}}});
    NEED(driver->fx.count == 1);
    if (driver->fx.list[0].kind == EFFECT_DEFER) {
        EXPECT(driver->fx.list[0].link == link);
        return false;
    }
    keep_rows(driver);
    return true;
}

void driver_saved(struct driver *driver, uint64_t ticket, enum status status)
{
    driver_step(driver, (struct event){.kind = EVENT_SAVED, .saved = {ticket, status}});
    for (unsigned i = 0; i < driver->fx.count; i++) {
        const struct effect *effect = &driver->fx.list[i];

        if (effect->kind == EFFECT_SEND) {
            const struct bytes body = effect->send.tail[0];

            NEED(kms_reply_decode(&driver->head, effect->send.head) == OK);
            if (body.size > 0) {
                memcpy(driver->answer, body.data, body.size);
            }
            driver->answer[body.size] = '\0';
        }
    }
}

unsigned driver_call(struct driver *driver, const char *operation, const char *body)
{
    NEED(driver_ask(driver, 9, operation, body));
    driver->head.http_status = 0;
    driver_saved(driver, driver_ticket(driver), OK);
    return driver->head.http_status;
}

static void quote(char *text)
{
    for (; *text != '\0'; text++) {
        *text = *text == '\'' ? '"' : *text;
    }
}

unsigned driver_say(struct driver *driver, const char *operation, const char *format, ...)
{
    static char body[DRIVER_BODY_MAX];
    va_list arguments;

    va_start(arguments, format);
    NEED(vsnprintf(body, sizeof body, format, arguments) < (int)sizeof body);
    va_end(arguments);
    quote(body);
    return driver_call(driver, operation, body);
}

void driver_wait(struct driver *driver, uint64_t ns)
{
    const uint64_t hour = 3600ull * 1000000000ull;

    while (ns > 0) {
        const uint64_t step = ns < hour ? ns : hour;

        driver->passed_ns += step;
        ns -= step;
        do {
            driver->passed_ns += 1000000000ull;
            driver_step(driver, (struct event){.kind = EVENT_TIMER});
            if (driver->fx.count > 0) {
                keep_rows(driver);
                driver_saved(driver, driver_ticket(driver), OK);
                continue;
            }
            break;
        } while (true);
    }
}

bool driver_refused(const struct driver *driver, const char *error)
{
    return driver->head.http_status == 400 && strcmp(driver->head.error, error) == 0;
}

bool driver_holds(const struct driver *driver, const char *text)
{
    char wanted[1024];

    snprintf(wanted, sizeof wanted, "%s", text);
    quote(wanted);
    return strstr(driver->answer, wanted) != NULL;
}

void driver_field(const struct driver *driver, const char *name, char *into, size_t room)
{
    char wanted[64];

    snprintf(wanted, sizeof wanted, "\"%s\":\"", name);

    const char *found = strstr(driver->answer, wanted);

    found = found != NULL ? found + strlen(wanted) : "";
    snprintf(into, room, "%.*s", (int)strcspn(found, "\""), found);
}
