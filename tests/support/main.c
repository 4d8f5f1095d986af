/* The shared main of all unit-test programs: one CUnit suite a file, in the order of their
 * names. */
#include "base/check.h"
#include "tests/support/test.h"

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct test_case *all;

void test_register(struct test_case *test)
{
    struct test_case **place = &all;

    while (*place != NULL && strcmp((*place)->file, test->file) <= 0) {
        place = &(*place)->next;
    }
    test->next = *place;
    *place = test;
}

static const char *suite_name(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash == NULL ? file : slash + 1;
}

static void add_tests(const char *wanted)
{
    CU_pSuite suite = NULL;
    const char *file = "";

    for (const struct test_case *test = all; test != NULL; test = test->next) {
        if (wanted != NULL && strstr(test->name, wanted) == NULL) {
            continue;
        }
        if (strcmp(file, test->file) != 0) {
            file = test->file;
            suite = CU_add_suite(suite_name(file), NULL, NULL);
        }
        CU_add_test(suite, test->name, test->run);
    }
}

static void say(const char *text)
{
    fprintf(stderr, "CHECK failed: %s\n", text);
}

int main(int argc, char **argv)
{
    check_listen(say);
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return EXIT_FAILURE;
    }
    add_tests(argc > 1 ? argv[1] : NULL);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();

    const bool failed = CU_get_number_of_failures() > 0 || CU_get_number_of_tests_run() == 0;

    CU_cleanup_registry();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
