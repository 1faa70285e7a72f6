/* fake_core: a stand-in for the node behind its sessions: one replica in memory.
 *
 *     session --node_submit--> [waiting operations] --> map of objects --session_complete--> session
 *                               at once, or when told
 *
 *     struct node *core = fake_core_create(&(struct fake_options){0});
 *     struct session *session = fake_core_connect(core, 2);
 *     session_receive(session, bytes_of_text("PING\r\n"));
 *     assert_bytes(fake_core_output(core, 2), "+PONG\r\n");
 *     fake_core_hold(core, true);
 *     session_receive(session, bytes_of_text("GET a\r\nGET b\r\n"));
 *     fake_core_finish(core, 1);                  // b answers first
 *     fake_core_destroy(core);                    // and every session
 *
 * It gives every function of operation.h and those of node.h that sessions use, so a program links either this or the
 * real node.
 */
#ifndef DUNLIN_TESTS_FAKE_CORE_H
#define DUNLIN_TESTS_FAKE_CORE_H

#include "engine/node/session.h"

enum { FAKE_LINKS_MAX = 8 };

/* Zero means the usual. */
struct fake_options {
    const char *password;
    uint64_t key_bytes_max, value_bytes_max, client_output_bytes_max;
    uint32_t pipeline_max;
    uint32_t member_count;           /* 1; the node itself is the first */
    enum keyspace_siblings siblings; /* of the default keyspace */
};

struct node *fake_core_create(const struct fake_options *options);
void fake_core_destroy(struct node *node);
/* Links are numbered from 1 to FAKE_LINKS_MAX - 1. */
struct session *fake_core_connect(struct node *node, uint64_t link);
void fake_core_disconnect(struct node *node, uint64_t link);

/* What has been appended to the link since the last call; borrowed until the next. */
struct bytes fake_core_output(struct node *node, uint64_t link);
bool fake_core_is_closed(const struct node *node, uint64_t link);

/* From now on operations wait for fake_core_finish(). */
void fake_core_hold(struct node *node, bool hold);
uint32_t fake_core_waiting(const struct node *node);
/* The most that ever waited at the same time. */
uint32_t fake_core_waiting_most(const struct node *node);
/* Carries out the waiting operation at this place (0 is the oldest). */
void fake_core_finish(struct node *node, uint32_t place);
/* Of the operations from now on, number `after` (0 is the next) and those behind it fail like this. Those in doubt are
 * carried out all the same. OPERATION_OK ends it. */
void fake_core_fail(struct node *node, uint32_t after, enum operation_status status,
                    const char *reason);
/* The operation that was submitted last, without its bytes. */
struct operation fake_core_last_operation(const struct node *node);
uint64_t fake_core_operation_count(const struct node *node);
/* The clocks. */
void fake_core_set_time(struct node *node, uint64_t seconds, uint64_t wall_milliseconds);

#endif
