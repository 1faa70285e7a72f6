/* oracle: what must hold, asked of the harness's own history and never of the engine's clocks.
 *
 *     oracle_reads.c      each reply: phantoms, false concurrency, regular reads, sessions, staleness
 *     oracle_end.c        after convergence: lost writes, lost concurrency, deletes that came back
 *     oracle_replicas.c   what single replicas hold: agreement of all owners, and that none forgets
 *
 * Each question that a scenario checks ends in history_fail(), the first of which is the run's verdict; what it measures
 * ends in a figure.
 */
#ifndef DUNLIN_HARNESS_ORACLE_H
#define DUNLIN_HARNESS_ORACLE_H

#include "harness/history.h"

void oracle_check_read(struct history *history, const struct read_record *read,
                       const struct id_set *ids, struct instant now);

/* What all owners hold of one key once they agree. */
void oracle_check_end(struct history *history, uint32_t key, const struct id_set *live,
                      struct instant now);

/* --- replicas ------------------------------------------------------------------------------------------------------ */

/* One replica's answer about one key (DLOCAL). */
struct replica_state {
    uint64_t digest; /* over the whole answer: equal for replicas that hold the same */
    uint32_t tombstones;
    struct id_set live;
};

struct replica_samples;

struct replica_samples *replica_samples_create(uint32_t node_count, uint32_t key_count);
void replica_samples_destroy(struct replica_samples *samples);
/* The node's disk or process has lost something: what was seen there before binds it no longer. */
void replica_samples_forget(struct replica_samples *samples, uint32_t node, struct instant now);
/* Compares with what the same replica held before, and keeps it for the next time. `asked` is when the question went out: an
 * answer to a question from before a loss is worth nothing. */
void oracle_check_sample(struct history *history, struct replica_samples *samples, uint32_t node,
                         uint32_t key, const struct replica_state *state, struct instant asked,
                         struct instant now);

#endif
