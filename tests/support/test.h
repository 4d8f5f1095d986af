/* How is a test written?
 *
 *     TEST(acks_only_what_is_persisted) { CU_ASSERT_EQUAL(...); }
 *
 * A test is named after the promise it checks and registers itself; the suite is its file. The
 * shared main runs all of a program's tests, or those whose name contains the first argument, and
 * fails where none ran. */
#ifndef SEALIFT_TESTS_SUPPORT_TEST_H
#define SEALIFT_TESTS_SUPPORT_TEST_H

#include <CUnit/CUnit.h>

struct test_case {
    const char *file;
    const char *name;
    void (*run)(void);
    struct test_case *next;
};

void test_register(struct test_case *test);

#define TEST(test_name) \
    static void test_name(void); \
    static struct test_case test_case_##test_name = {__FILE__, #test_name, test_name, NULL}; \
    __attribute__((constructor)) static void register_##test_name(void) \
    { \
        test_register(&test_case_##test_name); \
    } \
    static void test_name(void)

/* Ends the test at once where what follows would make no sense. */
#define NEED(condition) CU_ASSERT_FATAL(condition)
#define EXPECT(condition) CU_ASSERT(condition)
#define EXPECT_STATUS(expression, status) CU_ASSERT_EQUAL((expression), (status))

#endif
