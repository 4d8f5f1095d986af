/* The verbs of `sealift`, one file each. argv[0] is "sealift VERB"; the result is the exit code: 0
 * done, 1 refused or failed (said on stderr, with what to do instead), 2 usage. */
#ifndef SEALIFT_CLI_VERBS_H
#define SEALIFT_CLI_VERBS_H

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

int verb_append(int argc, char **argv);
int verb_tail(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_promote(int argc, char **argv);
int verb_verify(int argc, char **argv);
int verb_inspect(int argc, char **argv);
int verb_keys(int argc, char **argv);
int verb_pki(int argc, char **argv);
int verb_demo(int argc, char **argv);
int verb_up(int argc, char **argv);
int verb_down(int argc, char **argv);
int verb_wan(int argc, char **argv);
int verb_failpoints(int argc, char **argv);

#endif
