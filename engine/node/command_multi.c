/* Commands with many keys: MGET EXISTS DEL UNLINK MSET.
 *
 * Each key is an operation of its own, on replicas of its own: an MSET is no transaction. GATHER_UNDER_WAY_MAX of them
 * run at once. A key that is named twice in one write is written once, with the last value, because operations under way
 * at the same time have no order.
 */
#include "engine/base/hash.h"
#include "engine/base/id_map.h"
#include "engine/node/command_internal.h"
#include "engine/node/gather.h"

enum { NESTED_KEYS_MAX = 16, REASON_SHOWN_BYTES = 256 };

static uint32_t step_of(const struct command *command) {
    return command->id == COMMAND_MSET ? 2 : 1;
}

static enum operation_kind kind_of(const struct command *command) {
    if (command->id == COMMAND_MSET)
        return OPERATION_PUT;
    return (command->flags & COMMAND_WRITES) != 0 ? OPERATION_DELETE : OPERATION_GET;
}

/* --- the keys, each once ------------------------------------------------------------------------------------------- */

static bool is_named_again(const struct call *call, uint32_t index, uint32_t step) {
    for (uint32_t i = index + step; i < call->count; i += step) {
        if (bytes_equal(call->words[index], call->words[i]))
            return true;
    }
    return false;
}

/* Few keys are compared pair by pair. */
static uint32_t drop_repeated_few(const struct call *call, struct bytes *kept, uint32_t step) {
    uint32_t count = 0;
    for (uint32_t i = 1; i < call->count; i += step) {
        if (is_named_again(call, i, step))
            continue;
        for (uint32_t j = 0; j < step; j++)
            kept[count++] = call->words[i + j];
    }
    return count;
}

/* Many go through a map from hash to place. Different keys with one hash are both kept, which is right for them and
 * leaves only a repetition of the two to chance. */
static uint32_t drop_repeated_many(const struct call *call, struct bytes *kept, uint32_t step) {
    struct id_map places = {0};
    uint32_t count = 0;
    for (uint32_t i = 1; i < call->count; i += step) {
        uint64_t hash = hash64(call->words[i]);
        struct bytes *place = id_map_get(&places, hash);
        if (place == NULL || !bytes_equal(*place, call->words[i])) {
            place = &kept[count];
            id_map_put(&places, hash, place);
            count += step;
        }
        for (uint32_t j = 0; j < step; j++)
            place[j] = call->words[i + j];
    }
    id_map_deinit(&places);
    return count;
}

/* Moves the words that are to be operations to the front; returns how many they are. Words behind the command's name are
 * the session's parser's: it lets them be changed. */
static uint32_t distinct_words(const struct call *call, struct bytes *words) {
    uint32_t step = step_of(call->command);
    if (call->count <= 1 + NESTED_KEYS_MAX * step)
        return drop_repeated_few(call, words, step);
    return drop_repeated_many(call, words, step);
}

/* --- the reply ----------------------------------------------------------------------------------------------------- */

/* Some keys were written and some were not, or may have been. */
static void put_partial_failure(struct buffer *out, struct gather *gather) {
    resp_open_error(out, "INDOUBT ");
    text_append_u64(out, gather->succeeded);
    text_append(out, " of ");
    text_append_u64(out, gather->total);
    text_append(out, gather->in_doubt ? " keys were written, others may have been: "
                                      : " keys were written, the others were not: ");
    resp_append_clean(out, buffer_bytes(&gather->reason), REASON_SHOWN_BYTES);
    resp_close_error(out);
}

static void put_failure(struct buffer *out, struct gather *gather, bool writes) {
    if (writes && (gather->succeeded > 0 || (gather->in_doubt && gather->total > 1))) {
        put_partial_failure(out, gather);
        return;
    }
    buffer_put_u8(&gather->reason, 0);
    command_put_failure(out, gather->failure, (const char *)gather->reason.data, writes);
}

static void put_values(struct session *session, struct buffer *out, const struct gather *gather) {
    if (gather->siblings_most > 0) {
        command_put_siblings_error(out, gather->siblings_most);
        return;
    }
    if (gather->is_too_large) {
        resp_put_error(out, "ERR the values together are more than this node keeps for a client: "
                            "ask for fewer keys at once");
        return;
    }
    resp_put_array(out, gather->total);
    for (uint32_t i = 0; i < gather->total; i++) {
        const struct gather_part *part = &gather->parts[i];
        if (part->is_present)
            resp_put_bulk(out, bytes_slice(buffer_bytes(&gather->values), part->from, part->size));
        else
            resp_put_null(out, session->protocol);
    }
}

static void put_reply(struct session *session, struct reply_slot *slot) {
    struct gather *gather = slot->gather;
    bool writes = (slot->command->flags & COMMAND_WRITES) != 0;
    struct buffer *out = session_open_reply(session, slot);
    if (writes)
        command_note_write(session, gather->failure == OPERATION_OK ? gather->copies : 1);
    if (gather->failure != OPERATION_OK)
        put_failure(out, gather, writes);
    else if (slot->command->id == COMMAND_MGET)
        put_values(session, out, gather);
    else if (slot->command->id == COMMAND_MSET)
        resp_put_status(out, "OK");
    else
        resp_put_integer(out, (int64_t)gather->counted);
    session_close_reply(session, slot);
}

/* --- submitting ---------------------------------------------------------------------------------------------------- */

static void submit_one(struct session *session, uint64_t sequence, struct gather *gather,
                       const struct bytes *words) {
    const struct reply_slot *slot = reply_queue_slot(&session->queue, sequence);
    struct operation operation = session_operation(kind_of(slot->command), words[0]);
    uint32_t index = gather->submitted++;
    if (operation.kind == OPERATION_PUT)
        operation.value = words[1];
    else if (operation.kind == OPERATION_GET)
        gather->parts[index].siblings = node_keyspace_of(session->node, words[0])->siblings;
    if (operation.kind != OPERATION_GET) {
        uint8_t copies = command_copies_of_write(session, words[0]);
        gather->copies = copies < gather->copies ? copies : gather->copies;
    }
    session_submit(session, sequence, index, &operation);
}

static bool is_at_bound(const struct gather *gather) {
    return gather->submitted - gather->finished >= GATHER_UNDER_WAY_MAX;
}

/* Submits from what was copied, as far as the bound lets it. */
static void submit_rest(struct session *session, uint64_t sequence, struct reply_slot *slot) {
    struct gather *gather = slot->gather;
    uint32_t step = step_of(slot->command);
    gather->is_submitting = true;
    while (gather->submitted < gather->total && !is_at_bound(gather)) {
        struct reader rest = reader_of(bytes_slice(buffer_bytes(&gather->rest), gather->rest_from,
                                                   gather->rest.size - gather->rest_from));
        struct bytes words[2] = {reader_bytes(&rest), {0}};
        if (step == 2)
            words[1] = reader_bytes(&rest);
        CHECK(!rest.failed);
        gather->rest_from = gather->rest.size - rest.left;
        submit_one(session, sequence, gather, words);
    }
    gather->is_submitting = false;
}

static void run_words(struct session *session, const struct call *call, const struct bytes *words,
                      uint32_t count) {
    struct reply_slot *slot = call->slot;
    if (slot->gather == NULL)
        slot->gather = gather_create();
    struct gather *gather = slot->gather;
    uint32_t step = step_of(call->command);
    gather->total = count / step;
    gather->copies = UINT8_MAX;
    if (kind_of(call->command) == OPERATION_GET)
        gather_reserve_parts(gather, gather->total);
    gather->is_submitting = true;
    uint32_t i = 0;
    for (; i < count && !is_at_bound(gather); i += step)
        submit_one(session, call->sequence, gather, words + i);
    gather->is_submitting = false;
    for (; i < count; i++)
        buffer_put_bytes(&gather->rest, words[i]);
    if (gather->finished == gather->total)
        put_reply(session, slot);
}

void command_multi_run(struct session *session, const struct call *call) {
    bool sets = call->command->id == COMMAND_MSET;
    if (sets && call->count % 2 == 0) {
        command_put_arity_error(session_open_reply(session, call->slot), call, false);
        session_close_reply(session, call->slot);
        return;
    }
    if (kind_of(call->command) == OPERATION_GET) {
        run_words(session, call, call->words + 1, call->count - 1);
        return;
    }
    struct bytes *words = session->parser.arguments + 1;
    run_words(session, call, words, distinct_words(call, words));
}

/* --- results ------------------------------------------------------------------------------------------------------- */

static void take_value(struct session *session, struct reply_slot *slot, uint32_t index,
                       const struct object *object) {
    struct gather *gather = slot->gather;
    struct gather_part *part = &gather->parts[index];
    struct bytes value = {0};
    enum command_visible visible = command_visible_value(object, part->siblings, &value);
    part->is_present = visible != COMMAND_SEES_NOTHING;
    gather->counted += part->is_present;
    if (slot->command->id != COMMAND_MGET)
        return;
    uint32_t live = visible == COMMAND_SEES_SIBLINGS ? object_live_count(object) : 0;
    if (live > gather->siblings_most)
        gather->siblings_most = live;
    uint64_t bytes_max = session->config->client_output_bytes_max;
    if (bytes_max < SESSION_OUTPUT_MIN)
        bytes_max = SESSION_OUTPUT_MIN;
    if (bytes_max < session->config->value_bytes_max)
        bytes_max = session->config->value_bytes_max;
    if (value.size > bytes_max - gather->values.size) {
        gather->is_too_large = true;
        return;
    }
    part->from = gather->values.size;
    part->size = value.size;
    buffer_append(&gather->values, value);
}

static void take_failure(struct gather *gather, const struct operation_result *result) {
    if (result->status == OPERATION_IN_DOUBT)
        gather->in_doubt = true;
    if (gather->failure != OPERATION_OK)
        return;
    gather->failure = result->status;
    if (result->reason != NULL)
        text_append(&gather->reason, result->reason);
}

void command_multi_complete(struct session *session, uint64_t sequence, uint32_t index,
                            const struct operation_result *result) {
    struct reply_slot *slot = reply_queue_slot(&session->queue, sequence);
    struct gather *gather = slot->gather;
    gather->finished += 1;
    if (result->status != OPERATION_OK) {
        take_failure(gather, result);
    } else {
        gather->succeeded += 1;
        if (kind_of(slot->command) == OPERATION_GET)
            take_value(session, slot, index, result->object);
        else
            gather->counted += result->existed;
    }
    if (gather->is_submitting)
        return;
    submit_rest(session, sequence, slot);
    if (gather->finished == gather->total)
        put_reply(session, slot);
}
