/* Which nodes have no space, in words for whoever asked for a write. */
#include "engine/base/text.h"
#include "engine/node/node_state.h"

static uint32_t count_full(const struct request *request) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < request->slot_count; i++)
        count += request->slots[i].is_full;
    return count;
}

static void append_nodes(const struct node *node, const struct request *request,
                         struct buffer *to) {
    const char *before = count_full(request) > 1 ? "of nodes " : "of node ";
    for (uint32_t i = 0; i < request->slot_count; i++) {
        if (!request->slots[i].is_full)
            continue;
        text_append(to, before);
        buffer_append(to, node->members[request->slots[i].member].name);
        before = ", ";
    }
}

const char *coordinator_full_nodes(struct node *node, const struct request *request) {
    buffer_clear(&node->encoded);
    append_nodes(node, request, &node->encoded);
    buffer_put_u8(&node->encoded, 0);
    return (const char *)node->encoded.data;
}

const char *coordinator_doubt(struct node *node, const struct request *request) {
    struct buffer *reason = &node->encoded;
    buffer_clear(reason);
    text_append(reason, "too few replicas acknowledged the write in time");
    if (count_full(request) > 0) {
        text_append(reason, ": no space is left on the disk ");
        append_nodes(node, request, reason);
    }
    buffer_put_u8(reason, 0);
    return (const char *)reason->data;
}
