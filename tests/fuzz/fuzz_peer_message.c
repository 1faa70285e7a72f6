/* Whatever bytes come in: a frame is refused, waited for, or exactly the one that its message makes;
 * and a membership takes any gossip or probe without harm.
 *
 * The checksum keeps random bytes out, so the input is also read as the body of a frame that is
 * sealed here, and as a gossip payload.
 */
#include "engine/base/hash.h"
#include "engine/cluster/member_record.h"
#include "engine/cluster/peer_kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMBERS = 3, BEATS = 12 };

/* True when the decoded context and items could be turned into what an encoder takes. */
static bool prepare_again(struct peer_message *message, struct version_vector *context,
                          struct peer_tree_item *items) {
    for (uint32_t i = 0; i < message->item_count; i++)
        items[i] = peer_tree_item_at(message, i);
    message->items = items;
    if (message->context_bytes.size == 0)
        return true;
    struct reader reader = reader_of(message->context_bytes);
    message->context = context;
    return vector_decode(&reader, context) && reader_finished(&reader);
}

static void check_frame(struct bytes from) {
    static struct version_vector context;
    static struct peer_tree_item items[PEER_TREE_ITEMS_MAX];
    struct peer_message message;
    size_t used;
    if (peer_message_decode(from, &used, &message) != PEER_FRAME_OK)
        return;
    CHECK(used <= from.size);
    if (!prepare_again(&message, &context, items))
        return;
    struct buffer again = {0};
    peer_message_encode(&message, &again);
    CHECK(bytes_equal(buffer_bytes(&again), bytes_slice(from, 0, used)));
    buffer_deinit(&again);
}

static void check_sealed(struct bytes body) {
    struct buffer frame = {0};
    buffer_put_u32(&frame, (uint32_t)body.size);
    buffer_put_u32(&frame, checksum32(body));
    buffer_append(&frame, body);
    check_frame(buffer_bytes(&frame));
    buffer_deinit(&frame);
}

static void check_records(struct bytes payload) {
    static struct member_record records[MEMBER_RECORDS_MAX];
    uint32_t count;
    if (!member_records_decode(payload, records, &count))
        return;
    struct buffer again = {0};
    member_records_encode(records, count, &again);
    CHECK(bytes_equal(buffer_bytes(&again), payload));
    buffer_deinit(&again);
}

/* Small ids, so that the fuzzer hits members. */
static void check_membership(struct bytes payload) {
    static const uint64_t IDS[MEMBERS] = {0, 1, 2};
    struct membership *membership = membership_create(&(struct membership_options){
        .member_count = MEMBERS,
        .member_ids = IDS,
        .self = 1,
        .gossip_interval = duration_of_milliseconds(100),
        .suspect_after_min = duration_of_milliseconds(200),
        .dead_after = duration_of_milliseconds(200),
    });
    struct instant now = {0};
    membership_start(membership, 1, now);
    static const enum peer_message_kind KINDS[] = {PEER_GOSSIP, PEER_GOSSIP_REPLY, PEER_PROBE,
                                                   PEER_PROBE_REPLY};
    for (uint32_t beat = 0; beat < BEATS; beat++) {
        uint8_t choice = beat < payload.size ? payload.data[beat] : 0;
        struct peer_message message = {
            .kind = KINDS[beat % 4], .member = choice % 4, .payload = payload};
        (void)membership_receive(membership, choice % MEMBERS, &message, now);
        if (choice & 0x80)
            membership_link_lost(membership, choice % MEMBERS, now);
        now = membership_deadline(membership);
        membership_tick(membership, now);
        uint32_t target;
        while (membership_next_message(membership, &target, &message))
            CHECK(target < MEMBERS && target != 1);
        while (membership_next_change(membership, &target))
            CHECK(target < MEMBERS && target != 1);
    }
    membership_destroy(membership);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_of(data, size);
    check_frame(input);
    check_sealed(input);
    check_records(input);
    check_membership(input);
    return 0;
}
