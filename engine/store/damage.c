#include "engine/store/damage.h"

#include "engine/base/memory.h"

enum { DAMAGES_CAPACITY_MIN = 4 };

static void deinit(struct damage *damage) {
    buffer_deinit(&damage->from);
    buffer_deinit(&damage->to);
    memory_release(damage->answered);
}

void damage_list_deinit(struct damage_list *list) {
    for (uint32_t i = 0; i < list->count; i++)
        deinit(&list->items[i]);
    memory_release(list->items);
    *list = (struct damage_list){0};
}

struct damage *damage_list_add(struct damage_list *list, uint64_t id) {
    CHECK(list->count == 0 || list->items[list->count - 1].id < id);
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? DAMAGES_CAPACITY_MIN : list->capacity * 2;
        list->items = memory_resize(list->items, list->capacity * sizeof *list->items);
    }
    struct damage *damage = &list->items[list->count++];
    *damage = (struct damage){.id = id};
    return damage;
}

struct damage *damage_list_find(const struct damage_list *list, uint64_t id) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i].id == id)
            return &list->items[i];
    }
    return NULL;
}

void damage_list_remove(struct damage_list *list, uint64_t id) {
    struct damage *damage = damage_list_find(list, id);
    CHECK(damage != NULL);
    deinit(damage);
    size_t behind = list->count - (size_t)(damage - list->items) - 1;
    memmove(damage, damage + 1, behind * sizeof *damage);
    list->count--;
}

bool damage_meets(const struct damage *damage, struct bytes from, struct bytes to) {
    if (damage->to.size > 0 && bytes_compare(from, buffer_bytes(&damage->to)) > 0)
        return false;
    if (to.size == 0)
        return true;
    int order = bytes_compare(to, buffer_bytes(&damage->from));
    return order > 0 || (order == 0 && !damage->after);
}

static uint32_t answered_at(const struct damage *damage, uint64_t hash) {
    uint32_t low = 0;
    uint32_t high = damage->answered_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (damage->answered[middle] < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool damage_is_answered(const struct damage *damage, uint64_t hash) {
    uint32_t at = answered_at(damage, hash);
    return at < damage->answered_count && damage->answered[at] == hash;
}

bool damage_answer(struct damage *damage, uint64_t hash) {
    uint32_t at = answered_at(damage, hash);
    bool known = at < damage->answered_count && damage->answered[at] == hash;
    if (known || damage->answered_count == DAMAGE_ANSWERED_MAX)
        return false;
    if (damage->answered_count == damage->answered_capacity) {
        damage->answered_capacity =
            damage->answered_capacity == 0 ? 8 : damage->answered_capacity * 2;
        damage->answered =
            memory_resize(damage->answered, damage->answered_capacity * sizeof *damage->answered);
    }
    memmove(damage->answered + at + 1, damage->answered + at,
            (damage->answered_count - at) * sizeof *damage->answered);
    damage->answered[at] = hash;
    damage->answered_count++;
    return true;
}

void damage_put(const struct damage *damage, struct buffer *to) {
    buffer_put_u8(to, DAMAGE_TAG_DAMAGE);
    buffer_put_varint(to, damage->id);
    buffer_put_varint(to, damage->kind);
    buffer_put_varint(to, damage->file.kind);
    buffer_put_varint(to, damage->file.number);
    buffer_put_varint(to, damage->offset);
    buffer_put_varint(to, damage->first_run);
    buffer_put_varint(to, damage->after);
    buffer_put_bytes(to, buffer_bytes(&damage->from));
    buffer_put_bytes(to, buffer_bytes(&damage->to));
    for (uint32_t i = 0; i < damage->answered_count; i++)
        damage_put_answered(damage->id, damage->answered[i], to);
}

void damage_put_answered(uint64_t id, uint64_t hash, struct buffer *to) {
    buffer_put_u8(to, DAMAGE_TAG_ANSWERED);
    buffer_put_varint(to, id);
    buffer_put_u64(to, hash);
}

void damage_put_healed(uint64_t id, struct buffer *to) {
    buffer_put_u8(to, DAMAGE_TAG_HEALED);
    buffer_put_varint(to, id);
}

void damage_put_lost_block(uint64_t table, uint64_t offset, struct buffer *to) {
    buffer_put_u8(to, DAMAGE_TAG_LOST_BLOCK);
    buffer_put_varint(to, table);
    buffer_put_varint(to, offset);
}

static bool is_ordered(struct bytes from, struct bytes to, bool after) {
    int order = bytes_compare(from, to);
    return from.size <= STORE_KEY_MAX && to.size <= STORE_KEY_MAX &&
           (to.size == 0 || order < 0 || (order == 0 && !after));
}

bool damage_take(struct damage_list *list, struct reader *from) {
    uint64_t id = reader_varint(from);
    uint64_t kind = reader_varint(from);
    uint64_t file_kind = reader_varint(from);
    uint64_t number = reader_varint(from);
    uint64_t offset = reader_varint(from);
    uint64_t first_run = reader_varint(from);
    uint64_t after = reader_varint(from);
    struct bytes lower = reader_bytes(from);
    struct bytes upper = reader_bytes(from);
    struct damage *known = damage_list_find(list, id);
    bool ascending = known != NULL || list->count == 0 || list->items[list->count - 1].id < id;
    if (from->failed || !ascending || kind >= STORE_DAMAGE_KINDS || file_kind < FILE_LOG ||
        file_kind > FILE_MANIFEST || after > 1 || !is_ordered(lower, upper, after == 1))
        return false;
    if (known != NULL) {
        known->first_run = first_run;
        return true;
    }
    struct damage *damage = damage_list_add(list, id);
    damage->kind = (enum store_damage_kind)kind;
    damage->file = (struct file_id){.kind = (enum file_kind)file_kind, .number = number};
    damage->offset = offset;
    damage->first_run = first_run;
    damage->after = after == 1;
    buffer_append(&damage->from, lower);
    buffer_append(&damage->to, upper);
    return true;
}

bool damage_take_healed(struct damage_list *list, struct reader *from) {
    uint64_t id = reader_varint(from);
    if (from->failed || damage_list_find(list, id) == NULL)
        return false;
    damage_list_remove(list, id);
    return true;
}

bool damage_take_answered(struct damage_list *list, struct reader *from) {
    uint64_t id = reader_varint(from);
    uint64_t hash = reader_u64(from);
    struct damage *damage = damage_list_find(list, id);
    if (!from->failed && damage != NULL)
        (void)damage_answer(damage, hash);
    return !from->failed;
}
