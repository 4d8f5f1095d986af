/* The list of status.h, read into a table by number.
 *
 * How it goes wrong: a number that leaves one out would make the table too short, and does not
 * compile; nor does one that is given twice. */
#include "base/status.h"

struct status_row {
    const char *name;
    const char *text;
    enum blame blame;
};

static const struct status_row rows[STATUSES] = {
#define STATUS_ROW(number, name, blame, text) [name] = {#name, text, BLAME_##blame},
    STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

static bool is_status(enum status status)
{
    return (unsigned)status < STATUSES;
}

const char *status_name(enum status status)
{
    return is_status(status) ? rows[status].name : "UNKNOWN";
}

const char *status_text(enum status status)
{
    return is_status(status) ? rows[status].text : "a status that this version does not know";
}

enum blame status_blame(enum status status)
{
    return is_status(status) ? rows[status].blame : BLAME_PEER;
}

enum status status_of_number(unsigned number)
{
    return number < STATUSES ? (enum status)number : E_PROTOCOL;
}
