#include "sim/disk_directory.h"

void disk_directory_init(struct disk_directory *directory, struct file_memory *memory) {
    *directory =
        (struct disk_directory){.memory = memory,
                                .entry_pool = {.object_bytes = sizeof(struct directory_entry)},
                                .change_pool = {.object_bytes = sizeof(struct directory_change)}};
}

void disk_directory_deinit(struct disk_directory *directory) {
    disk_directory_wipe(directory);
    id_map_deinit(&directory->entries);
    object_pool_deinit(&directory->entry_pool);
    object_pool_deinit(&directory->change_pool);
}

static uint64_t key_of(struct file_id file) {
    CHECK(file.number <= DIRECTORY_FILE_NUMBER_MAX && file.checkpoint <= DIRECTORY_CHECKPOINT_MAX);
    return (uint64_t)file.kind << 62 | (uint64_t)file.checkpoint << 40 | file.number;
}

struct directory_entry *disk_directory_acquire(struct disk_directory *directory,
                                               struct file_id file) {
    struct directory_entry *entry = id_map_get(&directory->entries, key_of(file));
    if (entry == NULL) {
        entry = object_pool_take(&directory->entry_pool);
        *entry = (struct directory_entry){.id = file, .previous = directory->last};
        if (directory->last == NULL)
            directory->first = entry;
        else
            directory->last->next = entry;
        directory->last = entry;
        id_map_put(&directory->entries, key_of(file), entry);
    }
    entry->users++;
    return entry;
}

static void settle_entry(struct disk_directory *directory, struct directory_entry *entry) {
    if (entry->users > 0 || entry->current != NULL || entry->durable != NULL)
        return;
    if (entry->previous == NULL)
        directory->first = entry->next;
    else
        entry->previous->next = entry->next;
    if (entry->next == NULL)
        directory->last = entry->previous;
    else
        entry->next->previous = entry->previous;
    (void)id_map_remove(&directory->entries, key_of(entry->id));
    object_pool_give(&directory->entry_pool, entry);
}

void disk_directory_release(struct disk_directory *directory, struct directory_entry *entry) {
    CHECK(entry->users > 0);
    entry->users--;
    settle_entry(directory, entry);
}

static void set_file(struct simulated_file **slot, struct simulated_file *file,
                     struct file_memory *memory) {
    if (file != NULL)
        file->references++;
    if (*slot != NULL)
        simulated_file_release(*slot, memory);
    *slot = file;
}

/* Takes a change out, `previous` being the one before it; makes it durable when asked to. */
static void finish_change(struct disk_directory *directory, struct directory_change *previous,
                          bool makes_durable) {
    struct directory_change **slot = previous == NULL ? &directory->oldest : &previous->next;
    struct directory_change *change = *slot;
    *slot = change->next;
    if (change->next == NULL)
        directory->newest = previous;
    else if (makes_durable)
        change->next->needs_previous = false;
    directory->unsynced_count--;
    if (makes_durable)
        set_file(&change->entry->durable, change->file, directory->memory);
    if (change->file != NULL)
        simulated_file_release(change->file, directory->memory);
    disk_directory_release(directory, change->entry);
    object_pool_give(&directory->change_pool, change);
}

static struct directory_change *change(struct disk_directory *directory,
                                       struct directory_entry *entry, struct simulated_file *file) {
    directory->file_count += (uint64_t)(file != NULL) - (uint64_t)(entry->current != NULL);
    if (entry->current != NULL)
        entry->current->names--;
    if (file != NULL)
        file->names++;
    set_file(&entry->current, file, directory->memory);
    struct directory_change *made = object_pool_take(&directory->change_pool);
    *made =
        (struct directory_change){.sequence = ++directory->sequence, .entry = entry, .file = file};
    entry->users++;
    if (file != NULL)
        file->references++;
    if (directory->newest == NULL)
        directory->oldest = made;
    else
        directory->newest->next = made;
    directory->newest = made;
    directory->unsynced_count++;
    if (directory->unsynced_count > DIRECTORY_UNSYNCED_CHANGES_MAX)
        finish_change(directory, NULL, true);
    return made;
}

struct simulated_file *disk_directory_create(struct disk_directory *directory,
                                             struct directory_entry *entry) {
    if (entry->current == NULL) {
        struct simulated_file *file = simulated_file_create(directory->memory);
        (void)change(directory, entry, file);
        simulated_file_release(file, directory->memory);
    }
    return entry->current;
}

void disk_directory_remove(struct disk_directory *directory, struct directory_entry *entry) {
    CHECK(entry->current != NULL);
    (void)change(directory, entry, NULL);
}

void disk_directory_link(struct disk_directory *directory, struct directory_entry *entry,
                         struct directory_entry *to) {
    CHECK(entry->current != NULL && to->current == NULL);
    (void)change(directory, to, entry->current);
}

void disk_directory_rename(struct disk_directory *directory, struct directory_entry *entry,
                           struct directory_entry *to) {
    CHECK(entry->current != NULL && entry != to);
    (void)change(directory, to, entry->current);
    change(directory, entry, NULL)->needs_previous = true;
}

void disk_directory_sync(struct disk_directory *directory, uint32_t checkpoint, uint64_t sequence) {
    struct directory_change *previous = NULL, *next;
    for (struct directory_change *made = directory->oldest;
         made != NULL && made->sequence <= sequence; made = next) {
        next = made->next;
        if (made->entry->id.checkpoint == checkpoint && !made->needs_previous)
            finish_change(directory, previous, true);
        else
            previous = made;
    }
}

void disk_directory_sync_all(struct disk_directory *directory) {
    while (directory->oldest != NULL)
        finish_change(directory, NULL, true);
}

static void settle_names(struct disk_directory *directory, uint64_t crash, struct prng *prng) {
    bool previous_happened = true;
    while (directory->oldest != NULL) {
        struct directory_entry *entry = directory->oldest->entry;
        bool happened = entry->stopped_at_crash != crash && prng_chance(prng, 1, 2) &&
                        (previous_happened || !directory->oldest->needs_previous);
        if (!happened)
            entry->stopped_at_crash = crash;
        finish_change(directory, NULL, happened);
        previous_happened = happened;
    }
}

void disk_directory_lose_power(struct disk_directory *directory, uint32_t sector_bytes,
                               uint64_t crash, struct prng *prng) {
    settle_names(directory, crash, prng);
    directory->file_count = 0;
    struct directory_entry *next;
    for (struct directory_entry *entry = directory->first; entry != NULL; entry = entry->next) {
        if (entry->durable != NULL)
            entry->durable->names = 0;
    }
    for (struct directory_entry *entry = directory->first; entry != NULL; entry = next) {
        next = entry->next;
        set_file(&entry->current, entry->durable, directory->memory);
        if (entry->current != NULL) {
            if (entry->current->names++ == 0)
                simulated_file_lose_power(entry->current, directory->memory, sector_bytes, prng);
            directory->file_count++;
        }
        entry->busy_until = (struct instant){0};
        settle_entry(directory, entry);
    }
}

void disk_directory_wipe(struct disk_directory *directory) {
    while (directory->oldest != NULL)
        finish_change(directory, NULL, false);
    struct directory_entry *next;
    for (struct directory_entry *entry = directory->first; entry != NULL; entry = next) {
        next = entry->next;
        set_file(&entry->current, NULL, directory->memory);
        set_file(&entry->durable, NULL, directory->memory);
        settle_entry(directory, entry);
    }
    directory->file_count = 0;
}
