#include "harness/run_internal.h"

#include "engine/store/store.h"

#include <stdlib.h>

void run_collect_node(struct run *run, const struct node *node) {
    uint64_t *figures = run->history->figures;
    struct node_figures counted;
    struct store_figures stored;
    node_figures(node, &counted);
    store_figures(node_store(node), &stored);
    figures[FIGURE_HINTS_STORED] += counted.hints_stored;
    figures[FIGURE_HINTS_DELIVERED] += counted.hints_delivered;
    figures[FIGURE_READ_REPAIRS] += counted.read_repairs;
    figures[FIGURE_TREE_EXCHANGES] += counted.tree_exchanges;
    figures[FIGURE_TREE_KEYS_SYNCED] += counted.tree_keys_synced;
    figures[FIGURE_FLUSHES] += stored.flushes;
    figures[FIGURE_COMPACTIONS] += stored.compactions;
    figures[FIGURE_DISK_ERRORS] += stored.disk_errors;
    figures[FIGURE_LOG_RESTARTS] += stored.log_restarts;
    figures[FIGURE_WRITES_REFUSED_FOR_SPACE] += stored.refusals;
}

static void fill_latencies(const struct histogram *reads, const struct histogram *writes,
                           uint64_t *figures) {
    enum { MICROSECOND = 1000 };
    figures[FIGURE_READ_MICROSECONDS_P50] = histogram_percentile(reads, 500) / MICROSECOND;
    figures[FIGURE_READ_MICROSECONDS_P99] = histogram_percentile(reads, 990) / MICROSECOND;
    figures[FIGURE_WRITE_MICROSECONDS_P50] = histogram_percentile(writes, 500) / MICROSECOND;
    figures[FIGURE_WRITE_MICROSECONDS_P99] = histogram_percentile(writes, 990) / MICROSECOND;
}

static uint64_t permille(uint64_t failed, uint64_t all) {
    return all == 0 ? 1000 : (all - failed) * 1000 / all;
}

static void fill_availability(const struct history *history, uint32_t first, uint32_t count,
                              uint64_t *figures) {
    uint64_t attempts = 0, failures = 0;
    for (uint32_t i = first; i < first + count; i++) {
        attempts += history->attempts_in_faults[i][0] + history->attempts_in_faults[i][1];
        failures += history->failures_in_faults[i][0] + history->failures_in_faults[i][1];
    }
    uint64_t failed = figures[FIGURE_READS_FAILED] + figures[FIGURE_WRITES_REFUSED] +
                      figures[FIGURE_WRITES_IN_DOUBT];
    figures[FIGURE_AVAILABILITY_PERMILLE] = permille(failed, figures[FIGURE_OPERATIONS]);
    figures[FIGURE_AVAILABILITY_IN_FAULTS_PERMILLE] = permille(failures, attempts);
}

static void check_limits(struct run *run) {
    struct history *history = run->history;
    const struct scenario *scenario = run->scenario;
    for (uint32_t i = 0; i < scenario->expect.limit_count; i++) {
        const struct figure_limit *limit = &scenario->expect.limits[i];
        enum figure figure;
        bool known = figure_find(limit->figure, &figure);
        CHECK(known);
        uint64_t value = history->figures[figure];
        for (uint32_t j = 0; limit->clients != NULL && j < scenario->group_count; j++) {
            if (strcmp(scenario->groups[j].name, limit->clients) == 0)
                value = history->group_figures[j][figure];
        }
        const char *whose = limit->clients != NULL ? limit->clients : "the run";
        if (limit->has_least && value < limit->least)
            history_fail(history, ORACLE_AVAILABILITY, world_now(run->world),
                         "%s of %s is %llu, and at least %llu is expected", limit->figure, whose,
                         (unsigned long long)value, (unsigned long long)limit->least);
        if (limit->has_most && value > limit->most)
            history_fail(history, ORACLE_AVAILABILITY, world_now(run->world),
                         "%s of %s is %llu, and at most %llu is expected", limit->figure, whose,
                         (unsigned long long)value, (unsigned long long)limit->most);
    }
}

void run_finish_figures(struct run *run, bool whole) {
    struct history *history = run->history;
    struct histogram *sums = calloc(2, sizeof *sums);
    CHECK(sums != NULL);
    for (uint32_t i = 0; i < run->scenario->cluster.node_count; i++) {
        if (run->nodes[i].node != NULL)
            run_collect_node(run, run->nodes[i].node);
    }
    for (uint32_t i = 0; i < run->scenario->group_count; i++) {
        fill_latencies(&history->read_latency[i], &history->write_latency[i],
                       history->group_figures[i]);
        fill_availability(history, i, 1, history->group_figures[i]);
        histogram_join(&sums[0], &history->read_latency[i]);
        histogram_join(&sums[1], &history->write_latency[i]);
    }
    fill_latencies(&sums[0], &sums[1], history->figures);
    fill_availability(history, 0, run->scenario->group_count, history->figures);
    free(sums);
    if (whole)
        check_limits(run);
}
