#include "engine/base/text.h"
#include "engine/node/node.h"

void node_config_default(struct node_config *config) {
    *config = (struct node_config){
        .partition_count = 1024,
        .vnodes = RING_VNODES_DEFAULT,
        .request_timeout = duration_of_seconds(2),
        .hedge_after = duration_of_milliseconds(50),
        .gossip_interval = duration_of_milliseconds(500),
        .suspect_after_min = duration_of_seconds(2),
        .dead_after = duration_of_seconds(10),
        .reconnect_after = duration_of_milliseconds(200),
        .handoff_interval = duration_of_seconds(5),
        .anti_entropy_interval = duration_of_seconds(30),
        .read_repair = true,
        .key_bytes_max = 4096,
        .value_bytes_max = 1 << 20,
        .requests_max = 65536,
        .clients_max = 10000,
        .pipeline_max = 1024,
        .client_output_bytes_max = 64 << 20,
        .peer_output_bytes_max = 64 << 20,
        .hint_bytes_max = (uint64_t)1 << 30,
        .store = store_config_default(),
        .note_level = NOTE_INFO,
    };
}

struct keyspace_config keyspace_config_default(void) {
    return (struct keyspace_config){
        .name = bytes_of_text("default"), .n = 3, .r = 2, .w = 2, .sloppy = true};
}

/* --- validation --------------------------------------------------------------------------------- */

static bool complain(struct buffer *problem, const char *sentence) {
    text_append(problem, sentence);
    return false;
}

static bool complain_about(struct buffer *problem, const char *what, struct bytes name,
                           const char *why) {
    text_append(problem, what);
    text_append(problem, " ");
    text_append_quoted(problem, name, NODE_NAME_MAX);
    text_append(problem, ": ");
    text_append(problem, why);
    return false;
}

static bool is_power_of_two(uint32_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

static bool keyspace_is_valid(const struct keyspace_config *keyspace, struct buffer *problem) {
    const char *why = NULL;
    if (keyspace->n < 1 || keyspace->n > NODE_REPLICAS_MAX)
        why = "n must be from 1 to 8";
    else if (keyspace->r < 1 || keyspace->r > keyspace->n)
        why = "r must be from 1 to n";
    else if (keyspace->w < 1 || keyspace->w > keyspace->n)
        why = "w must be from 1 to n";
    else if (keyspace->dw > keyspace->n)
        why = "dw must not be greater than n";
    else if (keyspace->pr > keyspace->n || keyspace->pw > keyspace->n)
        why = "pr and pw must not be greater than n";
    return why == NULL || complain_about(problem, "keyspace", keyspace->name, why);
}

static bool keyspaces_are_valid(const struct node_config *config, struct buffer *problem) {
    bool has_default = false;
    if (config->keyspace_count < 1 || config->keyspace_count > NODE_KEYSPACES_MAX)
        return complain(problem, "keyspaces: there must be from 1 to 32");
    for (uint32_t i = 0; i < config->keyspace_count; i++) {
        const struct keyspace_config *keyspace = &config->keyspaces[i];
        has_default = has_default || keyspace->prefix.size == 0;
        if (!keyspace_is_valid(keyspace, problem))
            return false;
        for (uint32_t j = 0; j < i; j++) {
            if (bytes_equal(config->keyspaces[j].prefix, keyspace->prefix))
                return complain_about(problem, "keyspace", keyspace->name,
                                      "another one has the same prefix");
        }
    }
    return has_default ||
           complain(problem, "keyspaces: one must have the empty prefix, for all other keys");
}

static bool members_are_valid(const struct node_config *config, struct buffer *problem) {
    bool found_self = false;
    if (config->member_count < 1 || config->member_count > RING_MEMBERS_MAX)
        return complain(problem, "members: there must be from 1 to 1024");
    for (uint32_t i = 0; i < config->member_count; i++) {
        const struct member_config *member = &config->members[i];
        if (member->name.size < 1 || member->name.size > NODE_NAME_MAX)
            return complain_about(problem, "member", member->name,
                                  "a name has from 1 to 63 characters");
        if (member->weight < 1 || member->weight > RING_WEIGHT_MAX)
            return complain_about(problem, "member", member->name, "weight must be from 1 to 64");
        if (config->member_count > 1 && member->address.size == 0)
            return complain_about(problem, "member", member->name, "it needs an address");
        found_self = found_self || bytes_equal(member->name, config->name);
        for (uint32_t j = 0; j < i; j++) {
            if (bytes_equal(config->members[j].name, member->name))
                return complain_about(problem, "member", member->name, "the name is given twice");
        }
    }
    return found_self ||
           complain_about(problem, "name", config->name, "this node is not among the members");
}

static bool times_are_valid(const struct node_config *config, struct buffer *problem) {
    uint64_t millisecond = 1000000;
    if (config->request_timeout.nanoseconds < millisecond)
        return complain(problem, "request_timeout: must be at least 1 ms");
    if (config->gossip_interval.nanoseconds < millisecond)
        return complain(problem, "gossip_interval: must be at least 1 ms");
    if (config->suspect_after_min.nanoseconds < millisecond ||
        config->dead_after.nanoseconds < millisecond)
        return complain(problem, "suspect_after_min and dead_after: must be at least 1 ms");
    if (config->reconnect_after.nanoseconds < millisecond)
        return complain(problem, "reconnect_after: must be at least 1 ms");
    return true;
}

static bool bounds_are_valid(const struct node_config *config, struct buffer *problem) {
    if (!is_power_of_two(config->partition_count) || config->partition_count > 16384)
        return complain(problem, "partition_count: must be a power of two up to 16384");
    if (config->vnodes < 1 || config->vnodes > 1024)
        return complain(problem, "vnodes: must be from 1 to 1024");
    if (config->key_bytes_max < 1 || config->key_bytes_max > 32768)
        return complain(problem, "key_bytes_max: must be from 1 to 32768");
    if (config->value_bytes_max < 1 || config->value_bytes_max > 16 << 20)
        return complain(problem, "value_bytes_max: must be from 1 byte to 16 MiB");
    if (config->requests_max < 1 || config->requests_max > 1 << 24)
        return complain(problem, "requests_max: must be from 1 to 16777216");
    if (config->clients_max < 1 || config->pipeline_max < 1)
        return complain(problem, "clients_max and pipeline_max: must be at least 1");
    if (config->client_output_bytes_max < 65536 || config->peer_output_bytes_max < 1 << 20)
        return complain(problem, "client_output_bytes_max must be at least 64 KiB and "
                                 "peer_output_bytes_max at least 1 MiB");
    return true;
}

bool node_config_is_valid(const struct node_config *config, struct buffer *problem) {
    if (config->cluster.size == 0 || config->cluster.size > 255)
        return complain(problem, "cluster: a name has from 1 to 255 characters");
    if (config->password.size > 1024)
        return complain(problem, "password: must not be longer than 1024 characters");
    return members_are_valid(config, problem) && keyspaces_are_valid(config, problem) &&
           times_are_valid(config, problem) && bounds_are_valid(config, problem);
}
