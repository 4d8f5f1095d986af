/* A primary in the fake world, with clients and scripted replicas: what its tests have in common.
 */
#ifndef SEALIFT_TESTS_UNIT_PRIMARY_SCENE_H
#define SEALIFT_TESTS_UNIT_PRIMARY_SCENE_H

#include "base/arena.h"
#include "cluster/control.h"
#include "primary/primary.h"
#include "proto/message.h"
#include "proto/ship.h"
#include "tests/support/fake_world.h"
#include "tests/support/test.h"

struct member;

struct scene {
    struct fake_world world;
    struct primary_settings settings;
    struct arena arena;
    void *block; /* of the arena */
    struct node *node;
    struct proto_scratch scratch;
    void *scratch_block;
    uint64_t next_request;
};

/* Small limits, an encrypted cluster, `create`. Nothing is started. */
void scene_init(struct scene *scene);
void scene_free(struct scene *scene);

/* Starts (again) and lets it come up, as far as it gets. */
void scene_start(struct scene *scene);

/* As after kill -9. */
void scene_crash(struct scene *scene, bool torn);

struct identity scene_peer(const struct scene *scene, enum role role, const char *name,
                           const char *region);

/* A welcomed client. */
link_t scene_client(struct scene *scene);

/* One record of `size` bytes of `fill`; returns the request. `level` may be NULL. */
uint64_t scene_append(struct scene *scene, link_t link, uint64_t producer, uint64_t sequence,
                      size_t size, const char *level);

/* The next APPENDED on that link: 0 where there is none. */
bool scene_appended(struct scene *scene, link_t link, struct appended *appended);
enum status scene_refused(struct scene *scene, link_t link, struct refused *refused);

/* A replica of an unencrypted cluster that greeted and streams from the beginning. */
link_t scene_replica(struct scene *scene, const char *name, const char *region);
void scene_ack(struct scene *scene, link_t link, epoch_t epoch, batch_t batch);

/* It cannot go on without another member's help, and its status says `what` it lacks. */
bool scene_lacks(const struct scene *scene, const char *what);

struct member_status scene_status(const struct scene *scene);

/* What its control file says now, and what only the node itself knows. */
struct control scene_control(const struct scene *scene);
struct member *scene_member(const struct scene *scene);

#endif
