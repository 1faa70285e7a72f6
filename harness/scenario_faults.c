#include "harness/name_set.h"
#include "harness/scenario_units.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const KIND_NAMES[FAULT_KINDS + 1] = {"partition",
                                                        "heal",
                                                        "cut",
                                                        "crash",
                                                        "restart",
                                                        "stop",
                                                        "pause",
                                                        "resume",
                                                        "slow",
                                                        "disk_wipe",
                                                        "disk",
                                                        "disk_snapshot",
                                                        "disk_rollback",
                                                        "disk_swap",
                                                        "bit_rot",
                                                        "clock_step",
                                                        "clock_drift",
                                                        "clock_freeze",
                                                        "datacentre_outage",
                                                        "flap",
                                                        "link",
                                                        "random",
                                                        NULL};

const char *fault_kind_name(enum fault_kind kind) {
    CHECK(kind < FAULT_KINDS);
    return KIND_NAMES[kind];
}

/* Which keys a kind needs and may have, so that a key in the wrong place is an error and not silently ignored. */
enum fault_key {
    KEY_FOR = 1 << 0,
    KEY_NODES = 1 << 1,
    KEY_FROM_TO = 1 << 2,
    KEY_GROUPS = 1 << 3,
    KEY_ONE_WAY = 1 << 4,
    KEY_SHAPE = 1 << 5,
    KEY_HOW = 1 << 6,
    KEY_BY = 1 << 7,
    KEY_DRIFT = 1 << 8,
    KEY_STEP_COST = 1 << 9,
    KEY_DISK = 1 << 10,
    KEY_LINK = 1 << 11,
    KEY_DATACENTRE = 1 << 12,
    KEY_PERIOD = 1 << 13,
    KEY_RANDOM = 1 << 14, /* kinds, every, lasting, survivable */
    KEY_FILES = 1 << 15,
    KEY_BITS = 1 << 16,
};

static const struct {
    unsigned needs, may;
} KEYS[FAULT_KINDS] = {
    [FAULT_PARTITION] = {0, KEY_FOR | KEY_GROUPS | KEY_ONE_WAY | KEY_SHAPE},
    [FAULT_HEAL] = {0, 0},
    [FAULT_CUT] = {KEY_FROM_TO, 0},
    [FAULT_CRASH] = {KEY_NODES, KEY_FOR | KEY_HOW},
    [FAULT_RESTART] = {KEY_NODES, 0},
    [FAULT_STOP] = {KEY_NODES, KEY_FOR},
    [FAULT_PAUSE] = {KEY_NODES, KEY_FOR},
    [FAULT_RESUME] = {KEY_NODES, 0},
    [FAULT_SLOW] = {KEY_NODES | KEY_STEP_COST, KEY_FOR},
    [FAULT_DISK_WIPE] = {KEY_NODES, KEY_FOR},
    [FAULT_DISK] = {KEY_NODES | KEY_DISK, KEY_FOR},
    [FAULT_DISK_SNAPSHOT] = {KEY_NODES, KEY_FOR},
    [FAULT_DISK_ROLLBACK] = {KEY_NODES, KEY_FOR},
    [FAULT_DISK_SWAP] = {KEY_NODES, KEY_FOR},
    [FAULT_BIT_ROT] = {KEY_NODES, KEY_FILES | KEY_BITS},
    [FAULT_CLOCK_STEP] = {KEY_NODES | KEY_BY, 0},
    [FAULT_CLOCK_DRIFT] = {KEY_NODES | KEY_DRIFT, KEY_FOR},
    [FAULT_CLOCK_FREEZE] = {KEY_NODES, KEY_FOR},
    [FAULT_DATACENTRE_OUTAGE] = {KEY_DATACENTRE, KEY_FOR | KEY_HOW},
    [FAULT_FLAP] = {KEY_FROM_TO | KEY_PERIOD, KEY_FOR | KEY_ONE_WAY},
    [FAULT_LINK] = {KEY_FROM_TO | KEY_LINK, KEY_FOR | KEY_ONE_WAY},
    [FAULT_RANDOM] = {KEY_FOR | KEY_RANDOM, KEY_DISK | KEY_FILES | KEY_BITS},
};

static void check_keys(struct loader *loader, const struct fault_file *file, enum fault_kind kind) {
    const struct {
        const char *name;
        unsigned bit;
        bool given;
    } keys[] = {
        {"for", KEY_FOR, file->last != NULL},
        {"nodes", KEY_NODES, file->nodes != NULL},
        {"from", KEY_FROM_TO, file->from != NULL},
        {"to", KEY_FROM_TO, file->to != NULL},
        {"groups", KEY_GROUPS, file->groups_count > 0},
        {"one_way", KEY_ONE_WAY, file->one_way != NULL},
        {"shape", KEY_SHAPE, file->shape != NULL},
        {"how", KEY_HOW, file->how != NULL},
        {"by", KEY_BY, file->by != NULL},
        {"drift_per_million", KEY_DRIFT, file->drift_per_million != NULL},
        {"step_cost", KEY_STEP_COST, file->step_cost != NULL},
        {"disk", KEY_DISK, file->disk != NULL},
        {"link", KEY_LINK, file->link != NULL},
        {"datacentre", KEY_DATACENTRE, file->datacentre != NULL},
        {"files", KEY_FILES, file->files != NULL},
        {"bits", KEY_BITS, file->bits != NULL},
        {"period", KEY_PERIOD, file->period != NULL},
        {"kinds", KEY_RANDOM, file->kinds_count > 0},
        {"every", KEY_RANDOM, file->every != NULL},
        {"lasting", 0, file->lasting != NULL && kind != FAULT_RANDOM},
        {"survivable", 0, file->survivable != NULL && kind != FAULT_RANDOM},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        bool needed = (KEYS[kind].needs & keys[i].bit) != 0;
        bool allowed = needed || (KEYS[kind].may & keys[i].bit) != 0;
        if (keys[i].given && !allowed)
            loader_refuse(loader, keys[i].name, "does not go with kind: %s", KIND_NAMES[kind]);
        if (needed && !keys[i].given)
            loader_refuse(loader, "", "kind: %s needs %s", KIND_NAMES[kind], keys[i].name);
    }
}

static void load_partition(struct loader *loader, const struct fault_file *file,
                           struct scenario_fault *fault) {
    static const char *const SHAPES[] = {"groups", "bridge", "ring_of_majorities", NULL};
    fault->shape =
        (enum partition_shape)loader_choice(loader, "shape", file->shape, SHAPES, SHAPE_GROUPS);
    if (file->groups_count > SCENARIO_PARTITION_GROUPS_MAX) {
        loader_refuse(loader, "groups", "has more than %d groups", SCENARIO_PARTITION_GROUPS_MAX);
        return;
    }
    if (fault->shape == SHAPE_GROUPS && file->groups_count < 2)
        loader_refuse(loader, "groups", "needs two groups or more");
    if (fault->shape != SHAPE_GROUPS && file->groups_count > 0)
        loader_refuse(loader, "groups", "goes with shape: groups");
    if (fault->shape != SHAPE_GROUPS && loader->scenario->cluster.node_count < 3)
        loader_refuse(loader, "shape", "needs three nodes or more");
    for (uint32_t i = 0; i < file->groups_count; i++) {
        loader_name_set(loader, "groups", file->groups[i]);
        fault->groups[i] = file->groups[i];
    }
    fault->group_count = file->groups_count;
}

static void load_random(struct loader *loader, const struct fault_file *file,
                        struct scenario_fault *fault) {
    static const uint32_t DRAWABLE = 1u << FAULT_PARTITION | 1u << FAULT_CUT | 1u << FAULT_CRASH |
                                     1u << FAULT_STOP | 1u << FAULT_PAUSE | 1u << FAULT_SLOW |
                                     1u << FAULT_DISK_WIPE | 1u << FAULT_CLOCK_STEP |
                                     1u << FAULT_CLOCK_FREEZE | 1u << FAULT_FLAP |
                                     1u << FAULT_LINK | 1u << FAULT_DISK | 1u << FAULT_BIT_ROT;
    for (uint32_t i = 0; i < file->kinds_count; i++) {
        unsigned kind = loader_choice(loader, "kinds", file->kinds[i], KIND_NAMES, FAULT_PARTITION);
        if ((DRAWABLE >> kind & 1) == 0)
            loader_refuse(loader, "kinds", "'%s' cannot be drawn at random", KIND_NAMES[kind]);
        fault->kinds |= 1u << kind;
    }
    if ((fault->kinds >> FAULT_DISK & 1) != 0 && file->disk == NULL)
        loader_refuse(loader, "kinds", "disk needs the key disk: what a drawn disk is like");
    fault->lasting = (struct value_range){1000000000, 5000000000};
    fault->survivable = file->survivable == NULL || *file->survivable;
    loader_duration_range(loader, "every", file->every, &fault->every);
    loader_duration_range(loader, "lasting", file->lasting, &fault->lasting);
    if (fault->every.low == 0)
        loader_refuse(loader, "every", "is 0");
}

/* "log table": bits by file_kind; every kind when nothing is said. */
static uint32_t file_kinds(struct loader *loader, const char *text) {
    static const char *const NAMES[] = {"log", "table", "manifest", NULL};
    static const enum file_kind FILE_KINDS[] = {FILE_LOG, FILE_TABLE, FILE_MANIFEST};
    uint32_t kinds = 0;
    for (const char *at = text; at != NULL && *at != 0;) {
        char word[32];
        size_t size = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)size, at);
        if (size > 0)
            kinds |= 1u << FILE_KINDS[loader_choice(loader, "files", word, NAMES, 0)];
        at += size + strspn(at + size, " ");
    }
    if (text != NULL && kinds == 0)
        loader_refuse(loader, "files", "names no kind of file");
    return text == NULL ? UINT32_MAX : kinds;
}

static void load_rot(struct loader *loader, const struct fault_file *file,
                     struct scenario_fault *fault) {
    enum { BITS_MAX = 1000000 };
    fault->file_kinds = file_kinds(loader, file->files);
    fault->bits = 1;
    loader_number(loader, "bits", file->bits, 1, BITS_MAX, &fault->bits);
}

static void load_swap(struct loader *loader, const struct scenario_fault *fault) {
    struct prng prng;
    uint32_t order[SCENARIO_NODES_MAX];
    struct host_set set;
    struct buffer why = {0};
    prng_init(&prng, 1, 1);
    name_set_shuffle(loader->scenario, &prng, order);
    if (!loader->failed &&
        name_set_resolve(loader->scenario, fault->nodes, &prng, order, &set, &why) &&
        host_set_count(&set) != 2)
        loader_refuse(loader, "nodes", "disks are swapped between two nodes, not %u",
                      host_set_count(&set));
    buffer_deinit(&why);
}

static void load_manner(struct loader *loader, const struct fault_file *file,
                        struct scenario_fault *fault) {
    static const char *const MANNERS[] = {"kill", "power", "network", NULL};
    fault->how = (enum outage_manner)loader_choice(
        loader, "how", file->how, MANNERS,
        fault->kind == FAULT_DATACENTRE_OUTAGE ? OUTAGE_NETWORK : OUTAGE_KILL);
    if (fault->kind == FAULT_CRASH && fault->how == OUTAGE_NETWORK)
        loader_refuse(loader, "how", "a crash is by kill or power");
    if (file->datacentre == NULL)
        return;
    for (uint32_t i = 0; i < loader->scenario->cluster.node_count; i++) {
        if (strcmp(loader->scenario->cluster.nodes[i].datacentre, file->datacentre) == 0)
            return;
    }
    loader_refuse(loader, "datacentre", "no node stands in '%.80s'", file->datacentre);
}

static void load_settings(struct loader *loader, const struct fault_file *file,
                          struct scenario_fault *fault) {
    enum { DRIFT_MAX_PER_MILLION = 500000 };
    fault->disk = loader->scenario->world.disk;
    fault->link = loader->scenario->world.link;
    loader_disk(loader, "disk", file->disk, &fault->disk);
    loader_link(loader, "link", file->link, &fault->link);
    loader_distribution(loader, "step_cost", file->step_cost, &fault->step_cost);
    loader_offset_range(loader, "by", file->by, &fault->by);
    loader_duration_range(loader, "period", file->period, &fault->period);
    if (file->period != NULL && fault->period.low == 0)
        loader_refuse(loader, "period", "is 0");
    if (file->drift_per_million == NULL)
        return;
    fault->drift_per_million = *file->drift_per_million;
    if (abs(fault->drift_per_million) > DRIFT_MAX_PER_MILLION)
        loader_refuse(loader, "drift_per_million", "is beyond half the speed of time");
}

static void load_fault(struct loader *loader, const struct fault_file *file,
                       struct scenario_fault *fault) {
    if (file->kind == NULL || file->at == NULL)
        loader_refuse(loader, "", "needs kind and at");
    fault->kind =
        (enum fault_kind)loader_choice(loader, "kind", file->kind, KIND_NAMES, FAULT_HEAL);
    if (loader->failed)
        return;
    check_keys(loader, file, fault->kind);
    loader_duration_range(loader, "at", file->at, &fault->at);
    loader_duration_range(loader, "for", file->last, &fault->last);
    if (fault->at.high >= loader->scenario->duration.nanoseconds)
        loader_refuse(loader, "at", "lies beyond the scenario's duration");
    if (file->last != NULL && fault->last.low == 0)
        loader_refuse(loader, "for", "is 0");
    loader_name_set(loader, "nodes", file->nodes);
    loader_name_set(loader, "from", file->from);
    loader_name_set(loader, "to", file->to);
    fault->nodes = file->nodes;
    fault->from = file->from;
    fault->to = file->to;
    fault->datacentre = file->datacentre;
    fault->one_way = file->one_way != NULL && *file->one_way;
    load_manner(loader, file, fault);
    load_settings(loader, file, fault);
    load_rot(loader, file, fault);
    if (fault->kind == FAULT_DISK_SWAP)
        load_swap(loader, fault);
    if (fault->kind == FAULT_PARTITION)
        load_partition(loader, file, fault);
    if (fault->kind == FAULT_RANDOM)
        load_random(loader, file, fault);
}

void scenario_load_faults(struct loader *loader, const struct scenario_file *file) {
    struct scenario *scenario = loader->scenario;
    if (file->faults_count > SCENARIO_FAULTS_MAX) {
        loader_enter(loader, "faults");
        loader_refuse(loader, "", "there are more than %d faults", SCENARIO_FAULTS_MAX);
        return;
    }
    scenario->faults = calloc(file->faults_count + 1, sizeof *scenario->faults);
    CHECK(scenario->faults != NULL);
    scenario->fault_count = file->faults_count;
    for (uint32_t i = 0; i < file->faults_count && !loader->failed; i++) {
        loader_enter(loader, "faults[%u]", i);
        load_fault(loader, &file->faults[i], &scenario->faults[i]);
    }
}
