/* name_set: sets of hosts as scenario files name them.
 *
 *     "n1 n3"               these nodes                 "n2..n4"            a run of them
 *     "all"                 every node                  "clients"           every client
 *     "writers"             the clients of a group      "writers2"          one of them
 *     "datacentre:east"     its nodes                   "rack:r1"           its nodes
 *     "random:2"            two nodes, drawn anew at every use (random: one)
 *     "pick:1"              the first node of this seed's shuffled order: the same wherever it is named
 *     "rest"                every node that the other groups of a partition do not name
 *
 * Terms are joined by spaces. Hosts are numbered as the world has them: nodes, then clients group by group, then the inspector.
 *
 *     struct host_set set = {0};
 *     if (!name_set_resolve(scenario, "n1 writers", &prng, order, &set, &problem)) ...
 */
#ifndef DUNLIN_HARNESS_NAME_SET_H
#define DUNLIN_HARNESS_NAME_SET_H

#include "harness/scenario.h"

enum { HOST_SET_WORDS = WORLD_HOSTS_MAX / 64 };

struct host_set {
    uint64_t words[HOST_SET_WORDS];
    bool rest; /* the text named "rest" */
};

static inline bool host_set_has(const struct host_set *set, uint32_t host) {
    return (set->words[host / 64] >> (host % 64) & 1) != 0;
}
static inline void host_set_add(struct host_set *set, uint32_t host) {
    set->words[host / 64] |= (uint64_t)1 << (host % 64);
}
static inline void host_set_remove(struct host_set *set, uint32_t host) {
    set->words[host / 64] &= ~((uint64_t)1 << (host % 64));
}
uint32_t host_set_count(const struct host_set *set);

uint32_t scenario_client_count(const struct scenario *scenario);
/* Nodes, clients and the inspector. */
uint32_t scenario_host_count(const struct scenario *scenario);
/* Writes the host's name, zero-terminated. */
void scenario_host_name(const struct scenario *scenario, uint32_t host,
                        char name[2 * SCENARIO_NAME_MAX]);

/* A shuffled order of the nodes, from which "pick:i" takes. */
void name_set_shuffle(const struct scenario *scenario, struct prng *prng,
                      uint32_t order[SCENARIO_NODES_MAX]);
/* False when the text names something that is not there; `problem` gets one sentence. */
MUST_USE bool name_set_resolve(const struct scenario *scenario, const char *text, struct prng *prng,
                               const uint32_t *order, struct host_set *set, struct buffer *problem);

#endif
