#include "engine/store/checkpoint_list.h"

#include "engine/base/memory.h"

enum { ENTRIES_CAPACITY_MIN = 4, FILES_CAPACITY_MIN = 16 };

void checkpoint_entry_deinit(struct checkpoint_entry *entry) {
    memory_release(entry->files);
    *entry = (struct checkpoint_entry){0};
}

void checkpoint_entry_add(struct checkpoint_entry *entry, struct file_id file, uint64_t size) {
    if (entry->file_count == entry->file_capacity) {
        entry->file_capacity =
            entry->file_capacity == 0 ? FILES_CAPACITY_MIN : entry->file_capacity * 2;
        entry->files = memory_resize(entry->files, entry->file_capacity * sizeof *entry->files);
    }
    entry->files[entry->file_count++] = file;
    entry->facts.bytes += size;
    entry->facts.tables += file.kind == FILE_TABLE;
}

struct file_id *checkpoint_entry_manifest(const struct checkpoint_entry *entry) {
    for (uint32_t i = 0; i < entry->file_count; i++) {
        if (entry->files[i].kind == FILE_MANIFEST && entry->files[i].number > 0)
            return &entry->files[i];
    }
    return NULL;
}

void checkpoint_list_deinit(struct checkpoint_list *list) {
    for (uint32_t i = 0; i < list->count; i++)
        checkpoint_entry_deinit(&list->items[i]);
    memory_release(list->items);
    *list = (struct checkpoint_list){0};
}

static uint32_t place_of(const struct checkpoint_list *list, uint32_t number) {
    uint32_t at = 0;
    while (at < list->count && list->items[at].facts.number < number)
        at++;
    return at;
}

struct checkpoint_entry *checkpoint_list_find(const struct checkpoint_list *list, uint32_t number) {
    uint32_t at = place_of(list, number);
    bool there = at < list->count && list->items[at].facts.number == number;
    return there ? &list->items[at] : NULL;
}

struct checkpoint_entry *checkpoint_list_insert(struct checkpoint_list *list, uint32_t number) {
    struct checkpoint_entry *found = checkpoint_list_find(list, number);
    if (found != NULL)
        return found;
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? ENTRIES_CAPACITY_MIN : list->capacity * 2;
        list->items = memory_resize(list->items, list->capacity * sizeof *list->items);
    }
    uint32_t at = place_of(list, number);
    memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof *list->items);
    list->count++;
    list->items[at] = (struct checkpoint_entry){.facts.number = number};
    return &list->items[at];
}

struct checkpoint_entry checkpoint_list_take(struct checkpoint_list *list,
                                             struct checkpoint_entry *entry) {
    struct checkpoint_entry taken = *entry;
    size_t at = (size_t)(entry - list->items);
    list->count--;
    memmove(entry, entry + 1, (list->count - at) * sizeof *list->items);
    return taken;
}
