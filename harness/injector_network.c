/* What the injector does to links. */
#include "harness/injector_internal.h"

#include <stdlib.h>

static void block(struct injector *injector, uint32_t fault, uint32_t from, uint32_t to) {
    if (injector->block_count == injector->block_capacity) {
        injector->block_capacity =
            injector->block_capacity == 0 ? 64 : 2 * injector->block_capacity;
        injector->blocks =
            realloc(injector->blocks, injector->block_capacity * sizeof *injector->blocks);
        CHECK(injector->blocks != NULL);
    }
    injector->blocks[injector->block_count++] =
        (struct block){.fault = fault, .from = (uint16_t)from, .to = (uint16_t)to};
    world_link(injector->world, from, to)->blocked = true;
}

void injector_block(struct injector *injector, const struct action *action) {
    for (uint32_t i = 0; i < injector->host_count; i++) {
        for (uint32_t j = 0; host_set_has(&action->from, i) && j < injector->host_count; j++) {
            if (i != j && host_set_has(&action->to, j))
                block(injector, action->fault, i, j);
        }
    }
    world_links_changed(injector->world);
}

static bool is_held(const struct injector *injector, uint32_t from, uint32_t to) {
    for (uint32_t i = 0; i < injector->block_count; i++) {
        if (injector->blocks[i].from == from && injector->blocks[i].to == to)
            return true;
    }
    return false;
}

void injector_unblock(struct injector *injector, uint32_t fault, bool all) {
    uint32_t kept = 0, count = injector->block_count;
    struct block *blocks = injector->blocks;
    for (uint32_t i = 0; i < count; i++) {
        struct block held = blocks[i];
        if (all || held.fault == fault)
            world_link(injector->world, held.from, held.to)->blocked = false;
        else
            blocks[kept++] = held;
    }
    injector->block_count = kept;
    for (uint32_t i = 0; i < kept; i++)
        world_link(injector->world, blocks[i].from, blocks[i].to)->blocked = true;
    world_links_changed(injector->world);
}

const struct link_settings *injector_configured_link(const struct scenario *scenario, uint32_t from,
                                                     uint32_t to) {
    const struct scenario_cluster *cluster = &scenario->cluster;
    if (from >= cluster->node_count || to >= cluster->node_count)
        return &scenario->world.link;
    const char *there = cluster->nodes[from].datacentre, *here = cluster->nodes[to].datacentre;
    for (uint32_t i = 0; i < scenario->datacentre_link_count; i++) {
        const struct datacentre_link *link = &scenario->datacentre_links[i];
        bool forth = strcmp(link->from, there) == 0 && strcmp(link->to, here) == 0;
        bool back = strcmp(link->from, here) == 0 && strcmp(link->to, there) == 0;
        if (forth || (back && !link->one_way))
            return &link->link;
    }
    return &scenario->world.link;
}

void injector_set_link(struct injector *injector, uint32_t from, uint32_t to,
                       const struct link_settings *settings) {
    struct link_settings *link = world_link(injector->world, from, to);
    *link = *settings;
    link->blocked = is_held(injector, from, to);
    /* The clients' protocol has no checksum: a flipped bit would be their value, and nobody's fault. */
    uint32_t nodes = injector->scenario->cluster.node_count;
    if (from >= nodes || to >= nodes)
        link->flip_per_million = 0;
}

void injector_set_links(struct injector *injector, const struct action *action) {
    for (uint32_t i = 0; i < injector->host_count; i++) {
        for (uint32_t j = 0; host_set_has(&action->from, i) && j < injector->host_count; j++) {
            if (i == j || !host_set_has(&action->to, j))
                continue;
            injector_set_link(injector, i, j,
                              action->kind == ACT_LINK
                                  ? &action->settings->link
                                  : injector_configured_link(injector->scenario, i, j));
        }
    }
    world_links_changed(injector->world);
}

void injector_cut(struct injector *injector, const struct action *action) {
    for (uint32_t i = 0; i < injector->host_count; i++) {
        for (uint32_t j = 0; host_set_has(&action->from, i) && j < injector->host_count; j++) {
            if (i != j && host_set_has(&action->to, j))
                world_cut_links(injector->world, i, j);
        }
    }
}
