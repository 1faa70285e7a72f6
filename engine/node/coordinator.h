/* coordinator: carries one operation out over the replicas of its key.
 *
 *     get:  ask the first n --> merge r answers --> (strict: repair) --> answer --> repair the rest
 *     put:  not a replica: hand over to one
 *           mint here (no space: hand over) --> write to the other n - 1 --> w acknowledgements --> answer --> hints
 *
 * Where one of the first n cannot be reached, or has no space, and the keyspace is sloppy, the next usable host of the
 * preference list stands in for it.
 */
#ifndef DUNLIN_NODE_COORDINATOR_H
#define DUNLIN_NODE_COORDINATOR_H

#include "engine/cluster/peer_message.h"
#include "engine/node/request.h"

/* Where a key lives. */
struct placement {
    const struct keyspace *keyspace;
    const uint16_t *list; /* member indexes */
    uint32_t list_size;
    uint16_t partition;
    uint8_t leaf;
    uint8_t n;
    bool self_is_owner;
};

struct placement placement_of(const struct node *node, struct bytes key);

/* --- coordinator.c: what gets and puts share */

/* Answers whoever asked. The request is still there afterwards. */
void coordinator_fail(struct node *node, struct request *request, enum operation_status status,
                      const char *reason);
/* Answers a session directly, for operations that never became requests. */
void coordinator_fail_operation(struct node *node, const struct operation *operation,
                                enum operation_status status, const char *reason);
/* Works out the quorums and the key's place; false when it answered with a refusal. */
MUST_USE bool coordinator_prepare(struct node *node, const struct operation *operation,
                                  struct request *plan);
/* Takes the next usable fallback of the list, or LINK_MEMBER_NONE. */
uint32_t coordinator_next_fallback(struct node *node, struct request *request);
uint32_t coordinator_fallback_count(struct node *node, const struct request *request);
struct request *coordinator_acquire(struct node *node, const struct request *plan,
                                    enum request_kind kind, const struct operation *operation);

/* A member's link closed: whatever waits for it is told. */
void coordinator_member_lost(struct node *node, uint32_t member);
void coordinator_on_timer(struct node *node, struct request *request);
/* Its time is up: whoever waits is answered, and a put leaves hints for those that owe an answer. */
void coordinator_expire(struct node *node, struct request *request);
void coordinator_wake(struct node *node, uint64_t number);
/* This node's own write is safe. */
void coordinator_acknowledged(struct node *node, uint64_t number, enum peer_status status,
                              bool durable_part);

/* --- coordinator_get.c */
void coordinator_get(struct node *node, const struct operation *operation);
void coordinator_local(struct node *node, const struct operation *operation);
void coordinator_local_wake(struct node *node, struct request *request);
void coordinator_get_take(struct node *node, struct request *request, uint32_t member,
                          enum peer_status status, struct bytes payload);
void coordinator_get_repaired(struct node *node, struct request *request, uint32_t member,
                              bool done);
void coordinator_get_lost(struct node *node, struct request *request, uint32_t member);
void coordinator_get_hedge(struct node *node, struct request *request);
void coordinator_get_expire(struct node *node, struct request *request);

/* --- read_repair.c */
/* Merges one answer into the request's object; false when it is not an object. */
MUST_USE bool read_merge(struct node *node, struct request *request, struct request_slot *slot,
                         struct bytes payload);
/* Slots that are known to hold the merged object. */
uint32_t read_repair_holders(const struct request *request);
/* Sends the merged object to every one of the first n that answered with less. With `tracked`,
 * their acknowledgements count for the request. Returns how many are under way. */
uint32_t read_repair_send(struct node *node, struct request *request, bool tracked);

/* --- coordinator_put.c */
void coordinator_put(struct node *node, const struct operation *operation);
/* A put that another node handed over. */
void coordinator_put_for_peer(struct node *node, struct link_id link,
                              const struct peer_message *message);
void coordinator_put_mint(struct node *node, struct request *request, struct bytes value,
                          const struct version_vector *context);
void coordinator_put_wake(struct node *node, struct request *request);
void coordinator_put_take(struct node *node, struct request *request, uint32_t member,
                          enum peer_status status, bool durable);
void coordinator_put_self(struct node *node, struct request *request, enum peer_status status,
                          bool durable_part);
void coordinator_put_lost(struct node *node, struct request *request, uint32_t member);
void coordinator_put_hedge(struct node *node, struct request *request);
void coordinator_put_expire(struct node *node, struct request *request);
/* Ends the tail: whoever has not acknowledged will get a hint. */
void coordinator_put_finish(struct node *node, struct request *request);

/* --- coordinator_full.c: sentences about those that have no space, borrowed until the node encodes something else */
/* "of node n1", "of nodes n1, n2", or nothing. */
const char *coordinator_full_nodes(struct node *node, const struct request *request);
/* Why a write is in doubt. */
const char *coordinator_doubt(struct node *node, const struct request *request);

/* --- coordinator_hand.c: a put that another replica must coordinate */
void coordinator_hand(struct node *node, struct request *request,
                      const struct operation *operation);
/* This owner's disk has no space, and nothing is done yet: another one is asked. The request may be gone afterwards. False
 * when that is for the peer to do that handed it over. */
MUST_USE bool coordinator_hand_over(struct node *node, struct request *request);
void coordinator_hand_reply(struct node *node, struct request *request, uint32_t member,
                            const struct peer_message *message);
void coordinator_hand_lost(struct node *node, struct request *request, uint32_t member);
void coordinator_hand_expire(struct node *node, struct request *request);

/* --- scan.c */
void scan_begin(struct node *node, const struct operation *operation);
void scan_wake(struct node *node, struct request *request);

#endif
