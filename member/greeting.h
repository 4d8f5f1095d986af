/* What does a member say of itself first, and how does it prove that it holds the data key?
 *
 * The same on both sides of a member link: an upstream (feed.h) and a replica's receiver. The proof
 * is HMAC-SHA-256(k_hello of the last DEK in the upstream's GREET, "client" or "server" by TLS role
 * || the TLS exporter || SHA-256(the TLS client's GREET || the server's), both with their framing
 * as received). Source: docs/PROTOCOL.md. */
#ifndef SEALIFT_MEMBER_GREETING_H
#define SEALIFT_MEMBER_GREETING_H

#include "member/deks.h"
#include "node/identity.h"
#include "proto/ship.h"

struct member;

/* The last batch that is durable here; (0, 0) where there is none. */
struct position member_position(const struct member *member);

/* From what the member is and holds; the sides add what only they know. */
void greeting_fill(const struct member *member, struct greet *greet);

/* Of the two heads, each behind the prefix that framed it. */
struct digest greeting_digest(struct bytes client_head, struct bytes server_head);

enum tls_side { TLS_CLIENT, TLS_SERVER };
struct digest greeting_proof(const struct dek *dek, enum tls_side side, const uint8_t exporter[32],
                             const struct digest *greets);

/* In constant time. */
bool greeting_proof_is_right(const struct digest *expected, const struct digest *given);

#endif
