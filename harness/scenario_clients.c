#include "engine/base/text.h"
#include "harness/name_set.h"
#include "harness/scenario_units.h"

#include <stdio.h>

enum { WEIGHT_MAX = 1000000, RETRIES_MAX = 100, RATE_MAX = 1000000, VALUE_MIN = 16 };
enum { VALUE_DEFAULT = 100, KEYS_DEFAULT = 100 };

/* "100" or "1/10" operations a second, of the whole group; kept as operations of one client in 1,000 seconds. */
static void load_rate(struct loader *loader, const char *text, struct client_group *group) {
    if (text == NULL)
        return;
    size_t slash = strcspn(text, "/");
    uint64_t part, whole = 1;
    bool good = text_parse_u64(bytes_of(text, slash), &part);
    if (text[slash] == '/')
        good = good && text_parse_u64(bytes_of_text(text + slash + 1), &whole);
    if (!good || whole == 0 || part == 0 || part > RATE_MAX)
        loader_refuse(loader, "rate",
                      "'%.80s' is not operations a second: write for instance 100 or 1/10", text);
    else
        group->rate_millis = part * 1000 / whole / group->count;
    if (good && group->rate_millis == 0)
        loader_refuse(loader, "rate", "is below one operation of each client in 1,000 seconds");
}

static void load_mix(struct loader *loader, const struct mix_file *file,
                     struct client_group *group) {
    static const char *const NAMES[ACTION_COUNT] = {
        "mix.get", "mix.read", "mix.put", "mix.delete", "mix.set", "mix.remove", "mix.merge"};
    if (file == NULL) {
        group->mix[ACTION_READ] = 1;
        group->mix[ACTION_PUT] = 1;
        return;
    }
    const uint32_t *weights[ACTION_COUNT] = {file->get, file->read,   file->put,  file->delete,
                                             file->set, file->remove, file->merge};
    uint32_t sum = 0;
    for (uint32_t i = 0; i < ACTION_COUNT; i++) {
        loader_number(loader, NAMES[i], weights[i], 0, WEIGHT_MAX, &group->mix[i]);
        sum += group->mix[i];
    }
    if (sum == 0)
        loader_refuse(loader, "mix", "every weight is 0");
}

static void load_request(struct loader *loader, const struct request_file *file,
                         struct client_group *group) {
    if (file == NULL)
        return;
    loader_byte(loader, "request.r", file->r, 1, NODE_REPLICAS_MAX, &group->r);
    loader_byte(loader, "request.w", file->w, 1, NODE_REPLICAS_MAX, &group->w);
    loader_byte(loader, "request.dw", file->dw, 0, NODE_REPLICAS_MAX, &group->dw);
    loader_byte(loader, "request.pr", file->pr, 0, NODE_REPLICAS_MAX, &group->pr);
    loader_byte(loader, "request.pw", file->pw, 0, NODE_REPLICAS_MAX, &group->pw);
}

static void load_sizes(struct loader *loader, const struct client_file *file,
                       struct client_group *group) {
    loader_size_range(loader, "value_size", file->value_size, &group->value_size);
    if (group->value_size.low < VALUE_MIN)
        loader_refuse(loader, "value_size", "is below %d bytes: a value carries its id", VALUE_MIN);
    if (group->value_size.high > loader->scenario->cluster.node.value_bytes_max)
        loader_refuse(loader, "value_size", "is above cluster.limits.value");
    loader_number(loader, "keys", file->keys, 1, SCENARIO_KEYS_MAX, &group->keys);
    if (group->key_prefix[strspn(group->key_prefix,
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
                                 "XYZ0123456789:_-{}/")] != 0)
        loader_refuse(loader, "key_prefix", "has other bytes than letters, digits and :_-{}/");
    if (strlen(group->key_prefix) > 64)
        loader_refuse(loader, "key_prefix", "is longer than 64 bytes");
}

static void load_when(struct loader *loader, const struct client_file *file,
                      struct client_group *group) {
    loader_duration(loader, "start", file->start, &group->start);
    loader_duration(loader, "stop", file->stop, &group->stop);
    if (group->stop.nanoseconds != 0 && group->stop.nanoseconds <= group->start.nanoseconds)
        loader_refuse(loader, "stop", "does not lie after start");
    loader_duration(loader, "timeout", file->timeout, &group->timeout);
    if (group->timeout.nanoseconds == 0)
        loader_refuse(loader, "timeout", "is 0");
    load_rate(loader, file->rate, group);
    loader_distribution(loader, "think_time", file->think_time, &group->think_time);
    if (file->rate != NULL && file->think_time != NULL)
        loader_refuse(loader, "think_time", "goes with a closed loop; there is a rate");
}

static void load_group(struct loader *loader, const struct client_file *file,
                       struct client_group *group) {
    static const char *const DISTRIBUTIONS[] = {"uniform", "zipf", "sequential", NULL};
    static const char *const CONTEXTS[] = {"fresh", "last", "none", NULL};
    static const char *const CHOICES[] = {"sticky", "any", NULL};
    const char *name = file->name != NULL ? file->name : "client";
    if (strlen(name) == 0 || strlen(name) > SCENARIO_NAME_MAX - 4 ||
        name[strspn(name, "abcdefghijklmnopqrstuvwxyz_-")] != 0)
        loader_refuse(loader, "name", "is not 1 to %d lower-case letters", SCENARIO_NAME_MAX - 4);
    else
        snprintf(group->name, sizeof group->name, "%s", name);
    group->count = 1;
    group->nodes = file->nodes != NULL ? file->nodes : "all";
    group->key_prefix = file->key_prefix != NULL ? file->key_prefix : "k";
    group->keys = KEYS_DEFAULT;
    group->value_size = (struct value_range){VALUE_DEFAULT, VALUE_DEFAULT};
    group->failover = file->failover == NULL || *file->failover;
    group->timeout.nanoseconds = loader->scenario->cluster.node.request_timeout.nanoseconds * 2;
    group->think_time = (struct distribution){.kind = DISTRIBUTION_CONSTANT, .low = 10000000};
    loader_number(loader, "count", file->count, 1, SCENARIO_CLIENTS_MAX, &group->count);
    loader_number(loader, "retries", file->retries, 0, RETRIES_MAX, &group->retries);
    group->choice =
        (enum node_choice)loader_choice(loader, "node", file->node, CHOICES, CHOICE_STICKY);
    group->distribution = (enum key_distribution)loader_choice(
        loader, "distribution", file->distribution, DISTRIBUTIONS, KEYS_UNIFORM);
    group->context = (enum context_policy)loader_choice(loader, "context", file->context, CONTEXTS,
                                                        CONTEXT_FRESH);
    load_when(loader, file, group);
    load_sizes(loader, file, group);
    load_mix(loader, file->mix, group);
    load_request(loader, file->request, group);
}

/* Groups must not share a name, nor look like a node's. */
static void check_names(struct loader *loader) {
    const struct scenario *scenario = loader->scenario;
    static const char *const TAKEN[] = {"all", "rest", "random", "clients", "inspector", "harness"};
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        loader_enter(loader, "clients[%u]", i);
        for (size_t j = 0; j < sizeof TAKEN / sizeof TAKEN[0]; j++) {
            if (strcmp(TAKEN[j], scenario->groups[i].name) == 0)
                loader_refuse(loader, "name", "'%s' has a meaning of its own", TAKEN[j]);
        }
        if (strcmp(scenario->groups[i].name, "n") == 0)
            loader_refuse(loader, "name", "'n' is what nodes are called");
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(scenario->groups[i].name, scenario->groups[j].name) == 0)
                loader_refuse(loader, "name", "'%s' is taken by another group",
                              scenario->groups[i].name);
        }
    }
}

/* Sets of nodes may name nodes only. */
static void check_nodes(struct loader *loader) {
    struct scenario *scenario = loader->scenario;
    for (uint32_t i = 0; i < scenario->group_count && !loader->failed; i++) {
        loader_enter(loader, "clients[%u]", i);
        loader_name_set(loader, "nodes", scenario->groups[i].nodes);
        if (strstr(scenario->groups[i].nodes, "rest") != NULL)
            loader_refuse(loader, "nodes", "'rest' belongs into the groups of a partition");
    }
}

void scenario_load_clients(struct loader *loader, const struct scenario_file *file) {
    struct scenario *scenario = loader->scenario;
    for (uint32_t i = 0; i < file->clients_count && !loader->failed; i++) {
        loader_enter(loader, "clients[%u]", i);
        if (i == SCENARIO_GROUPS_MAX) {
            loader_refuse(loader, "", "there are more than %d groups", SCENARIO_GROUPS_MAX);
            return;
        }
        load_group(loader, &file->clients[i], &scenario->groups[i]);
        scenario->group_count = i + 1;
        if (scenario_client_count(scenario) > SCENARIO_CLIENTS_MAX)
            loader_refuse(loader, "count", "all groups together have more than %d clients",
                          SCENARIO_CLIENTS_MAX);
    }
    check_names(loader);
    check_nodes(loader);
}
