#include "engine/base/text.h"
#include "harness/scenario_units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_BYTES_MAX = 1 << 20, DURATION_HOURS_MAX = 1000 };

/* What the node itself finds wrong: its sentence names the setting, the file's line is that of the cluster. */
static void check_node(struct loader *loader) {
    struct scenario_cluster *cluster = &loader->scenario->cluster;
    struct member_config members[SCENARIO_NODES_MAX];
    char addresses[SCENARIO_NODES_MAX][SCENARIO_NAME_MAX + 8];
    struct node_config config = cluster->node;
    struct buffer sentence = {0};
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        const struct scenario_node *node = &cluster->nodes[i];
        snprintf(addresses[i], sizeof addresses[i], "%s:8000", node->name);
        members[i] = (struct member_config){.name = bytes_of_text(node->name),
                                            .address = bytes_of_text(addresses[i]),
                                            .client_address = bytes_of_text(addresses[i]),
                                            .host = bytes_of_text(node->host),
                                            .rack = bytes_of_text(node->rack),
                                            .datacentre = bytes_of_text(node->datacentre),
                                            .weight = node->weight};
    }
    config.cluster = bytes_of_text("scenario");
    config.name = members[0].name;
    config.members = members;
    config.member_count = cluster->node_count;
    loader_enter(loader, "cluster");
    if (!node_config_is_valid(&config, &sentence))
        loader_refuse(loader, "", "%.*s", (int)sentence.size, (const char *)sentence.data);
    buffer_deinit(&sentence);
}

static void load_parts(struct loader *loader, const struct scenario_file *file) {
    struct scenario *scenario = loader->scenario;
    scenario->name = file->name;
    scenario->proves = file->proves != NULL ? file->proves : "";
    scenario->duration = duration_of_seconds(30);
    scenario->converge_within = duration_of_seconds(120);
    if (file->name == NULL || file->name[0] == 0 ||
        file->name[strspn(file->name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] != 0)
        loader_refuse(loader, "name", "must be given, of lower-case letters, digits, - and _");
    loader_duration(loader, "duration", file->duration, &scenario->duration);
    loader_duration(loader, "converge_within", file->converge_within, &scenario->converge_within);
    if (scenario->duration.nanoseconds == 0)
        loader_refuse(loader, "duration", "is 0");
    if (scenario->duration.nanoseconds >
        duration_of_seconds(3600u * DURATION_HOURS_MAX).nanoseconds)
        loader_refuse(loader, "duration", "is above %d hours", DURATION_HOURS_MAX);
    world_defaults_fill(&scenario->world);
    scenario_load_cluster(loader, file);
    scenario_load_network(loader, file);
    scenario_load_clients(loader, file);
    scenario_load_faults(loader, file);
    scenario_load_expectations(loader, file);
    if (!loader->failed)
        check_node(loader);
}

struct scenario *scenario_load_bytes(struct bytes text, const char *path, struct buffer *problem) {
    struct scenario_file *file = scenario_file_load(text, path, problem);
    if (file == NULL)
        return NULL;
    struct scenario *scenario = calloc(1, sizeof *scenario);
    CHECK(scenario != NULL);
    scenario->file = file;
    scenario->path = strdup(path);
    CHECK(scenario->path != NULL);
    struct loader loader = {.scenario = scenario, .text = text, .path = path, .problem = problem};
    load_parts(&loader, file);
    if (!loader.failed)
        return scenario;
    scenario_destroy(scenario);
    return NULL;
}

struct scenario *scenario_load(const char *path, struct buffer *problem) {
    FILE *stream = fopen(path, "rb");
    struct buffer text = {0};
    size_t got = 0;
    errno = stream == NULL ? errno : 0;
    if (stream != NULL) {
        got = fread(buffer_reserve(&text, FILE_BYTES_MAX + 1), 1, FILE_BYTES_MAX + 1, stream);
        if (ferror(stream) == 0)
            errno = 0;
        fclose(stream);
    }
    struct scenario *scenario = NULL;
    if (errno != 0 || got > FILE_BYTES_MAX) {
        text_append(problem, path);
        text_append(problem, ":1: ");
        text_append(problem, errno != 0 ? strerror(errno) : "the file is larger than 1MiB");
    } else {
        scenario = scenario_load_bytes(bytes_of(text.data, got), path, problem);
    }
    buffer_deinit(&text);
    return scenario;
}

void scenario_destroy(struct scenario *scenario) {
    if (scenario == NULL)
        return;
    scenario_file_free(scenario->file);
    for (uint32_t i = 0; i < scenario->kept_count; i++)
        free(scenario->kept[i]);
    free(scenario->kept);
    free(scenario->datacentre_links);
    free(scenario->faults);
    free(scenario->path);
    free(scenario);
}
