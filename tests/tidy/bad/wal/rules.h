/* A header with another guard. */
#ifndef WAL_RULES_H
#define WAL_RULES_H

#endif
