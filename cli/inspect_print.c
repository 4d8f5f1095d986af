/* Any object of inspect as lines: fields first, then each list with its rows. */
#include "cli/inspect.h"

#include <inttypes.h>
#include <stdio.h>

static void print_value(const json_t *value)
{
    if (json_is_string(value)) {
        printf("%s", json_string_value(value));
    } else if (json_is_integer(value)) {
        printf("%" PRIu64, (uint64_t)json_integer_value(value));
    } else {
        printf("%s", json_is_true(value) ? "yes" : "no");
    }
}

static void print_row(const json_t *row)
{
    const char *name;
    json_t *value;
    union {
        const json_t *read;
        json_t *taken;
    } object = {.read = row}; /* jansson's iterators only read */

    printf("   ");
    json_object_foreach(object.taken, name, value)
    {
        printf(" %s=", name);
        print_value(value);
    }
    printf("\n");
}

static void print_list(const char *name, const json_t *list)
{
    printf("  %s: %zu\n", name, json_array_size(list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        print_row(json_array_get(list, i));
    }
}

void inspect_print(const json_t *object)
{
    const char *name;
    json_t *value;
    union {
        const json_t *read;
        json_t *taken;
    } all = {.read = object};

    printf("%s\n", json_string_value(json_object_get(object, "file")));
    json_object_foreach(all.taken, name, value)
    {
        if (!json_is_array(value)) {
            printf("  %-22s", name);
            print_value(value);
            printf("\n");
        }
    }
    json_object_foreach(all.taken, name, value)
    {
        if (json_is_array(value)) {
            print_list(name, value);
        }
    }
}
