#include "harness/figures.h"
#include "harness/scenario_units.h"

static const char *const ORACLE_NAMES[ORACLE_COUNT] = {
    "convergence",       "lost_writes",      "phantom_values",
    "false_concurrency", "lost_concurrency", "resurrected_deletes",
    "replica_monotone",  "regular_reads",    "read_your_writes",
    "monotonic_reads",   "monotonic_writes", "writes_follow_reads",
    "stale_reads",       "figures"};

const char *oracle_name(enum oracle oracle) {
    CHECK(oracle < ORACLE_COUNT);
    return ORACLE_NAMES[oracle];
}

/* Reads cannot miss an acknowledged write when the quorums of every keyspace overlap in its owners. */
static bool reads_are_regular(const struct scenario *scenario) {
    for (uint32_t i = 0; i < scenario->cluster.node.keyspace_count; i++) {
        const struct keyspace_config *keyspace = &scenario->cluster.keyspaces[i];
        if (keyspace->sloppy || keyspace->r + keyspace->w <= keyspace->n)
            return false;
    }
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        if (scenario->groups[i].r != 0 || scenario->groups[i].w != 0)
            return false;
    }
    return true;
}

static void load_defaults(struct scenario *scenario) {
    enum oracle_mode *modes = scenario->expect.modes;
    for (uint32_t i = 0; i < ORACLE_COUNT; i++)
        modes[i] = ORACLE_CHECKED;
    modes[ORACLE_READ_YOUR_WRITES] = ORACLE_MEASURED;
    modes[ORACLE_MONOTONIC_READS] = ORACLE_MEASURED;
    modes[ORACLE_MONOTONIC_WRITES] = ORACLE_MEASURED;
    modes[ORACLE_WRITES_FOLLOW_READS] = ORACLE_MEASURED;
    modes[ORACLE_STALE_READS] = ORACLE_MEASURED;
    if (!reads_are_regular(scenario))
        modes[ORACLE_REGULAR_READS] = ORACLE_OFF;
}

static void load_modes(struct loader *loader, const struct expect_file *file) {
    static const char *const MODES[] = {"checked", "measured", "off", NULL};
    const char *texts[ORACLE_COUNT] = {file->convergence,      file->lost_writes,
                                       file->phantom_values,   file->false_concurrency,
                                       file->lost_concurrency, file->resurrected_deletes,
                                       file->replica_monotone, file->regular_reads,
                                       file->read_your_writes, file->monotonic_reads,
                                       file->monotonic_writes, file->writes_follow_reads,
                                       file->stale_reads,      NULL};
    enum oracle_mode *modes = loader->scenario->expect.modes;
    for (uint32_t i = 0; i < ORACLE_COUNT; i++)
        modes[i] =
            (enum oracle_mode)loader_choice(loader, ORACLE_NAMES[i], texts[i], MODES, modes[i]);
    if (file->regular_reads != NULL && modes[ORACLE_REGULAR_READS] == ORACLE_CHECKED &&
        !reads_are_regular(loader->scenario))
        loader_refuse(loader, "regular_reads",
                      "is promised only by keyspaces with r + w > n and sloppy: false");
}

static void load_limit(struct loader *loader, const struct limit_file *file, uint32_t index) {
    struct scenario *scenario = loader->scenario;
    loader_enter(loader, "expect.figures[%u]", index);
    enum figure figure = FIGURE_OPERATIONS;
    if (file->figure == NULL)
        loader_refuse(loader, "", "needs figure: its name");
    else if (!figure_find(file->figure, &figure))
        loader_refuse(loader, "figure", "there is no figure '%.80s'", file->figure);
    if (file->at_least == NULL && file->at_most == NULL)
        loader_refuse(loader, "", "needs at_least or at_most");
    if (file->clients != NULL) {
        bool found = false;
        for (uint32_t i = 0; i < scenario->group_count; i++)
            found |= strcmp(scenario->groups[i].name, file->clients) == 0;
        if (!found)
            loader_refuse(loader, "clients", "there is no group '%.80s'", file->clients);
        if (figure >= FIGURE_GROUP_COUNT)
            loader_refuse(loader, "clients", "this figure is not kept by group");
    }
    scenario->expect.limits[index] =
        (struct figure_limit){.figure = file->figure,
                              .clients = file->clients,
                              .has_least = file->at_least != NULL,
                              .has_most = file->at_most != NULL,
                              .least = file->at_least != NULL ? *file->at_least : 0,
                              .most = file->at_most != NULL ? *file->at_most : 0};
}

static void load_tradeoff(struct loader *loader, const struct tradeoff_file *file) {
    struct scenario_tradeoff *to = &loader->scenario->tradeoff;
    if (file == NULL)
        return;
    loader_enter(loader, "tradeoff");
    const struct {
        const char *key;
        const uint32_t *from;
        uint32_t count, *to_count;
        uint8_t *to;
    } lists[] = {{"n", file->n, file->n_count, &to->n_count, to->n},
                 {"r", file->r, file->r_count, &to->r_count, to->r},
                 {"w", file->w, file->w_count, &to->w_count, to->w}};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (lists[i].count > SCENARIO_TRADEOFF_MAX) {
            loader_refuse(loader, lists[i].key, "has more than %d entries", SCENARIO_TRADEOFF_MAX);
            return;
        }
        *lists[i].to_count = lists[i].count;
        for (uint32_t j = 0; j < lists[i].count; j++) {
            if (lists[i].from[j] < 1 || lists[i].from[j] > NODE_REPLICAS_MAX)
                loader_refuse(loader, lists[i].key, "%u is not from 1 to %d", lists[i].from[j],
                              NODE_REPLICAS_MAX);
            lists[i].to[j] = (uint8_t)lists[i].from[j];
        }
    }
}

void scenario_load_expectations(struct loader *loader, const struct scenario_file *file) {
    struct scenario *scenario = loader->scenario;
    load_defaults(scenario);
    scenario->expect.sample_every = duration_of_milliseconds(100);
    load_tradeoff(loader, file->tradeoff);
    const struct expect_file *expect = file->expect;
    if (expect == NULL)
        return;
    loader_enter(loader, "expect");
    load_modes(loader, expect);
    loader_duration(loader, "sample_every", expect->sample_every, &scenario->expect.sample_every);
    if (expect->figures_count > SCENARIO_LIMITS_MAX) {
        loader_refuse(loader, "figures", "has more than %d entries", SCENARIO_LIMITS_MAX);
        return;
    }
    scenario->expect.limit_count = expect->figures_count;
    for (uint32_t i = 0; i < expect->figures_count; i++)
        load_limit(loader, &expect->figures[i], i);
}
