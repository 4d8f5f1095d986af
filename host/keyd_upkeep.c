/* One sentence each: what was done, or why not.
 *
 * The end of the audit's chain is printed with each: whoever writes it down elsewhere can tell
 * later whether rows were cut off at the end. */
#include "host/keyd_upkeep.h"

#include "base/hex.h"
#include "host/catalog_copy.h"

#include <stdio.h>

static void say(const char *what, const char *file, const struct audit_chain *chain)
{
    char head[2 * sizeof chain->digest.bytes + 1];

    hex_encode(bytes_of(chain->digest.bytes, sizeof chain->digest.bytes), head);
    printf("%s %s: %llu audit rows, each follows the one before; the last is %s\n", what, file,
           (unsigned long long)chain->number, head);
}

int keyd_upkeep_run(const struct keyd_options *options, const char *program)
{
    struct audit_chain chain;
    char why[CATALOG_WHY_MAX];
    enum status status = OK;

    if (options->restore != NULL) {
        status = catalog_restore(options->restore, options->data, why);
    }
    if (status == OK) {
        status = catalog_check_folder(options->data, &chain, why);
    }
    if (status == OK && options->backup != NULL) {
        status = catalog_backup(options->data, options->backup, why);
    }
    if (status == OK && options->backup != NULL) {
        status = catalog_check_audit(options->backup, &chain, why);
    }
    if (status != OK) {
        fprintf(stderr, "%s: %s\n", program, why);
        return KEYD_EXIT_REFUSED;
    }
    say(options->backup != NULL ? "backup" : "store",
        options->backup != NULL ? options->backup : options->data, &chain);
    return KEYD_EXIT_STOPPED;
}
