#include "server/server_file.h"

#include "engine/base/text.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_MAX = 4096, MEMBERS_MAX = 1024, KEYSPACES_MAX = 32 };

#define TEXT(structure, key)                                                                       \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct structure, key,  \
                           0, TEXT_MAX)
#define NUMBER(structure, key) CYAML_FIELD_UINT(#key, CYAML_FLAG_OPTIONAL, struct structure, key)
#define SWITCH(structure, key)                                                                     \
    CYAML_FIELD_BOOL_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct structure, key)

static const cyaml_schema_field_t MEMBER_FIELDS[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct member_file, name, 1, 63),
    CYAML_FIELD_STRING_PTR("address", CYAML_FLAG_POINTER, struct member_file, address, 1, TEXT_MAX),
    TEXT(member_file, client_address),
    TEXT(member_file, host),
    TEXT(member_file, rack),
    TEXT(member_file, datacentre),
    NUMBER(member_file, weight),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t KEYSPACE_FIELDS[] = {
    TEXT(keyspace_file, name),     TEXT(keyspace_file, prefix),   TEXT(keyspace_file, siblings),
    NUMBER(keyspace_file, n),      NUMBER(keyspace_file, r),      NUMBER(keyspace_file, w),
    NUMBER(keyspace_file, dw),     NUMBER(keyspace_file, pr),     NUMBER(keyspace_file, pw),
    SWITCH(keyspace_file, sloppy), SWITCH(keyspace_file, strict), CYAML_FIELD_END,
};

static const cyaml_schema_field_t STORE_FIELDS[] = {
    TEXT(store_file, sync),
    TEXT(store_file, sync_interval),
    TEXT(store_file, memtable),
    TEXT(store_file, cache),
    TEXT(store_file, block),
    TEXT(store_file, table),
    TEXT(store_file, log_segment),
    SWITCH(store_file, log_allocate),
    CYAML_FIELD_UINT_PTR("log_spares", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct store_file,
                         log_spares),
    TEXT(store_file, compaction_rate),
    CYAML_FIELD_UINT_PTR("filter_bits_per_key", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct store_file, filter_bits_per_key),
    TEXT(store_file, compression),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t TIMING_FIELDS[] = {
    TEXT(timing_file, request_timeout),
    TEXT(timing_file, hedge_after),
    TEXT(timing_file, gossip_interval),
    TEXT(timing_file, suspect_after),
    TEXT(timing_file, dead_after),
    TEXT(timing_file, reconnect_after),
    TEXT(timing_file, handoff_interval),
    TEXT(timing_file, anti_entropy_interval),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t LIMIT_FIELDS[] = {
    TEXT(limits_file, key),         TEXT(limits_file, value),      TEXT(limits_file, client_output),
    TEXT(limits_file, peer_output), TEXT(limits_file, hints),      NUMBER(limits_file, requests),
    NUMBER(limits_file, clients),   NUMBER(limits_file, pipeline), CYAML_FIELD_END,
};

static const cyaml_schema_value_t MEMBER = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct member_file, MEMBER_FIELDS)};
static const cyaml_schema_value_t KEYSPACE = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct keyspace_file, KEYSPACE_FIELDS)};

static const cyaml_schema_field_t FILE_FIELDS[] = {
    TEXT(server_file, cluster),
    TEXT(server_file, node),
    TEXT(server_file, directory),
    TEXT(server_file, listen),
    TEXT(server_file, listen_peers),
    TEXT(server_file, password),
    TEXT(server_file, log_level),
    NUMBER(server_file, partitions),
    NUMBER(server_file, vnodes),
    SWITCH(server_file, read_repair),
    CYAML_FIELD_SEQUENCE("members", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct server_file,
                         members, &MEMBER, 1, MEMBERS_MAX),
    CYAML_FIELD_SEQUENCE("keyspaces", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct server_file,
                         keyspaces, &KEYSPACE, 1, KEYSPACES_MAX),
    CYAML_FIELD_MAPPING("store", CYAML_FLAG_OPTIONAL, struct server_file, store, STORE_FIELDS),
    CYAML_FIELD_MAPPING("timing", CYAML_FLAG_OPTIONAL, struct server_file, timing, TIMING_FIELDS),
    CYAML_FIELD_MAPPING("limits", CYAML_FLAG_OPTIONAL, struct server_file, limits, LIMIT_FIELDS),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t FILE_SCHEMA = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct server_file, FILE_FIELDS)};

/* libcyaml tells what is wrong, and where, through its log only: keep what it says. */
static void keep_log(cyaml_log_t level, void *context, const char *format, va_list arguments) {
    struct buffer *log = context;
    char line[512];
    (void)level;
    vsnprintf(line, sizeof line, format, arguments);
    text_append(log, line);
}

static const cyaml_config_t *cyaml_settings(struct buffer *log, cyaml_config_t *settings) {
    *settings = (cyaml_config_t){.log_fn = keep_log,
                                 .log_ctx = log,
                                 .mem_fn = cyaml_mem,
                                 .log_level = CYAML_LOG_ERROR,
                                 .flags = CYAML_CFG_DEFAULT};
    return settings;
}

struct server_file *server_file_load(const char *path, struct buffer *problem) {
    struct buffer log = {0};
    cyaml_config_t settings;
    cyaml_data_t *loaded = NULL;
    cyaml_err_t status = CYAML_ERR_FILE_OPEN;
    if (access(path, R_OK) != 0) {
        text_append(&log, strerror(errno));
    } else {
        status =
            cyaml_load_file(path, cyaml_settings(&log, &settings), &FILE_SCHEMA, &loaded, NULL);
        if (status == CYAML_OK && loaded == NULL)
            text_append(&log, "the file is empty");
    }
    if (loaded == NULL || status != CYAML_OK) {
        text_append(problem, path);
        text_append(problem, ": ");
        text_append(problem, log.size > 0 ? "" : cyaml_strerror(status));
        buffer_append(problem, buffer_bytes(&log));
    }
    buffer_deinit(&log);
    return (struct server_file *)loaded;
}

struct server_file *server_file_empty(void) {
    struct server_file *file = calloc(1, sizeof *file);
    CHECK(file != NULL);
    return file;
}

void server_file_free(struct server_file *file) {
    struct buffer log = {0};
    cyaml_config_t settings;
    cyaml_free(cyaml_settings(&log, &settings), &FILE_SCHEMA, file, 0);
    buffer_deinit(&log);
}
