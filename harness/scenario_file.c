#include "harness/scenario_file.h"

#include "engine/base/text.h"
#include "harness/scenario_marks.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 4096, LIST_MAX = 1024 };

#define TEXT_FIELD(structure, key, member)                                                         \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct structure,        \
                           member, 0, TEXT_MAX)
#define TEXT(structure, member) TEXT_FIELD(structure, #member, member)
#define NUMBER(structure, member)                                                                  \
    CYAML_FIELD_UINT_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct structure,      \
                         member)
#define SIGNED(structure, member)                                                                  \
    CYAML_FIELD_INT_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct structure, member)
/* libcyaml takes any text for true where a boolean is wanted; an enumeration is exact. */
#define SWITCH(structure, member)                                                                  \
    CYAML_FIELD_ENUM_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,    \
                         struct structure, member, SWITCH_WORDS, SWITCH_WORD_COUNT)
#define PART(structure, member, fields)                                                            \
    CYAML_FIELD_MAPPING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct structure,   \
                            member, fields)
#define LIST(structure, member, entry)                                                             \
    CYAML_FIELD_SEQUENCE(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct structure,      \
                         member, &(entry), 0, LIST_MAX)
#define ENTRY(structure, fields)                                                                   \
    { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct structure, fields) }

static const cyaml_strval_t SWITCH_WORDS[] = {{"true", 1}, {"false", 0}, {"yes", 1},
                                              {"no", 0},   {"on", 1},    {"off", 0}};
enum { SWITCH_WORD_COUNT = sizeof SWITCH_WORDS / sizeof SWITCH_WORDS[0] };

static const cyaml_schema_value_t TEXT_ENTRY = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, TEXT_MAX)};
static const cyaml_schema_value_t NUMBER_ENTRY = {CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint32_t)};

#define DISTRIBUTION_FIELDS                                                                        \
    TEXT(distribution_file, kind), TEXT(distribution_file, low), TEXT(distribution_file, high),    \
        TEXT(distribution_file, mean), NUMBER(distribution_file, shape_hundredths),                \
        LIST(distribution_file, samples, TEXT_ENTRY)
static const cyaml_schema_field_t DISTRIBUTION_PART[] = {
    DISTRIBUTION_FIELDS, NUMBER(distribution_file, weight), CYAML_FIELD_END};
static const cyaml_schema_value_t DISTRIBUTION_PART_ENTRY =
    ENTRY(distribution_file, DISTRIBUTION_PART);
static const cyaml_schema_field_t DISTRIBUTION[] = {
    DISTRIBUTION_FIELDS, LIST(distribution_file, parts, DISTRIBUTION_PART_ENTRY), CYAML_FIELD_END};

static const cyaml_schema_field_t LINK[] = {PART(link_file, latency, DISTRIBUTION),
                                            PART(link_file, stall, DISTRIBUTION),
                                            TEXT(link_file, bandwidth),
                                            TEXT(link_file, segment),
                                            TEXT(link_file, loss),
                                            TEXT(link_file, flip),
                                            TEXT(link_file, stall_chance),
                                            CYAML_FIELD_END};

static const cyaml_schema_field_t DISK[] = {PART(disk_file, read_latency, DISTRIBUTION),
                                            PART(disk_file, write_latency, DISTRIBUTION),
                                            PART(disk_file, sync_latency, DISTRIBUTION),
                                            TEXT(disk_file, capacity),
                                            TEXT(disk_file, sector),
                                            TEXT(disk_file, read_error),
                                            TEXT(disk_file, write_error),
                                            TEXT(disk_file, sync_error),
                                            TEXT(disk_file, bit_rot),
                                            TEXT(disk_file, after_sync_error),
                                            TEXT(disk_file, lost_write),
                                            TEXT(disk_file, misdirected_write),
                                            PART(disk_file, rot_every, DISTRIBUTION),
                                            PART(disk_file, slow_every, DISTRIBUTION),
                                            PART(disk_file, slow_lasting, DISTRIBUTION),
                                            NUMBER(disk_file, slow_factor),
                                            CYAML_FIELD_END};

static const cyaml_schema_field_t CLOCK[] = {
    TEXT(clock_file, offset), SIGNED(clock_file, drift_per_million), CYAML_FIELD_END};

static const cyaml_schema_field_t NODE_SETTINGS[] = {
    TEXT(node_settings_file, nodes),
    TEXT(node_settings_file, datacentre),
    TEXT(node_settings_file, rack),
    TEXT(node_settings_file, host),
    NUMBER(node_settings_file, weight),
    PART(node_settings_file, clock, CLOCK),
    PART(node_settings_file, disk, DISK),
    PART(node_settings_file, step_cost, DISTRIBUTION),
    CYAML_FIELD_END};
static const cyaml_schema_value_t NODE_SETTINGS_ENTRY = ENTRY(node_settings_file, NODE_SETTINGS);

static const cyaml_schema_field_t KEYSPACE[] = {
    TEXT(keyspace_file, name),     TEXT(keyspace_file, prefix),   TEXT(keyspace_file, siblings),
    NUMBER(keyspace_file, n),      NUMBER(keyspace_file, r),      NUMBER(keyspace_file, w),
    NUMBER(keyspace_file, dw),     NUMBER(keyspace_file, pr),     NUMBER(keyspace_file, pw),
    SWITCH(keyspace_file, sloppy), SWITCH(keyspace_file, strict), CYAML_FIELD_END};
static const cyaml_schema_value_t KEYSPACE_ENTRY = ENTRY(keyspace_file, KEYSPACE);

static const cyaml_schema_field_t STORE[] = {TEXT(store_file, sync),
                                             TEXT(store_file, sync_interval),
                                             TEXT(store_file, memtable),
                                             TEXT(store_file, cache),
                                             TEXT(store_file, block),
                                             TEXT(store_file, table),
                                             TEXT(store_file, log_segment),
                                             SWITCH(store_file, log_allocate),
                                             NUMBER(store_file, log_spares),
                                             TEXT(store_file, compaction_rate),
                                             NUMBER(store_file, filter_bits_per_key),
                                             TEXT(store_file, compression),
                                             CYAML_FIELD_END};

static const cyaml_schema_field_t LIMITS[] = {
    TEXT(limits_file, key),         TEXT(limits_file, value),      TEXT(limits_file, client_output),
    TEXT(limits_file, peer_output), TEXT(limits_file, hints),      NUMBER(limits_file, requests),
    NUMBER(limits_file, clients),   NUMBER(limits_file, pipeline), CYAML_FIELD_END};

static const cyaml_schema_field_t CLUSTER[] = {
    NUMBER(cluster_file, nodes),
    NUMBER(cluster_file, partitions),
    NUMBER(cluster_file, vnodes),
    LIST(cluster_file, node_settings, NODE_SETTINGS_ENTRY),
    PART(cluster_file, keyspace, KEYSPACE),
    LIST(cluster_file, keyspaces, KEYSPACE_ENTRY),
    TEXT(cluster_file, request_timeout),
    TEXT(cluster_file, hedge_after),
    TEXT(cluster_file, gossip_interval),
    TEXT(cluster_file, suspect_after),
    TEXT(cluster_file, dead_after),
    TEXT(cluster_file, reconnect_after),
    TEXT(cluster_file, handoff_interval),
    TEXT(cluster_file, anti_entropy_interval),
    TEXT(cluster_file, restart_after_halt),
    SWITCH(cluster_file, read_repair),
    PART(cluster_file, store, STORE),
    PART(cluster_file, limits, LIMITS),
    PART(cluster_file, clock, CLOCK),
    PART(cluster_file, step_cost, DISTRIBUTION),
    CYAML_FIELD_END};

static const cyaml_schema_field_t DATACENTRE_LINK[] = {
    TEXT(datacentre_link_file, from), TEXT(datacentre_link_file, to),
    SWITCH(datacentre_link_file, one_way), PART(datacentre_link_file, link, LINK), CYAML_FIELD_END};
static const cyaml_schema_value_t DATACENTRE_LINK_ENTRY =
    ENTRY(datacentre_link_file, DATACENTRE_LINK);

static const cyaml_schema_field_t NETWORK[] = {
    PART(network_file, link, LINK), TEXT(network_file, connection_timeout),
    LIST(network_file, datacentres, DATACENTRE_LINK_ENTRY), CYAML_FIELD_END};

static const cyaml_schema_field_t MIX[] = {NUMBER(mix_file, get),   NUMBER(mix_file, read),
                                           NUMBER(mix_file, put),   NUMBER(mix_file, delete),
                                           NUMBER(mix_file, set),   NUMBER(mix_file, remove),
                                           NUMBER(mix_file, merge), CYAML_FIELD_END};

static const cyaml_schema_field_t REQUEST[] = {NUMBER(request_file, r),  NUMBER(request_file, w),
                                               NUMBER(request_file, dw), NUMBER(request_file, pr),
                                               NUMBER(request_file, pw), CYAML_FIELD_END};

static const cyaml_schema_field_t CLIENT[] = {TEXT(client_file, name),
                                              TEXT(client_file, nodes),
                                              TEXT(client_file, node),
                                              TEXT(client_file, rate),
                                              TEXT(client_file, start),
                                              TEXT(client_file, stop),
                                              TEXT(client_file, timeout),
                                              TEXT(client_file, key_prefix),
                                              TEXT(client_file, distribution),
                                              TEXT(client_file, value_size),
                                              TEXT(client_file, context),
                                              NUMBER(client_file, count),
                                              NUMBER(client_file, keys),
                                              NUMBER(client_file, retries),
                                              SWITCH(client_file, failover),
                                              PART(client_file, think_time, DISTRIBUTION),
                                              PART(client_file, mix, MIX),
                                              PART(client_file, request, REQUEST),
                                              CYAML_FIELD_END};
static const cyaml_schema_value_t CLIENT_ENTRY = ENTRY(client_file, CLIENT);

static const cyaml_schema_field_t FAULT[] = {TEXT(fault_file, kind),
                                             TEXT(fault_file, at),
                                             TEXT_FIELD(fault_file, "for", last),
                                             TEXT(fault_file, nodes),
                                             TEXT(fault_file, from),
                                             TEXT(fault_file, to),
                                             TEXT(fault_file, shape),
                                             TEXT(fault_file, how),
                                             TEXT(fault_file, files),
                                             NUMBER(fault_file, bits),
                                             TEXT(fault_file, by),
                                             TEXT(fault_file, datacentre),
                                             TEXT(fault_file, period),
                                             TEXT(fault_file, every),
                                             TEXT(fault_file, lasting),
                                             LIST(fault_file, groups, TEXT_ENTRY),
                                             LIST(fault_file, kinds, TEXT_ENTRY),
                                             SWITCH(fault_file, one_way),
                                             SWITCH(fault_file, survivable),
                                             SIGNED(fault_file, drift_per_million),
                                             PART(fault_file, step_cost, DISTRIBUTION),
                                             PART(fault_file, disk, DISK),
                                             PART(fault_file, link, LINK),
                                             CYAML_FIELD_END};
static const cyaml_schema_value_t FAULT_ENTRY = ENTRY(fault_file, FAULT);

static const cyaml_schema_field_t LIMIT[] = {TEXT(limit_file, figure), TEXT(limit_file, clients),
                                             NUMBER(limit_file, at_least),
                                             NUMBER(limit_file, at_most), CYAML_FIELD_END};
static const cyaml_schema_value_t LIMIT_ENTRY = ENTRY(limit_file, LIMIT);

static const cyaml_schema_field_t EXPECT[] = {
    TEXT(expect_file, convergence),          TEXT(expect_file, lost_writes),
    TEXT(expect_file, phantom_values),       TEXT(expect_file, false_concurrency),
    TEXT(expect_file, lost_concurrency),     TEXT(expect_file, resurrected_deletes),
    TEXT(expect_file, replica_monotone),     TEXT(expect_file, regular_reads),
    TEXT(expect_file, read_your_writes),     TEXT(expect_file, monotonic_reads),
    TEXT(expect_file, monotonic_writes),     TEXT(expect_file, writes_follow_reads),
    TEXT(expect_file, stale_reads),          TEXT(expect_file, sample_every),
    LIST(expect_file, figures, LIMIT_ENTRY), CYAML_FIELD_END};

static const cyaml_schema_field_t TRADEOFF[] = {
    LIST(tradeoff_file, n, NUMBER_ENTRY), LIST(tradeoff_file, r, NUMBER_ENTRY),
    LIST(tradeoff_file, w, NUMBER_ENTRY), CYAML_FIELD_END};

static const cyaml_schema_field_t SCENARIO[] = {TEXT(scenario_file, name),
                                                TEXT(scenario_file, proves),
                                                TEXT(scenario_file, duration),
                                                TEXT(scenario_file, converge_within),
                                                PART(scenario_file, cluster, CLUSTER),
                                                PART(scenario_file, network, NETWORK),
                                                PART(scenario_file, disk, DISK),
                                                LIST(scenario_file, clients, CLIENT_ENTRY),
                                                LIST(scenario_file, faults, FAULT_ENTRY),
                                                PART(scenario_file, expect, EXPECT),
                                                PART(scenario_file, tradeoff, TRADEOFF),
                                                CYAML_FIELD_END};

static const cyaml_schema_value_t FILE_SCHEMA = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct scenario_file, SCENARIO)};

/* libcyaml tells what is wrong, and where, through its log only:
 *
 *     Load: Unexpected key: q                     the sentence
 *     Load: Backtrace:
 *       in mapping (line: 3, column: 8)           the place, innermost first
 *       in sequence entry '1' (line: 3, column: 5)
 *       in mapping field 'items' (line: 3, column: 3)
 */
struct load_log {
    char sentence[256];
    char path[512]; /* built from the inside out */
    unsigned long line;
};

static void prepend_path(struct load_log *log, const char *part, bool entry) {
    char whole[sizeof log->path];
    bool joint = log->path[0] != 0 && log->path[0] != '[';
    unsigned long number = entry ? strtoul(part, NULL, 10) : 0;
    if (entry)
        snprintf(whole, sizeof whole, "[%lu]%s%.400s", number == 0 ? 0 : number - 1,
                 joint ? "." : "", log->path);
    else
        snprintf(whole, sizeof whole, "%.80s%s%.400s", part, joint ? "." : "", log->path);
    memcpy(log->path, whole, sizeof whole);
}

static void keep_log(cyaml_log_t level, void *context, const char *format, va_list arguments) {
    struct load_log *log = context;
    char line[512], part[128];
    (void)level;
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = 0;
    if (sscanf(line, " in mapping field '%127[^']'", part) == 1)
        prepend_path(log, part, false);
    else if (sscanf(line, " in sequence entry '%127[^']'", part) == 1)
        prepend_path(log, part, true);
    else if (log->sentence[0] == 0)
        snprintf(log->sentence, sizeof log->sentence, "%.255s",
                 strncmp(line, "Load: ", 6) == 0 ? line + 6 : line);
    const char *at = strstr(line, "(line: ");
    if (at != NULL && log->line == 0)
        log->line = strtoul(at + strlen("(line: "), NULL, 10);
}

static void describe(struct load_log *log, struct bytes text, const char *path,
                     struct buffer *problem) {
    static const char UNKNOWN[] = "Unexpected key: ";
    char key[640];
    snprintf(key, sizeof key, "%s", log->path);
    uint64_t line = log->line == 0 ? 1 : log->line;
    const char *sentence = log->sentence;
    if (strncmp(sentence, UNKNOWN, strlen(UNKNOWN)) == 0) {
        snprintf(key, sizeof key, "%s%s%s", log->path, log->path[0] != 0 ? "." : "",
                 sentence + strlen(UNKNOWN));
        line = scenario_line_of(text, key);
        sentence = "unknown key";
    } else if (strncmp(sentence, "libyaml", 7) == 0) {
        line = scenario_line_of(text, "");
    }
    text_append(problem, path);
    text_append(problem, ":");
    text_append_u64(problem, line);
    text_append(problem, ": ");
    text_append(problem, key);
    text_append(problem, key[0] != 0 ? ": " : "");
    text_append(problem, sentence);
}

static cyaml_config_t settings_of(struct load_log *log) {
    return (cyaml_config_t){.log_fn = keep_log,
                            .log_ctx = log,
                            .mem_fn = cyaml_mem,
                            .log_level = CYAML_LOG_ERROR,
                            .flags = CYAML_CFG_NO_ALIAS};
}

struct scenario_file *scenario_file_load(struct bytes text, const char *path,
                                         struct buffer *problem) {
    struct load_log log = {0};
    cyaml_config_t settings = settings_of(&log);
    cyaml_data_t *loaded = NULL;
    cyaml_err_t status =
        cyaml_load_data(text.data, text.size, &settings, &FILE_SCHEMA, &loaded, NULL);
    if (status == CYAML_OK && loaded != NULL)
        return (struct scenario_file *)loaded;
    if (log.sentence[0] == 0)
        snprintf(log.sentence, sizeof log.sentence, "%s",
                 status == CYAML_OK ? "the file is empty" : cyaml_strerror(status));
    describe(&log, text, path, problem);
    return NULL;
}

void scenario_file_free(struct scenario_file *file) {
    struct load_log log = {0};
    cyaml_config_t settings = settings_of(&log);
    cyaml_free(&settings, &FILE_SCHEMA, file, 0);
}
