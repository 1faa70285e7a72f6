#include "engine/node/node_link.h"

#include "engine/base/memory.h"
#include "engine/node/node_state.h"

static void list_append(struct link_list *list, struct node_link *link) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        list->items = memory_resize(list->items, list->capacity * sizeof *list->items);
    }
    list->items[list->count++] = link;
}

/* The first position whose link has at least this number. */
static size_t position_of(const struct link_list *list, uint64_t number) {
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (list->items[middle]->id.value < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void list_insert(struct link_list *list, struct node_link *link) {
    size_t position = position_of(list, link->id.value);
    list_append(list, link);
    memmove(list->items + position + 1, list->items + position,
            (list->count - 1 - position) * sizeof(struct node_link *));
    list->items[position] = link;
}

static void list_remove(struct link_list *list, const struct node_link *link) {
    size_t position = position_of(list, link->id.value);
    CHECK(position < list->count && list->items[position] == link);
    memmove(list->items + position, list->items + position + 1,
            (list->count - 1 - position) * sizeof(struct node_link *));
    list->count--;
}

struct node_link *link_add(struct node *node, struct link_id id, enum link_role role) {
    struct link_table *links = &node->links;
    CHECK(id_map_get(&links->by_id, id.value) == NULL);
    struct node_link *link = memory_allocate_zeroed(1, sizeof *link);
    link->id = id;
    link->role = role;
    link->member = LINK_MEMBER_NONE;
    id_map_put(&links->by_id, id.value, link);
    list_insert(&links->ordered, link);
    links->client_count += role == LINK_CLIENT;
    return link;
}

struct node_link *link_dial(struct node *node, uint32_t member, struct bytes address) {
    struct link_id id = {node->links.next_dialled * 2 + 1};
    node->links.next_dialled++;
    struct node_link *link = link_add(node, id, LINK_PEER);
    link->dialled = true;
    link->member = member;
    effects_connect(node->effects, id, address);
    return link;
}

struct node_link *link_find(const struct node *node, struct link_id id) {
    struct node_link *link = id_map_get(&node->links.by_id, id.value);
    return link == NULL || link->closing ? NULL : link;
}

static void mark_dirty(struct node *node, struct node_link *link) {
    if (link->dirty)
        return;
    link->dirty = true;
    list_append(&node->links.dirty, link);
}

struct buffer *link_output(struct node *node, struct node_link *link) {
    mark_dirty(node, link);
    return &link->output;
}

void link_close(struct node *node, struct node_link *link) {
    link->closing = true;
    mark_dirty(node, link);
}

static void take_out(struct node *node, struct node_link *link) {
    struct link_table *links = &node->links;
    id_map_remove(&links->by_id, link->id.value);
    list_remove(&links->ordered, link);
    links->client_count -= link->role == LINK_CLIENT;
    if (link->session != NULL)
        session_destroy(link->session);
    link->session = NULL;
    list_append(&links->doomed, link);
}

void link_forget(struct node *node, struct node_link *link) {
    CHECK(!link->dirty);
    take_out(node, link);
}

static void link_free(struct node_link *link) {
    buffer_deinit(&link->input);
    buffer_deinit(&link->output);
    buffer_deinit(&link->remote);
    memory_release(link);
}

void links_reclaim(struct node *node) {
    struct link_table *links = &node->links;
    for (size_t i = 0; i < links->sent.count; i++) {
        struct buffer *output = &links->sent.items[i]->output;
        if (output->capacity > LINK_OUTPUT_KEPT_MAX)
            buffer_deinit(output);
        else
            buffer_clear(output);
    }
    links->sent.count = 0;
    for (size_t i = 0; i < links->doomed.count; i++)
        link_free(links->doomed.items[i]);
    links->doomed.count = 0;
}

void links_flush(struct node *node) {
    struct link_table *links = &node->links;
    for (size_t i = 0; i < links->dirty.count; i++) {
        struct node_link *link = links->dirty.items[i];
        link->dirty = false;
        if (link->output.size > 0) {
            effects_send(node->effects, link->id, buffer_bytes(&link->output));
            link->queued += link->output.size;
            list_append(&links->sent, link);
        }
        if (link->closing) {
            effects_close(node->effects, link->id);
            take_out(node, link);
        }
    }
    links->dirty.count = 0;
}

struct node_link *link_at(const struct node *node, size_t position) {
    const struct link_list *ordered = &node->links.ordered;
    return position < ordered->count ? ordered->items[position] : NULL;
}

size_t link_position_after(const struct node *node, struct link_id id) {
    return position_of(&node->links.ordered, id.value + 1);
}

void links_deinit(struct node *node) {
    struct link_table *links = &node->links;
    links_reclaim(node);
    for (size_t i = 0; i < links->ordered.count; i++) {
        if (links->ordered.items[i]->session != NULL)
            session_destroy(links->ordered.items[i]->session);
        link_free(links->ordered.items[i]);
    }
    id_map_deinit(&links->by_id);
    memory_release(links->ordered.items);
    memory_release(links->dirty.items);
    memory_release(links->sent.items);
    memory_release(links->doomed.items);
    *links = (struct link_table){0};
}
