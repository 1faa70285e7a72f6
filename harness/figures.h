/* figures: what a run measured, by name, as whole numbers.
 *
 *     figures[FIGURE_OPERATIONS] += 1;
 *     printf("%s=%" PRIu64, figure_name(FIGURE_OPERATIONS), figures[FIGURE_OPERATIONS]);
 *
 * A scenario sets limits on figures by these names; docs/scenarios.md says what each means.
 */
#ifndef DUNLIN_HARNESS_FIGURES_H
#define DUNLIN_HARNESS_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

/* X(enumerator, name). The first part is counted per group of clients too. */
#define FIGURES(X)                                                                                 \
    X(OPERATIONS, operations)                                                                      \
    X(READS, reads)                                                                                \
    X(WRITES, writes)                                                                              \
    X(READS_FAILED, reads_failed)                                                                  \
    X(WRITES_REFUSED, writes_refused)                                                              \
    X(WRITES_IN_DOUBT, writes_in_doubt)                                                            \
    X(AVAILABILITY_PERMILLE, availability_permille)                                                \
    X(AVAILABILITY_IN_FAULTS_PERMILLE, availability_in_faults_permille)                            \
    X(STALE_READS, stale_reads)                                                                    \
    X(STALENESS_MILLISECONDS_MAX, staleness_milliseconds_max)                                      \
    X(STALENESS_VERSIONS_MAX, staleness_versions_max)                                              \
    X(READ_YOUR_WRITES_BROKEN, read_your_writes_broken)                                            \
    X(MONOTONIC_READS_BROKEN, monotonic_reads_broken)                                              \
    X(MONOTONIC_WRITES_BROKEN, monotonic_writes_broken)                                            \
    X(WRITES_FOLLOW_READS_BROKEN, writes_follow_reads_broken)                                      \
    X(SIBLINGS_MAX, siblings_max)                                                                  \
    X(READ_MICROSECONDS_P50, read_microseconds_p50)                                                \
    X(READ_MICROSECONDS_P99, read_microseconds_p99)                                                \
    X(WRITE_MICROSECONDS_P50, write_microseconds_p50)                                              \
    X(WRITE_MICROSECONDS_P99, write_microseconds_p99)                                              \
    X(KEYS, keys)                                                                                  \
    X(SIBLINGS_AT_END_MAX, siblings_at_end_max)                                                    \
    X(WRITES_LOST_EXCUSED, writes_lost_excused)                                                    \
    X(REPLICA_SAMPLES, replica_samples)                                                            \
    X(FAULTS, faults)                                                                              \
    X(CONVERGED_AFTER_MILLISECONDS, converged_after_milliseconds)                                  \
    X(HINTS_STORED, hints_stored)                                                                  \
    X(HINTS_DELIVERED, hints_delivered)                                                            \
    X(READ_REPAIRS, read_repairs)                                                                  \
    X(TREE_EXCHANGES, tree_exchanges)                                                              \
    X(TREE_KEYS_SYNCED, tree_keys_synced)                                                          \
    X(FLUSHES, flushes)                                                                            \
    X(COMPACTIONS, compactions)                                                                    \
    X(DISK_ERRORS, disk_errors)                                                                    \
    X(LOG_RESTARTS, log_restarts)                                                                  \
    X(WRITES_REFUSED_FOR_SPACE, writes_refused_for_space)                                          \
    X(RESTARTS, restarts)                                                                          \
    X(HALTS, halts)

enum figure {
#define FIGURE_ENUMERATOR(enumerator, name) FIGURE_##enumerator,
    FIGURES(FIGURE_ENUMERATOR)
#undef FIGURE_ENUMERATOR
        FIGURE_COUNT,
    FIGURE_GROUP_COUNT = FIGURE_KEYS, /* those before it are kept per group of clients */
};

const char *figure_name(enum figure figure);
/* False when there is no figure of this name. */
bool figure_find(const char *name, enum figure *figure);

#endif
