#include "engine/node/replica.h"

#include "engine/base/memory.h"
#include "engine/data/entry_key.h"
#include "engine/data/merkle.h"
#include "engine/node/narration.h"
#include "engine/node/node_state.h"

/* What became of one attempt at a job. */
enum attempt { ATTEMPT_ANSWERED, ATTEMPT_NEEDS_BLOCK, ATTEMPT_NEEDS_ROOM };

/* --- answers ------------------------------------------------------------------------------------ */

static void answer_write(struct node *node, const struct origin *origin, enum peer_status status) {
    struct peer_message reply = {
        .kind = PEER_WRITE_REPLY, .request = origin->number, .status = status};
    switch (origin->kind) {
    case ORIGIN_NONE:
        break;
    case ORIGIN_PEER:
        peer_reply(node, origin->link, &reply);
        break;
    case ORIGIN_SYNC:
        reply.kind = PEER_TREE_SYNC_REPLY;
        peer_reply(node, origin->link, &reply);
        break;
    case ORIGIN_REQUEST:
        coordinator_acknowledged(node, origin->number, status, false);
        break;
    case ORIGIN_EXCHANGE:
        exchange_on_merged(node, origin->number, status == PEER_OK);
        break;
    }
}

static void answer_read(struct node *node, const struct replica_read *read, enum peer_status status,
                        struct bytes payload) {
    if (read->origin.kind == ORIGIN_REQUEST) {
        struct request *request = request_find(node, read->origin.number);
        if (request != NULL)
            coordinator_get_take(node, request, node->self, status, payload);
        return;
    }
    CHECK(read->origin.kind == ORIGIN_PEER);
    struct peer_message reply = {.kind = PEER_READ_REPLY,
                                 .request = read->origin.number,
                                 .status = status,
                                 .payload = payload};
    if (read->digest_only) {
        if (payload.size > 0 && !object_decode(payload, &node->local))
            reply.status = PEER_FAILED;
        else if (payload.size > 0)
            reply.digest = object_digest(&node->local, read->key);
        reply.payload = (struct bytes){0};
    }
    peer_reply(node, read->origin.link, &reply);
}

/* --- jobs that wait ----------------------------------------------------------------------------- */

static struct replica_job *job_at(struct replica_state *replica, uint32_t index) {
    return replica->jobs[index];
}

/* The number that the next parked job will have, so that a read can name its waiter before it is
 * known whether there will be one. */
static uint64_t next_job_number(struct replica_state *replica) {
    if (replica->job_free == 0) {
        if (replica->job_count == replica->job_capacity) {
            replica->job_capacity = replica->job_capacity == 0 ? 16 : replica->job_capacity * 2;
            replica->jobs =
                memory_resize(replica->jobs, replica->job_capacity * sizeof(struct replica_job *));
        }
        struct replica_job *job = memory_allocate_zeroed(1, sizeof *job);
        job->number = number_of_pool(NUMBER_JOB, 1, replica->job_count);
        replica->jobs[replica->job_count++] = job;
        replica->job_free = replica->job_count;
    }
    return job_at(replica, replica->job_free - 1)->number;
}

static struct replica_job *acquire_job(struct replica_state *replica, struct bytes key,
                                       struct bytes object) {
    uint64_t number = next_job_number(replica);
    struct replica_job *job = job_at(replica, number_index(number));
    replica->job_free = job->next_free;
    replica->jobs_in_use++;
    job->in_use = true;
    buffer_append(&job->key, key);
    buffer_append(&job->object, object);
    return job;
}

static void release_job(struct replica_state *replica, struct replica_job *job) {
    buffer_clear(&job->key);
    if (job->object.capacity > REQUEST_KEPT_BYTES_MAX)
        buffer_deinit(&job->object);
    buffer_clear(&job->object);
    job->in_use = false;
    uint32_t index = number_index(job->number);
    job->number = number_of_pool(NUMBER_JOB, (job->number >> NUMBER_INDEX_BITS) + 1, index);
    job->next_free = replica->job_free;
    replica->job_free = index + 1;
    replica->jobs_in_use--;
}

/* --- merging ------------------------------------------------------------------------------------ */

void replica_settle_object(struct object *object) {
    const struct sibling *newest = NULL;
    for (uint32_t i = 0; object->sibling_count > 1 && i < object->sibling_count; i++) {
        const struct sibling *sibling = &object->siblings[i];
        bool newer = newest == NULL || sibling->at.value >= newest->at.value;
        if ((sibling->flags & SIBLING_BLIND) != 0 && newer)
            newest = sibling;
    }
    if (newest != NULL)
        object_settle_blind(object, newest->dot);
}

enum store_status replica_store_write(struct node *node, const struct store_batch *batch,
                                      uint64_t *sequence) {
    enum store_status status = store_write(node->store, batch, node->now, sequence);
    if (status == STORE_OK) {
        node->replica.last_sequence = *sequence;
        healing_note_write(node, batch);
    }
    return status;
}

enum store_status replica_get(struct node *node, struct bytes entry, uint64_t waiter,
                              struct bytes *value) {
    enum store_status status = store_get(node->store, entry, waiter, value, node->effects);
    if (status != STORE_CORRUPT)
        return status;
    return value->size > 0 ? STORE_OK : STORE_ABSENT;
}

static enum peer_status status_of_store(enum store_status status) {
    if (status == STORE_FULL)
        return PEER_NO_SPACE;
    return status == STORE_BUSY ? PEER_BUSY : PEER_FAILED;
}

/* What a merge found and made. */
struct merge {
    const struct replica_write *write;
    struct placement place;
    bool found;
    struct bytes old; /* borrowed from the store */
    struct bytes value;
    struct tally_change tally;
    bool changed;
};

static void encode_entry(struct node *node, const struct merge *merge) {
    buffer_clear(&node->entry);
    struct entry_key entry = {
        .space = merge->write->target == 0 ? ENTRY_DATA : ENTRY_HINT,
        .target = merge->write->target,
        .partition = merge->place.partition,
        .leaf = merge->place.leaf,
        .key = merge->write->key,
    };
    entry_key_encode(&entry, &node->entry);
}

/* Merges node->received into what was found. The common case, where the new object supersedes the
 * old one, keeps the bytes that came. */
static enum peer_status merge_objects(struct node *node, struct merge *merge) {
    struct object *received = &node->received;
    struct object *local = &node->local;
    object_clear(local);
    if (merge->found && !object_decode(merge->old, local))
        return PEER_FAILED;
    uint64_t old_digest = object_digest(local, merge->write->key);
    int64_t old_live = object_live_count(local) > 0;
    uint64_t received_digest = object_digest(received, merge->write->key);
    if (merge->found && old_digest != received_digest && object_merge(received, local) != OBJECT_OK)
        return PEER_FULL;
    replica_settle_object(received);
    uint64_t digest = object_digest(received, merge->write->key);
    merge->changed = digest != old_digest;
    merge->value = merge->old;
    if (!merge->changed)
        return PEER_OK;
    merge->tally = (struct tally_change){
        .digest = old_digest ^ digest,
        .count = (object_live_count(received) > 0) - old_live,
    };
    merge->value = merge->write->object;
    if (digest != received_digest) {
        buffer_clear(&node->encoded);
        object_encode(received, &node->encoded);
        merge->value = buffer_bytes(&node->encoded);
    }
    return merge->value.size <= STORE_VALUE_MAX ? PEER_OK : PEER_FULL;
}

/* Hints are bounded: beyond it, whoever asks must find another place. */
static bool hint_has_room(const struct node *node, const struct merge *merge) {
    uint64_t size = hint_size(buffer_bytes(&node->entry), merge->value);
    return node->hint_bytes + size <= node->config.hint_bytes_max;
}

static void count_hint(struct node *node, const struct merge *merge, uint64_t old_size) {
    uint32_t member = node_member_of_id(node, merge->write->target);
    uint64_t size = hint_size(buffer_bytes(&node->entry), merge->value);
    struct peer *peer = &node->peers[member];
    /* What shows again in the place of a lost hint was never counted. */
    if (old_size > peer->hint_bytes)
        old_size = peer->hint_bytes;
    node->hint_bytes += size - old_size;
    peer->hint_bytes += size - old_size;
    node->hint_count += !merge->found;
    peer->hint_count += !merge->found;
    node->figures.hints_stored++;
    if (narrates(node, NOTE_DETAIL))
        narrate_about_key(node, NOTE_DETAIL, "takes a hint for", member, merge->write->key);
    handoff_expect(node, member);
}

static enum store_status store_merged(struct node *node, struct merge *merge, uint64_t *sequence) {
    bool is_hint = merge->write->target != 0;
    struct bytes entry = buffer_bytes(&node->entry);
    uint64_t old_size = merge->found ? hint_size(entry, merge->old) : 0;
    struct store_batch batch = {.count = 1, .has_tally = !is_hint, .tally = merge->tally};
    batch.entries[0] = (struct store_entry){.key = entry, .value = merge->value};
    if (!is_hint)
        batch.tally.tally = tally_of(node, &merge->place);
    enum store_status status = replica_store_write(node, &batch, sequence);
    if (status == STORE_OK && is_hint)
        count_hint(node, merge, old_size);
    return status;
}

/* A sync is answered with the merged object at once: it promises nothing about durability. */
static void answer_sync(struct node *node, const struct merge *merge) {
    const struct origin *origin = &merge->write->origin;
    struct peer_message reply = {.kind = PEER_TREE_SYNC_REPLY, .request = origin->number};
    if (!bytes_equal(merge->value, merge->write->object))
        reply.payload = merge->value;
    peer_reply(node, origin->link, &reply);
}

static enum attempt attempt_write(struct node *node, const struct replica_write *write,
                                  uint64_t waiter) {
    struct merge merge = {.write = write, .place = placement_of(node, write->key)};
    encode_entry(node, &merge);
    enum store_status status = replica_get(node, buffer_bytes(&node->entry), waiter, &merge.old);
    if (status == STORE_NEED_BLOCK)
        return ATTEMPT_NEEDS_BLOCK;
    if (status == STORE_BUSY)
        return ATTEMPT_NEEDS_ROOM;
    merge.found = status == STORE_OK;
    enum peer_status answer = status == STORE_OK || status == STORE_ABSENT ? PEER_OK : PEER_FAILED;
    bool empty = write->object.size == 0;
    if (!merge.found)
        merge.old = (struct bytes){0};
    merge.value = merge.old;
    if (!empty && !object_decode(write->object, &node->received))
        answer = PEER_REFUSED;
    if (answer == PEER_OK && !empty)
        answer = merge_objects(node, &merge);
    if (answer == PEER_OK && merge.changed && write->target != 0 && !hint_has_room(node, &merge))
        answer = PEER_BUSY;
    /* What is there already may not be safe yet: the last sequence number is never too early. */
    uint64_t sequence = node->replica.last_sequence;
    if (answer == PEER_OK && merge.changed) {
        status = store_merged(node, &merge, &sequence);
        if (status == STORE_BUSY)
            return ATTEMPT_NEEDS_ROOM;
        if (status != STORE_OK)
            answer = status_of_store(status);
    }
    if (answer != PEER_OK)
        answer_write(node, &write->origin, answer);
    else if (write->origin.kind == ORIGIN_SYNC)
        answer_sync(node, &merge);
    else if (write->origin.kind != ORIGIN_NONE)
        replica_acknowledge(node, &write->origin, sequence);
    return ATTEMPT_ANSWERED;
}

bool replica_has_all(const struct node *node, const struct placement *place) {
    return place->n > 1 && held_partition(node, place->partition);
}

static enum attempt attempt_read(struct node *node, const struct replica_read *read,
                                 uint64_t waiter) {
    struct placement place = placement_of(node, read->key);
    if (read->target == 0 && !held_partition(node, place.partition)) {
        answer_read(node, read, PEER_NOT_HELD, (struct bytes){0});
        return ATTEMPT_ANSWERED;
    }
    buffer_clear(&node->entry);
    struct entry_key entry = {
        .space = read->target == 0 ? ENTRY_DATA : ENTRY_HINT,
        .target = read->target,
        .partition = place.partition,
        .leaf = place.leaf,
        .key = read->key,
    };
    entry_key_encode(&entry, &node->entry);
    struct bytes value = {0};
    enum store_status status =
        store_get(node->store, buffer_bytes(&node->entry), waiter, &value, node->effects);
    switch (status) {
    case STORE_NEED_BLOCK:
        return ATTEMPT_NEEDS_BLOCK;
    case STORE_BUSY:
        return ATTEMPT_NEEDS_ROOM;
    case STORE_OK:
        answer_read(node, read, PEER_OK, value);
        break;
    case STORE_ABSENT:
        answer_read(node, read, PEER_OK, (struct bytes){0});
        break;
    case STORE_CORRUPT:
        if (read->target == 0 && replica_has_all(node, &place))
            answer_read(node, read, PEER_OK, value);
        else
            answer_read(node, read, PEER_FAILED, (struct bytes){0});
        break;
    case STORE_FULL:
    case STORE_FAILED:
        answer_read(node, read, PEER_FAILED, (struct bytes){0});
        break;
    }
    return ATTEMPT_ANSWERED;
}

/* --- the two ways in, and the way back in ------------------------------------------------------- */

static bool is_full(const struct node *node) {
    return node->replica.jobs_in_use >= node->config.requests_max;
}

/* What others can keep, or send again. */
static bool is_put_off(const struct node *node, const struct replica_write *write) {
    enum origin_kind kind = write->origin.kind;
    return node->memory_is_short && (kind == ORIGIN_PEER || kind == ORIGIN_SYNC);
}

void replica_write(struct node *node, const struct replica_write *write) {
    if (is_put_off(node, write)) {
        answer_write(node, &write->origin, PEER_BUSY);
        return;
    }
    enum attempt attempt = attempt_write(node, write, next_job_number(&node->replica));
    if (attempt == ATTEMPT_ANSWERED)
        return;
    if (is_full(node)) {
        answer_write(node, &write->origin, PEER_BUSY);
        return;
    }
    struct replica_job *job = acquire_job(&node->replica, write->key, write->object);
    job->is_write = true;
    job->target = write->target;
    job->origin = write->origin;
    if (attempt == ATTEMPT_NEEDS_ROOM)
        replica_wait_for_room(node, job->number);
}

void replica_read(struct node *node, const struct replica_read *read) {
    enum attempt attempt = attempt_read(node, read, next_job_number(&node->replica));
    if (attempt == ATTEMPT_ANSWERED)
        return;
    if (is_full(node)) {
        answer_read(node, read, PEER_BUSY, (struct bytes){0});
        return;
    }
    struct replica_job *job = acquire_job(&node->replica, read->key, (struct bytes){0});
    job->is_write = false;
    job->digest_only = read->digest_only;
    job->target = read->target;
    job->origin = read->origin;
    if (attempt == ATTEMPT_NEEDS_ROOM)
        replica_wait_for_room(node, job->number);
}

void replica_wake(struct node *node, uint64_t number) {
    struct replica_state *replica = &node->replica;
    uint32_t index = number_index(number);
    if (index >= replica->job_count || job_at(replica, index)->number != number ||
        !job_at(replica, index)->in_use)
        return;
    struct replica_job *job = job_at(replica, index);
    enum attempt attempt;
    if (job->is_write) {
        struct replica_write write = {.key = buffer_bytes(&job->key),
                                      .object = buffer_bytes(&job->object),
                                      .target = job->target,
                                      .origin = job->origin};
        attempt = attempt_write(node, &write, number);
    } else {
        struct replica_read read = {.key = buffer_bytes(&job->key),
                                    .target = job->target,
                                    .digest_only = job->digest_only,
                                    .origin = job->origin};
        attempt = attempt_read(node, &read, number);
    }
    if (attempt == ATTEMPT_ANSWERED)
        release_job(replica, job);
    else if (attempt == ATTEMPT_NEEDS_ROOM)
        replica_wait_for_room(node, number);
}

void replica_deinit(struct replica_state *replica) {
    for (uint32_t i = 0; i < replica->job_count; i++) {
        buffer_deinit(&replica->jobs[i]->key);
        buffer_deinit(&replica->jobs[i]->object);
        memory_release(replica->jobs[i]);
    }
    memory_release(replica->jobs);
    replica_queues_deinit(replica);
    *replica = (struct replica_state){0};
}
