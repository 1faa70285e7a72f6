#include "harness/scenario_units.h"

#include <stdio.h>
#include <stdlib.h>

/* The path of a key inside a part: "link" and "loss" give "link.loss". */
static const char *inside(char *path, size_t size, const char *part, const char *key) {
    snprintf(path, size, "%s%s%s", part, part[0] != 0 ? "." : "", key);
    return path;
}
#define INSIDE(name) inside(path, sizeof path, key, name)

enum { SLOW_FACTOR_MAX = 1000000 };

void loader_link(struct loader *loader, const char *key, const struct link_file *file,
                 struct link_settings *to) {
    if (file == NULL)
        return;
    char path[96];
    uint64_t segment = to->segment_bytes_max;
    loader_distribution(loader, INSIDE("latency"), file->latency, &to->latency);
    loader_distribution(loader, INSIDE("stall"), file->stall, &to->stall);
    loader_size(loader, INSIDE("bandwidth"), file->bandwidth, &to->bandwidth);
    loader_size(loader, INSIDE("segment"), file->segment, &segment);
    if (segment > UINT32_MAX)
        loader_refuse(loader, INSIDE("segment"), "is above 4GiB");
    to->segment_bytes_max = (uint32_t)segment;
    loader_chance(loader, INSIDE("loss"), file->loss, &to->loss_per_million);
    loader_chance(loader, INSIDE("flip"), file->flip, &to->flip_per_million);
    loader_chance(loader, INSIDE("stall_chance"), file->stall_chance, &to->stall_per_million);
    if (file->stall_chance != NULL && to->stall_per_million > 0 && file->stall == NULL)
        loader_refuse(loader, INSIDE("stall_chance"), "needs stall: how long");
}

static void load_spells(struct loader *loader, const char *key, const struct disk_file *file,
                        struct disk_settings *to) {
    char path[96];
    loader_distribution(loader, INSIDE("slow_every"), file->slow_every, &to->slow_every);
    loader_distribution(loader, INSIDE("slow_lasting"), file->slow_lasting, &to->slow_lasting);
    loader_number(loader, INSIDE("slow_factor"), file->slow_factor, 1, SLOW_FACTOR_MAX,
                  &to->slow_factor);
    bool has_spells =
        !distribution_is_zero(&to->slow_every) && !distribution_is_zero(&to->slow_lasting);
    if (to->slow_factor > 1 && !has_spells)
        loader_refuse(loader, INSIDE("slow_factor"), "needs slow_every and slow_lasting");
    if (to->slow_factor < 2 && (file->slow_every != NULL || file->slow_lasting != NULL))
        loader_refuse(loader, key, "slow_every and slow_lasting need a slow_factor above 1");
}

void loader_disk(struct loader *loader, const char *key, const struct disk_file *file,
                 struct disk_settings *to) {
    if (file == NULL)
        return;
    static const char *const AFTERMATHS[] = {"forgets", "shows", NULL};
    char path[96];
    uint64_t sector = to->sector_bytes;
    loader_distribution(loader, INSIDE("read_latency"), file->read_latency, &to->read_latency);
    loader_distribution(loader, INSIDE("write_latency"), file->write_latency, &to->write_latency);
    loader_distribution(loader, INSIDE("sync_latency"), file->sync_latency, &to->sync_latency);
    loader_size(loader, INSIDE("capacity"), file->capacity, &to->capacity);
    loader_size(loader, INSIDE("sector"), file->sector, &sector);
    if (sector < 64 || sector > 65536)
        loader_refuse(loader, INSIDE("sector"), "is not from 64 to 64KiB");
    to->sector_bytes = (uint32_t)sector;
    loader_chance(loader, INSIDE("read_error"), file->read_error, &to->read_error_per_million);
    loader_chance(loader, INSIDE("write_error"), file->write_error, &to->write_error_per_million);
    loader_chance(loader, INSIDE("sync_error"), file->sync_error, &to->sync_error_per_million);
    loader_chance(loader, INSIDE("bit_rot"), file->bit_rot, &to->bit_rot_per_million);
    loader_chance(loader, INSIDE("lost_write"), file->lost_write, &to->lost_write_per_million);
    loader_chance(loader, INSIDE("misdirected_write"), file->misdirected_write,
                  &to->misdirected_write_per_million);
    to->sync_error_aftermath = (enum sync_error_aftermath)loader_choice(
        loader, INSIDE("after_sync_error"), file->after_sync_error, AFTERMATHS,
        to->sync_error_aftermath);
    loader_distribution(loader, INSIDE("rot_every"), file->rot_every, &to->rot_every);
    load_spells(loader, key, file, to);
}

bool disk_settings_harm(const struct disk_settings *disk) {
    return disk->read_error_per_million > 0 || disk->write_error_per_million > 0 ||
           disk->sync_error_per_million > 0 || disk->bit_rot_per_million > 0 ||
           disk->lost_write_per_million > 0 || disk->misdirected_write_per_million > 0 ||
           !distribution_is_zero(&disk->rot_every);
}

enum { DRIFT_MAX_PER_MILLION = 500000 };

void loader_clock(struct loader *loader, const char *key, const struct clock_file *file,
                  struct clock_settings *to) {
    if (file == NULL)
        return;
    char path[96];
    loader_offset(loader, INSIDE("offset"), file->offset, &to->offset_milliseconds);
    if (file->drift_per_million == NULL)
        return;
    if (abs(*file->drift_per_million) > DRIFT_MAX_PER_MILLION)
        loader_refuse(loader, INSIDE("drift_per_million"), "is beyond half the speed of time");
    to->drift_per_million = *file->drift_per_million;
}

static void load_datacentre_link(struct loader *loader, const struct datacentre_link_file *file,
                                 uint32_t index) {
    struct datacentre_link *link = &loader->scenario->datacentre_links[index];
    loader_enter(loader, "network.datacentres[%u]", index);
    *link = (struct datacentre_link){
        .from = file->from, .to = file->to, .link = loader->scenario->world.link};
    link->one_way = file->one_way != NULL && *file->one_way;
    if (file->from == NULL || file->to == NULL)
        loader_refuse(loader, "", "needs from and to: two data centres");
    if (file->link == NULL)
        loader_refuse(loader, "", "needs link: what the way between them is like");
    loader_link(loader, "link", file->link, &link->link);
    bool known_from = false, known_to = false;
    for (uint32_t i = 0; i < loader->scenario->cluster.node_count && !loader->failed; i++) {
        known_from |= strcmp(loader->scenario->cluster.nodes[i].datacentre, file->from) == 0;
        known_to |= strcmp(loader->scenario->cluster.nodes[i].datacentre, file->to) == 0;
    }
    if (!known_from)
        loader_refuse(loader, "from", "no node stands in this data centre");
    if (!known_to)
        loader_refuse(loader, "to", "no node stands in this data centre");
}

void scenario_load_network(struct loader *loader, const struct scenario_file *file) {
    const struct network_file *network = file->network;
    struct scenario *scenario = loader->scenario;
    if (network == NULL)
        return;
    loader_enter(loader, "network");
    loader_link(loader, "link", network->link, &scenario->world.link);
    loader_duration(loader, "connection_timeout", network->connection_timeout,
                    &scenario->world.connection_timeout);
    scenario->datacentre_link_count = network->datacentres_count;
    scenario->datacentre_links =
        calloc(network->datacentres_count + 1, sizeof *scenario->datacentre_links);
    CHECK(scenario->datacentre_links != NULL);
    for (uint32_t i = 0; i < network->datacentres_count; i++)
        load_datacentre_link(loader, &network->datacentres[i], i);
}
