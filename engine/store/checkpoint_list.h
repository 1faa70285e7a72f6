/* checkpoint_list: the checkpoints of a store and the files that each consists of.
 *
 *     entry = checkpoint_list_insert(&list, 7);
 *     checkpoint_entry_add(entry, file, size);
 *     entry = checkpoint_list_find(&list, 7);         // null when there is none of that number
 */
#ifndef DUNLIN_STORE_CHECKPOINT_LIST_H
#define DUNLIN_STORE_CHECKPOINT_LIST_H

#include "engine/store/store.h"

struct checkpoint_entry {
    struct store_checkpoint facts;
    struct file_id *files;
    uint32_t file_count, file_capacity;
};

/* Ascending by number. */
struct checkpoint_list {
    struct checkpoint_entry *items;
    uint32_t count, capacity;
};

void checkpoint_entry_deinit(struct checkpoint_entry *entry);
void checkpoint_entry_add(struct checkpoint_entry *entry, struct file_id file, uint64_t size);
/* The manifest that makes it complete, or null. */
struct file_id *checkpoint_entry_manifest(const struct checkpoint_entry *entry);

void checkpoint_list_deinit(struct checkpoint_list *list);
struct checkpoint_entry *checkpoint_list_find(const struct checkpoint_list *list, uint32_t number);
/* The entry of that number, an empty one when there was none. Good until the list changes. */
struct checkpoint_entry *checkpoint_list_insert(struct checkpoint_list *list, uint32_t number);
/* Takes the entry out; it is the caller's then. */
struct checkpoint_entry checkpoint_list_take(struct checkpoint_list *list,
                                             struct checkpoint_entry *entry);

#endif
