/* scenario: what one file under scenarios/ asks for, checked and in units.
 *
 *     file.yaml --libcyaml--> struct scenario_file (texts) --scenario_load--> struct scenario (units, defaults filled in)
 *
 * A scenario is data: the same scenario and seed give the same run. Whatever is a range here is drawn per seed when the
 * schedule is made (schedule.h).
 *
 *     struct buffer problem = {0};
 *     struct scenario *scenario = scenario_load("scenarios/healthy.yaml", &problem);   // null: problem says why
 *     scenario_destroy(scenario);
 */
#ifndef DUNLIN_HARNESS_SCENARIO_H
#define DUNLIN_HARNESS_SCENARIO_H

#include "engine/node/node.h"
#include "sim/world.h"

enum {
    SCENARIO_NODES_MAX = 64,
    SCENARIO_GROUPS_MAX = 16,
    SCENARIO_CLIENTS_MAX = 128, /* all groups together */
    SCENARIO_FAULTS_MAX = 256,
    SCENARIO_KEYS_MAX = 1000000,
    SCENARIO_LIMITS_MAX = 64,
    SCENARIO_TRADEOFF_MAX = 8,
    SCENARIO_PARTITION_GROUPS_MAX = 16,
    SCENARIO_NAME_MAX = 31,
};

/* A value between both ends, drawn once per seed. */
struct value_range {
    uint64_t low, high;
};

struct scenario_node {
    char name[SCENARIO_NAME_MAX + 1];
    const char *datacentre, *rack, *host; /* empty when not given */
    uint32_t weight;
    struct clock_settings clock;
    struct disk_settings disk;
    struct distribution step_cost;
};

struct datacentre_link {
    const char *from, *to;
    struct link_settings link;
    bool one_way;
};

struct scenario_cluster {
    uint32_t node_count;
    struct scenario_node nodes[SCENARIO_NODES_MAX];
    struct keyspace_config keyspaces[NODE_KEYSPACES_MAX];
    struct node_config node; /* members, name and keyspaces are set per node by the run */
    struct duration
        restart_after_halt; /* a node that gave up is started again after this; 0: only at the end */
};

/* --- clients ----------------------------------------------------------------------------------------------------- */

enum client_action {
    ACTION_GET,    /* GET: one winner */
    ACTION_READ,   /* DGET: siblings and context */
    ACTION_PUT,    /* DSET with a context as `context` says */
    ACTION_DELETE, /* DDEL with a context */
    ACTION_SET,    /* SET: blind */
    ACTION_REMOVE, /* DEL: blind */
    ACTION_MERGE,  /* DGET, and when there were siblings, DSET of one value over all of them */
    ACTION_COUNT,
};

enum context_policy {
    CONTEXT_FRESH, /* read right before the write */
    CONTEXT_LAST,  /* the one of the client's last reply about this key, if any */
    CONTEXT_NONE,  /* the empty context: concurrent with everything */
};
enum key_distribution { KEYS_UNIFORM, KEYS_ZIPF, KEYS_SEQUENTIAL };
enum node_choice { CHOICE_STICKY, CHOICE_ANY };

struct client_group {
    char name[SCENARIO_NAME_MAX + 1];
    uint32_t count;
    const char *nodes; /* which nodes it speaks to, as a set of names (name_set.h) */
    enum node_choice choice;
    bool failover;        /* after an error go on with another node */
    uint64_t rate_millis; /* operations per 1,000 seconds of one client; 0: closed loop */
    struct distribution think_time;
    struct duration start, stop; /* active from .. to; stop 0: the whole duration */
    struct duration timeout;     /* gives an operation up and closes the connection */
    uint32_t retries;
    const char *key_prefix;
    uint32_t keys;
    enum key_distribution distribution;
    uint32_t mix[ACTION_COUNT]; /* weights */
    struct value_range value_size;
    enum context_policy context;
    uint8_t r, w, dw, pr, pw; /* 0: as the keyspace has it */
};

/* --- faults ------------------------------------------------------------------------------------------------------ */

enum fault_kind {
    FAULT_PARTITION,
    FAULT_HEAL,
    FAULT_CUT,
    FAULT_CRASH,
    FAULT_RESTART,
    FAULT_STOP,
    FAULT_PAUSE,
    FAULT_RESUME,
    FAULT_SLOW,
    FAULT_DISK_WIPE,
    FAULT_DISK, /* new settings: slow, failing, full, rotting, writing elsewhere */
    FAULT_DISK_SNAPSHOT,
    FAULT_DISK_ROLLBACK,
    FAULT_DISK_SWAP,
    FAULT_BIT_ROT,
    FAULT_CLOCK_STEP,
    FAULT_CLOCK_DRIFT,
    FAULT_CLOCK_FREEZE,
    FAULT_DATACENTRE_OUTAGE,
    FAULT_FLAP,
    FAULT_LINK,
    FAULT_RANDOM,
    FAULT_KINDS,
};
const char *fault_kind_name(enum fault_kind kind);

/* Whether a disk with these settings may lose what it was given, or answer with something else. */
bool disk_settings_harm(const struct disk_settings *disk);

enum partition_shape { SHAPE_GROUPS, SHAPE_BRIDGE, SHAPE_RING };
enum outage_manner { OUTAGE_KILL, OUTAGE_POWER, OUTAGE_NETWORK };

struct scenario_fault {
    enum fault_kind kind;
    struct value_range at; /* nanoseconds */
    struct value_range
        last; /* undone after this long; high 0: at the end of the run, or never for what needs no undoing */
    const char *nodes, *from, *to;
    const char *groups[SCENARIO_PARTITION_GROUPS_MAX];
    uint32_t group_count;
    bool one_way;
    enum partition_shape shape;
    enum outage_manner how;
    struct value_range by; /* of a clock step: milliseconds as int64 in two's complement */
    int32_t drift_per_million;
    struct distribution step_cost;
    struct disk_settings disk;
    uint32_t file_kinds, bits; /* of bit rot: 1 << FILE_LOG ..., and how many flip */
    struct link_settings link;
    const char *datacentre;
    struct value_range period;
    struct value_range every, lasting; /* of random */
    uint32_t kinds;                    /* of random: bits by fault_kind */
    bool survivable;
};

/* --- what is expected -------------------------------------------------------------------------------------------- */

enum oracle {
    ORACLE_CONVERGENCE,
    ORACLE_LOST_WRITES,
    ORACLE_PHANTOM_VALUES,
    ORACLE_FALSE_CONCURRENCY,
    ORACLE_LOST_CONCURRENCY,
    ORACLE_RESURRECTED_DELETES,
    ORACLE_REPLICA_MONOTONE,
    ORACLE_REGULAR_READS,
    ORACLE_READ_YOUR_WRITES,
    ORACLE_MONOTONIC_READS,
    ORACLE_MONOTONIC_WRITES,
    ORACLE_WRITES_FOLLOW_READS,
    ORACLE_STALE_READS,
    ORACLE_AVAILABILITY, /* refused writes never show; figures within their limits */
    ORACLE_COUNT,
};
const char *oracle_name(enum oracle oracle);

enum oracle_mode { ORACLE_CHECKED, ORACLE_MEASURED, ORACLE_OFF };

struct figure_limit {
    const char *figure;
    const char *clients; /* of one group; null: of the whole run */
    bool has_least, has_most;
    uint64_t least, most;
};

struct scenario_expectations {
    enum oracle_mode modes[ORACLE_COUNT];
    struct duration sample_every; /* how often a replica is asked what it holds; 0: never */
    uint32_t limit_count;
    struct figure_limit limits[SCENARIO_LIMITS_MAX];
};

struct scenario_tradeoff {
    uint32_t n_count, r_count, w_count;
    uint8_t n[SCENARIO_TRADEOFF_MAX], r[SCENARIO_TRADEOFF_MAX], w[SCENARIO_TRADEOFF_MAX];
};

struct scenario {
    char *path;
    const char *name;
    const char *proves;
    struct duration duration, converge_within;
    struct world_defaults world;
    struct scenario_cluster cluster;
    uint32_t datacentre_link_count;
    struct datacentre_link *datacentre_links;
    uint32_t group_count;
    struct client_group groups[SCENARIO_GROUPS_MAX];
    uint32_t fault_count;
    struct scenario_fault *faults;
    struct scenario_expectations expect;
    struct scenario_tradeoff tradeoff;
    struct scenario_file *file; /* owns every text */
    /* What distributions point to. */
    void **kept;
    uint32_t kept_count;
};

/* Null when the file is missing or wrong: `problem` then holds one line "path:line: key: why". */
struct scenario *scenario_load(const char *path, struct buffer *problem);
/* The same from bytes in memory; `path` is what problems call it. */
struct scenario *scenario_load_bytes(struct bytes text, const char *path, struct buffer *problem);
void scenario_destroy(struct scenario *scenario);

#endif
