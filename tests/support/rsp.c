/* One line at a time, cut in place. */
#include "tests/support/rsp.h"

#include "base/check.h"
#include "base/hex.h"

bool rsp_open(struct rsp *rsp, const char *path)
{
    char whole[512];

    snprintf(whole, sizeof whole, RSP_FOLDER "%s", path);
    rsp->file = fopen(whole, "r");
    if (rsp->file == NULL) {
        fprintf(stderr, "missing %s: install python3-cryptography-vectors\n", whole);
    }
    return rsp->file != NULL;
}

void rsp_close(struct rsp *rsp)
{
    fclose(rsp->file);
}

/* Without blanks at either end. */
static char *trim(char *text)
{
    text += strspn(text, " \t\r\n[");
    for (size_t size = strlen(text); size > 0 && strchr(" \t\r\n]", text[size - 1]) != NULL;) {
        text[--size] = '\0';
    }
    return text;
}

static void cut(struct rsp *rsp)
{
    char *equals = strchr(rsp->line, '=');

    rsp->bracketed = rsp->line[0] == '[';
    rsp->value = "";
    if (equals != NULL) {
        *equals = '\0';
        rsp->value = trim(equals + 1);
    }
    rsp->name = trim(rsp->line);
}

bool rsp_next(struct rsp *rsp)
{
    while (fgets(rsp->line, sizeof rsp->line, rsp->file) != NULL) {
        CHECK(strlen(rsp->line) + 1 < sizeof rsp->line);
        if (rsp->line[0] == '#') {
            continue;
        }
        cut(rsp);
        if (rsp->name[0] != '\0') {
            return true;
        }
    }
    return false;
}

bool rsp_is(const struct rsp *rsp, const char *name)
{
    return strcmp(rsp->name, name) == 0;
}

void rsp_hex(struct rsp_bytes *bytes, const char *text)
{
    bytes->size = strlen(text) / 2;
    CHECK(bytes->size <= sizeof bytes->data);
    CHECK(hex_decode(text, bytes->data, bytes->size) == OK);
}
