#include "engine/base/memory.h"
#include "engine/data/entry_key.h"
#include "engine/node/node_state.h"

/* A cursor is 1 + (partition << 8 | leaf): a scan always answers with whole Merkle leaves, which are
 * small and lie in key order, so no key that stays is ever missed, whatever else changes. */

enum { SCAN_EXAMINED_MAX = 4096, SCAN_POSITION_END = 1 << 22 };

static void complete(struct node *node, struct request *request, uint64_t cursor) {
    if (request->found > node->scan_key_capacity) {
        node->scan_keys = memory_resize(node->scan_keys, request->found * sizeof *node->scan_keys);
        node->scan_key_capacity = request->found;
    }
    struct reader reader = reader_of(buffer_bytes(&request->object));
    for (uint32_t i = 0; i < request->found; i++)
        node->scan_keys[i] = reader_bytes(&reader);
    CHECK(reader_finished(&reader));
    struct operation_result result = {.status = OPERATION_OK,
                                      .cursor = cursor,
                                      .keys = node->scan_keys,
                                      .key_count = request->found};
    struct node_link *link = link_find(node, request->link);
    if (link != NULL && link->session != NULL)
        session_complete(link->session, request->tag, &result);
    request_release(node, request);
}

static void take_entry(struct node *node, struct request *request, const struct entry_key *key,
                       struct bytes value) {
    if (!object_decode(value, &node->local) || object_live_count(&node->local) == 0)
        return;
    buffer_put_bytes(&request->object, key->key);
    request->found++;
}

/* Where the next entry is looked for: after the last one, or from the cursor's leaf on. */
static void prepare(struct request *request) {
    if (request->key.size > 0)
        return;
    uint64_t position = request->cursor == 0 ? 0 : request->cursor - 1;
    entry_key_leaf_prefix((uint16_t)(position >> 8), (uint8_t)position, &request->key);
    request->has_context = false; /* the entry at the key was not taken yet */
}

static void go_on(struct node *node, struct request *request) {
    static const uint8_t PREFIX = ENTRY_DATA;
    uint32_t examined = 0;
    for (;;) {
        struct store_entry entry;
        enum store_status status =
            store_scan(node->store, bytes_of(&PREFIX, 1), buffer_bytes(&request->key),
                       request->has_context, request->number, &entry, node->effects);
        if (status == STORE_NEED_BLOCK)
            return;
        struct entry_key key;
        if (status == STORE_ABSENT) {
            complete(node, request, 0);
            return;
        }
        if (status != STORE_OK || !entry_key_decode(entry.key, &key)) {
            coordinator_fail(node, request, OPERATION_FAILED, "what is held cannot be read");
            request_release(node, request);
            return;
        }
        uint64_t position = (uint64_t)key.partition << 8 | key.leaf;
        bool enough = request->found >= request->wanted || examined >= SCAN_EXAMINED_MAX;
        if (enough && position + 1 != request->cursor) {
            complete(node, request, position + 1);
            return;
        }
        request->cursor = position + 1;
        take_entry(node, request, &key, entry.value);
        buffer_clear(&request->key);
        buffer_append(&request->key, entry.key);
        request->has_context = true;
        examined++;
    }
}

void scan_begin(struct node *node, const struct operation *operation) {
    struct request *request = request_acquire(node, REQUEST_SCAN);
    if (request == NULL || operation->cursor > SCAN_POSITION_END) {
        enum operation_status status = request == NULL ? OPERATION_BUSY : OPERATION_REFUSED;
        if (request != NULL)
            request_release(node, request);
        coordinator_fail_operation(node, operation, status,
                                   status == OPERATION_BUSY ? "too many requests are under way"
                                                            : "the cursor is not one of a scan");
        return;
    }
    request->link = operation->link;
    request->tag = operation->tag;
    request->cursor = operation->cursor;
    request->wanted = operation->count;
    request_move(node, request, REQUEST_READING);
    request_start_timer(node, request, node->config.request_timeout);
    prepare(request);
    go_on(node, request);
}

void scan_wake(struct node *node, struct request *request) {
    go_on(node, request);
}
