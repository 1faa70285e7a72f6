#include "tests/store/support/memory_disk.h"

#include "engine/base/check.h"

#include <stdlib.h>

void memory_disk_init(struct memory_disk *disk, uint64_t seed) {
    memset(disk, 0, sizeof *disk);
    prng_init(&disk->prng, seed, 77);
}

static void release(struct memory_content *content) {
    if (--content->references > 0)
        return;
    buffer_deinit(&content->current);
    buffer_deinit(&content->durable);
    buffer_deinit(&content->stuck);
    free(content);
}

void memory_disk_deinit(struct memory_disk *disk) {
    for (size_t i = 0; i < disk->file_count; i++)
        release(disk->files[i].content);
    for (size_t i = 0; i < MEMORY_DISK_QUEUE; i++)
        buffer_deinit(&disk->queue[i].bytes);
    buffer_deinit(&disk->read);
}

static bool is_disk_effect(enum effect_kind kind) {
    return kind >= EFFECT_WRITE && kind <= EFFECT_LIST;
}

struct memory_file *memory_disk_find(struct memory_disk *disk, struct file_id file) {
    for (size_t i = 0; i < disk->file_count; i++) {
        if (disk->files[i].named && file_equal(disk->files[i].file, file))
            return &disk->files[i];
    }
    return NULL;
}

/* A sync is promised to cover what was there when it was asked for, and so it covers no more. */
static void note_sync(struct memory_disk *disk, struct memory_operation *operation) {
    const struct memory_file *file = memory_disk_find(disk, operation->effect.file);
    if (operation->effect.kind == EFFECT_SYNC && file != NULL)
        buffer_append(&operation->bytes, buffer_bytes(&file->content->current));
}

void memory_disk_take(struct memory_disk *disk, const struct effects *effects) {
    for (size_t i = 0; i < effects->count; i++) {
        if (!is_disk_effect(effects->items[i].kind))
            continue;
        CHECK(disk->queued < MEMORY_DISK_QUEUE);
        struct memory_operation *operation = &disk->queue[disk->queued++];
        operation->effect = effects->items[i];
        buffer_clear(&operation->bytes);
        buffer_append(&operation->bytes, effects->items[i].bytes);
        note_sync(disk, operation);
    }
}

struct memory_file *memory_disk_last(struct memory_disk *disk, enum file_kind kind) {
    struct memory_file *last = NULL;
    for (size_t i = 0; i < disk->file_count; i++) {
        struct memory_file *file = &disk->files[i];
        if (file->named && file->file.kind == kind &&
            (last == NULL || file->file.number > last->file.number))
            last = file;
    }
    return last;
}

size_t memory_disk_count(const struct memory_disk *disk, enum file_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < disk->file_count; i++)
        count += disk->files[i].named && disk->files[i].file.kind == kind;
    return count;
}

/* A new name; `content` is null for an empty file. */
static struct memory_file *add_name(struct memory_disk *disk, struct file_id file,
                                    struct memory_content *content) {
    CHECK(disk->file_count < MEMORY_DISK_FILES);
    if (content == NULL)
        content = calloc(1, sizeof *content);
    CHECK(content != NULL);
    content->references++;
    struct memory_file *added = &disk->files[disk->file_count++];
    *added = (struct memory_file){.file = file, .content = content, .named = true};
    return added;
}

static struct memory_content *create(struct memory_disk *disk, struct file_id file) {
    struct memory_file *found = memory_disk_find(disk, file);
    return found != NULL ? found->content : add_name(disk, file, NULL)->content;
}

static void resize(struct buffer *buffer, size_t size) {
    if (size > buffer->size) {
        size_t more = size - buffer->size;
        memset(buffer_reserve(buffer, more), 0, more);
    }
    buffer->size = size;
}

static void put(struct buffer *to, uint64_t offset, struct bytes bytes) {
    if (to->size < offset + bytes.size)
        resize(to, (size_t)(offset + bytes.size));
    if (bytes.size > 0)
        memcpy(to->data + offset, bytes.data, bytes.size);
}

static void set(struct buffer *to, struct bytes bytes) {
    buffer_clear(to);
    buffer_append(to, bytes);
}

/* Whether bytes of the sector at `at` are not what is durable of it. */
static bool sector_differs(const struct memory_content *content, size_t at, size_t size) {
    size_t durable = content->durable.size;
    size_t both = durable <= at ? 0 : durable - at < size ? durable - at : size;
    if (both > 0 && memcmp(content->current.data + at, content->durable.data + at, both) != 0)
        return true;
    for (size_t i = at + both; i < at + size; i++) {
        if (content->current.data[i] != 0)
            return true;
    }
    return false;
}

static bool is_stuck(const struct memory_content *content, size_t at) {
    size_t sector = at / MEMORY_DISK_SECTOR;
    return sector < content->stuck.size && content->stuck.data[sector] != 0;
}

static size_t sector_size(const struct buffer *buffer, size_t at) {
    size_t left = buffer->size - at;
    return left < MEMORY_DISK_SECTOR ? left : MEMORY_DISK_SECTOR;
}

static void fail_sync(struct memory_content *content) {
    resize(&content->stuck, content->current.size / MEMORY_DISK_SECTOR + 1);
    for (size_t at = 0; at < content->current.size; at += MEMORY_DISK_SECTOR) {
        if (sector_differs(content, at, sector_size(&content->current, at)))
            content->stuck.data[at / MEMORY_DISK_SECTOR] = 1;
    }
}

static void sync_content(struct memory_content *content, struct bytes seen) {
    if (content->durable.size < seen.size)
        resize(&content->durable, seen.size);
    for (size_t at = 0; at < seen.size; at += MEMORY_DISK_SECTOR) {
        size_t left = seen.size - at;
        if (!is_stuck(content, at))
            memcpy(content->durable.data + at, seen.data + at,
                   left < MEMORY_DISK_SECTOR ? left : MEMORY_DISK_SECTOR);
    }
}

static void write(struct memory_content *content, uint64_t offset, struct bytes bytes) {
    put(&content->current, offset, bytes);
    size_t first = (size_t)offset / MEMORY_DISK_SECTOR;
    for (size_t i = first; i * MEMORY_DISK_SECTOR < offset + bytes.size; i++) {
        if (i < content->stuck.size)
            content->stuck.data[i] = 0;
    }
}

/* Drops the files that nobody will see again. */
static void forget_gone(struct memory_disk *disk) {
    size_t kept = 0;
    for (size_t i = 0; i < disk->file_count; i++) {
        struct memory_file *file = &disk->files[i];
        if (file->named || file->name_durable)
            disk->files[kept++] = *file;
        else
            release(file->content);
    }
    disk->file_count = kept;
}

/* Whether the place that a name moved to lies in another directory and is not durable yet. */
static bool is_needed_elsewhere(struct memory_disk *disk, const struct memory_file *file) {
    if (file->named || file->moved_to.kind == 0 ||
        file->moved_to.checkpoint == file->file.checkpoint)
        return false;
    const struct memory_file *moved = memory_disk_find(disk, file->moved_to);
    return moved != NULL && !moved->name_durable;
}

static void sync_directory(struct memory_disk *disk, uint32_t checkpoint) {
    for (size_t i = 0; i < disk->file_count; i++) {
        struct memory_file *file = &disk->files[i];
        if (file->file.checkpoint == checkpoint && !is_needed_elsewhere(disk, file))
            file->name_durable = file->named;
    }
    forget_gone(disk);
}

static void list(struct memory_disk *disk, uint32_t checkpoint, struct disk_done *done) {
    for (size_t i = 0; i < disk->file_count; i++) {
        const struct memory_file *file = &disk->files[i];
        if (file->named && (checkpoint == 0 || file->file.checkpoint == checkpoint))
            disk->listed[done->file_count++] =
                (struct file_entry){.file = file->file, .size = file->content->current.size};
    }
    done->files = disk->listed;
}

static void rename_file(struct memory_disk *disk, struct memory_file *file, struct file_id to) {
    struct memory_file *replaced = memory_disk_find(disk, to);
    if (replaced != NULL && replaced->content == file->content)
        return;
    for (size_t i = 0; i < disk->file_count; i++) {
        if (file_equal(disk->files[i].moved_to, file->file))
            disk->files[i].moved_to = to;
    }
    if (replaced != NULL)
        replaced->named = false;
    file->named = false;
    file->moved_to = to;
    add_name(disk, to, file->content);
    forget_gone(disk);
}

static enum disk_status link_file(struct memory_disk *disk, const struct memory_file *file,
                                  struct file_id to) {
    if (memory_disk_find(disk, to) != NULL)
        return DISK_ERROR;
    add_name(disk, to, file->content);
    return DISK_OK;
}

static void read(struct memory_disk *disk, const struct buffer *current,
                 const struct effect *effect, struct disk_done *done) {
    size_t from = effect->offset < current->size ? (size_t)effect->offset : current->size;
    size_t left = current->size - from;
    set(&disk->read, bytes_slice(buffer_bytes(current), from,
                                 left < effect->size ? left : (size_t)effect->size));
    done->bytes = buffer_bytes(&disk->read);
}

static enum disk_status perform_on_file(struct memory_disk *disk, const struct effect *effect,
                                        struct bytes bytes, struct disk_done *done) {
    if (effect->kind == EFFECT_WRITE) {
        write(create(disk, effect->file), effect->offset, bytes);
        return DISK_OK;
    }
    if (effect->kind == EFFECT_ALLOCATE) {
        put(&create(disk, effect->file)->current, effect->size, (struct bytes){0});
        return DISK_OK;
    }
    struct memory_file *file = memory_disk_find(disk, effect->file);
    if (file == NULL)
        return DISK_NO_FILE;
    if (effect->kind == EFFECT_LINK)
        return link_file(disk, file, effect->to);
    if (effect->kind == EFFECT_SYNC) {
        sync_content(file->content, bytes);
    } else if (effect->kind == EFFECT_RENAME) {
        rename_file(disk, file, effect->to);
    } else if (effect->kind == EFFECT_REMOVE) {
        file->named = false;
        forget_gone(disk);
    } else {
        read(disk, &file->content->current, effect, done);
    }
    return DISK_OK;
}

static bool is_spoiled(const struct memory_disk *disk, const struct effect *effect) {
    return effect->kind == EFFECT_READ && file_equal(effect->file, disk->spoiled) &&
           effect->offset < disk->spoiled_to && disk->spoiled_from < effect->offset + effect->size;
}

/* Names of one file count once. */
static bool is_first_named(const struct memory_disk *disk, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (disk->files[i].named && disk->files[i].content == disk->files[index].content)
            return false;
    }
    return disk->files[index].named;
}

uint64_t memory_disk_used(const struct memory_disk *disk) {
    uint64_t used = 0;
    for (size_t i = 0; i < disk->file_count; i++)
        used += is_first_named(disk, i) ? disk->files[i].content->current.size : 0;
    return used;
}

static bool has_no_space(struct memory_disk *disk, const struct memory_operation *operation) {
    const struct effect *effect = &operation->effect;
    if (disk->capacity == 0 || (effect->kind != EFFECT_WRITE && effect->kind != EFFECT_ALLOCATE))
        return false;
    const struct memory_file *file = memory_disk_find(disk, effect->file);
    uint64_t size = file == NULL ? 0 : file->content->current.size;
    uint64_t end =
        effect->kind == EFFECT_WRITE ? effect->offset + operation->bytes.size : effect->size;
    return end > size && memory_disk_used(disk) + end - size > disk->capacity;
}

/* A failed operation may have happened in part: a failed write leaves half of its bytes. */
static bool fails(struct memory_disk *disk, const struct memory_operation *operation) {
    bool reads = operation->effect.kind == EFFECT_READ || operation->effect.kind == EFFECT_LIST;
    bool counts = reads ? disk->fail_reads : disk->fail_writes;
    if (!counts || operation->effect.kind == EFFECT_REMOVE)
        return false;
    disk->eligible++;
    if (disk->fail_at == 0 || disk->eligible < disk->fail_at ||
        disk->eligible - disk->fail_at > disk->fail_more)
        return false;
    if (operation->effect.kind == EFFECT_WRITE)
        write(create(disk, operation->effect.file), operation->effect.offset,
              bytes_slice(buffer_bytes(&operation->bytes), 0, operation->bytes.size / 2));
    struct memory_file *file = memory_disk_find(disk, operation->effect.file);
    if (operation->effect.kind == EFFECT_SYNC && file != NULL)
        fail_sync(file->content);
    return true;
}

static size_t choose(struct memory_disk *disk) {
    if (disk->in_order)
        return 0;
    size_t chosen = prng_below(&disk->prng, (uint32_t)disk->queued);
    const struct effect *effect = &disk->queue[chosen].effect;
    for (size_t i = 0; effect->kind == EFFECT_WRITE && i < chosen; i++) {
        const struct effect *earlier = &disk->queue[i].effect;
        if (earlier->kind == EFFECT_WRITE && file_equal(earlier->file, effect->file))
            return i;
    }
    return chosen;
}

bool memory_disk_perform(struct memory_disk *disk, struct disk_done *done) {
    if (disk->queued == 0)
        return false;
    size_t chosen = choose(disk);
    struct memory_operation operation = disk->queue[chosen];
    disk->queued--;
    memmove(disk->queue + chosen, disk->queue + chosen + 1,
            (disk->queued - chosen) * sizeof disk->queue[0]);
    disk->queue[disk->queued] = (struct memory_operation){0};
    disk->performed++;
    *done = (struct disk_done){.ticket = operation.effect.ticket, .status = DISK_OK};
    if (fails(disk, &operation))
        done->status = disk->fail_status;
    else if (is_spoiled(disk, &operation.effect))
        done->status = DISK_ERROR;
    else if (has_no_space(disk, &operation))
        done->status = DISK_FULL;
    else if (operation.effect.kind == EFFECT_LIST)
        list(disk, operation.effect.file.checkpoint, done);
    else if (operation.effect.kind == EFFECT_SYNC_DIRECTORY)
        sync_directory(disk, operation.effect.file.checkpoint);
    else
        done->status =
            perform_on_file(disk, &operation.effect, buffer_bytes(&operation.bytes), done);
    buffer_deinit(&operation.bytes);
    return true;
}

static void settle_content(struct memory_content *content, const struct crash_choices *choices) {
    const struct buffer *current = &content->current;
    struct buffer *durable = &content->durable;
    size_t before = durable->size;
    size_t size = before;
    size_t longest = current->size > before ? current->size : before;
    resize(durable, longest);
    for (size_t at = 0; at < current->size; at += MEMORY_DISK_SECTOR) {
        size_t left = current->size - at;
        size_t sector = left < MEMORY_DISK_SECTOR ? left : MEMORY_DISK_SECTOR;
        if (!sector_differs(content, at, sector) || is_stuck(content, at))
            continue;
        size_t kept = choices->sector_keeps(choices->context, sector);
        memcpy(durable->data + at, current->data + at, kept);
        if (kept > 0 && at + kept > size)
            size = at + kept;
    }
    bool keeps = current->size > before && choices->length_keeps(choices->context);
    resize(durable, keeps ? longest : size);
    set(&content->current, buffer_bytes(durable));
    buffer_clear(&content->stuck);
}

/* The first entry of the same name, or of the same content: what happens to both is decided there. */
static size_t first_of_name(const struct memory_disk *disk, size_t index) {
    size_t first = 0;
    while (!file_equal(disk->files[first].file, disk->files[index].file))
        first++;
    return first;
}

static size_t first_of_content(const struct memory_disk *disk, size_t index) {
    size_t first = 0;
    while (disk->files[first].content != disk->files[index].content)
        first++;
    return first;
}

/* Whether a name is gone from one place without having come to the other. */
static bool is_lost_on_the_way(const struct memory_disk *disk, size_t index,
                               const bool happened[MEMORY_DISK_FILES]) {
    const struct memory_file *file = &disk->files[index];
    if (file->named || file->moved_to.kind == 0 || !happened[first_of_name(disk, index)])
        return false;
    for (size_t i = 0; i < disk->file_count; i++) {
        if (file_equal(disk->files[i].file, file->moved_to))
            return !happened[first_of_name(disk, i)];
    }
    return false;
}

static bool name_is_pending(const struct memory_disk *disk, size_t first) {
    for (size_t i = first; i < disk->file_count; i++) {
        if (disk->files[i].named != disk->files[i].name_durable &&
            file_equal(disk->files[i].file, disk->files[first].file))
            return true;
    }
    return false;
}

static void settle_names(struct memory_disk *disk, const struct crash_choices *choices) {
    bool happened[MEMORY_DISK_FILES] = {0}; /* by the first entry of a name */
    for (size_t i = 0; i < disk->file_count; i++) {
        if (first_of_name(disk, i) == i && name_is_pending(disk, i))
            happened[i] = choices->name_happens(choices->context);
    }
    /* Each turn takes one name back, which may take back another. */
    for (size_t i = 0; i < disk->file_count;) {
        if (is_lost_on_the_way(disk, i, happened)) {
            happened[first_of_name(disk, i)] = false;
            i = 0;
        } else {
            i++;
        }
    }
    for (size_t i = 0; i < disk->file_count; i++) {
        struct memory_file *file = &disk->files[i];
        file->named = happened[first_of_name(disk, i)] ? file->named : file->name_durable;
        file->name_durable = file->named;
        file->moved_to = (struct file_id){0};
    }
}

void memory_disk_crash_by(struct memory_disk *disk, const struct crash_choices *choices) {
    disk->queued = 0;
    settle_names(disk, choices);
    for (size_t i = 0; i < disk->file_count; i++) {
        if (first_of_content(disk, i) == i)
            settle_content(disk->files[i].content, choices);
    }
    forget_gone(disk);
}

struct drawn_choices {
    struct prng *prng;
    enum crash_outcome outcome;
};

static bool draw_half(void *context) {
    const struct drawn_choices *drawn = context;
    return drawn->outcome == CRASH_KEEPS ||
           (drawn->outcome == CRASH_TEARS && prng_chance(drawn->prng, 1, 2));
}

/* Lost, kept, or torn in the middle. */
static size_t draw_sector(void *context, size_t size) {
    const struct drawn_choices *drawn = context;
    if (drawn->outcome != CRASH_TEARS)
        return drawn->outcome == CRASH_KEEPS ? size : 0;
    switch (prng_below(drawn->prng, 3)) {
    case 0:
        return 0;
    case 1:
        return size;
    default:
        return prng_below(drawn->prng, (uint32_t)size);
    }
}

void memory_disk_crash(struct memory_disk *disk, enum crash_outcome outcome) {
    struct disk_done done;
    while (outcome == CRASH_TEARS && disk->queued > 0 && prng_chance(&disk->prng, 1, 2))
        memory_disk_perform(disk, &done);
    disk->queued = 0;
    if (outcome == CRASH_KILLS)
        return;
    struct drawn_choices drawn = {.prng = &disk->prng, .outcome = outcome};
    memory_disk_crash_by(disk, &(struct crash_choices){&drawn, draw_half, draw_sector, draw_half});
}

void memory_disk_forget(struct memory_disk *disk) {
    for (size_t i = 0; i < disk->file_count; i++)
        release(disk->files[i].content);
    disk->file_count = disk->queued = 0;
}

void memory_disk_clone(struct memory_disk *disk, const struct memory_disk *from) {
    memory_disk_forget(disk);
    for (size_t i = 0; i < from->file_count; i++) {
        size_t first = first_of_content(from, i);
        struct memory_file *file =
            add_name(disk, from->files[i].file, first < i ? disk->files[first].content : NULL);
        file->named = from->files[i].named;
        file->name_durable = from->files[i].name_durable;
        file->moved_to = from->files[i].moved_to;
        if (first < i)
            continue;
        set(&file->content->current, buffer_bytes(&from->files[i].content->current));
        set(&file->content->durable, buffer_bytes(&from->files[i].content->durable));
        set(&file->content->stuck, buffer_bytes(&from->files[i].content->stuck));
    }
}

void memory_disk_copy(struct memory_disk *disk, const struct memory_disk *from) {
    memory_disk_deinit(disk);
    memory_disk_init(disk, 1);
    struct memory_content *copies[MEMORY_DISK_FILES] = {0};
    for (size_t i = 0; i < from->file_count; i++) {
        if (!from->files[i].named)
            continue;
        size_t first = first_of_content(from, i);
        struct memory_file *file = add_name(disk, from->files[i].file, copies[first]);
        copies[first] = file->content;
        set(&file->content->current, buffer_bytes(&from->files[i].content->current));
        set(&file->content->durable, buffer_bytes(&from->files[i].content->current));
        file->name_durable = true;
    }
}

void memory_disk_restore(struct memory_disk *disk, const struct memory_disk *from,
                         uint32_t checkpoint) {
    memory_disk_copy(disk, from);
    for (size_t i = 0; i < disk->file_count; i++) {
        struct memory_file *file = &disk->files[i];
        file->named = file->name_durable = file->file.checkpoint == checkpoint;
        file->file.checkpoint = 0;
    }
    forget_gone(disk);
}
