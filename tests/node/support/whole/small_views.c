#include "tests/node/support/whole/small_cluster_parts.h"

#include "engine/data/slot.h"

bool small_cluster_is_ready(struct small_cluster *cluster) {
    for (uint32_t i = 0; i < cluster->options.nodes; i++) {
        const struct node *node = cluster->nodes[i].node;
        if (node == NULL || node_phase(node) != NODE_SERVING)
            return false;
        for (uint32_t j = 0; j < cluster->options.nodes; j++) {
            if (!membership_is_usable(node_membership(node), j))
                return false;
        }
        for (uint32_t p = 0; p < node_ring(node)->partition_count; p++) {
            const uint16_t *list = ring_preference(node_ring(node), (uint16_t)p);
            for (uint32_t k = 0; k < cluster->options.n && k < node_ring(node)->list_size; k++) {
                if (list[k] == node_self(node) && !node_holds_partition(node, (uint16_t)p))
                    return false;
            }
        }
    }
    return true;
}

struct node *small_cluster_node(struct small_cluster *cluster, uint32_t node) {
    return cluster->nodes[node].node;
}

bool small_cluster_believes_in(struct small_cluster *cluster, uint32_t index, uint32_t other) {
    const struct node *node = cluster->nodes[index].node;
    for (uint32_t i = 0; i < cluster->options.nodes; i++) {
        if (node_member(node, i)->name.data[1] == '0' + (int)other)
            return membership_is_usable(node_membership(node), i);
    }
    return false;
}

static uint32_t any_running(struct small_cluster *cluster) {
    uint32_t node = 0;
    while (cluster->nodes[node].node == NULL)
        node++;
    return node;
}

uint32_t small_cluster_owner(struct small_cluster *cluster, const char *key, uint32_t place) {
    const struct node *node = cluster->nodes[any_running(cluster)].node;
    uint16_t partition =
        partition_of_slot(slot_of_key(bytes_of_text(key)), node_ring(node)->partition_count);
    uint32_t member = ring_preference(node_ring(node), partition)[place];
    return (uint32_t)(node_member(node, member)->name.data[1] - '0');
}

bool small_cluster_has_converged(struct small_cluster *cluster) {
    const struct node *first = cluster->nodes[any_running(cluster)].node;
    for (uint32_t p = 0; p < node_ring(first)->partition_count; p++) {
        const uint16_t *list = ring_preference(node_ring(first), (uint16_t)p);
        bool known = false;
        uint64_t root = 0;
        for (uint32_t k = 0; k < cluster->options.n && k < node_ring(first)->list_size; k++) {
            uint32_t index = (uint32_t)(node_member(first, list[k])->name.data[1] - '0');
            const struct node *node = cluster->nodes[index].node;
            if (node == NULL)
                continue;
            uint64_t own = node_partition_root(node, (uint16_t)p);
            if (known && own != root)
                return false;
            root = own;
            known = true;
        }
    }
    return true;
}

struct node_figures small_cluster_figures(struct small_cluster *cluster, uint32_t node) {
    struct node_figures figures;
    node_figures(cluster->nodes[node].node, &figures);
    return figures;
}

const char *small_cluster_halt_reason(struct small_cluster *cluster, uint32_t node) {
    return cluster->nodes[node].halt_reason;
}
