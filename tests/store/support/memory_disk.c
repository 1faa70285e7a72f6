#include "tests/store/support/memory_disk.h"

#include "engine/base/check.h"

void memory_disk_init(struct memory_disk *disk, uint64_t seed) {
    memset(disk, 0, sizeof *disk);
    prng_init(&disk->prng, seed, 77);
}

void memory_disk_deinit(struct memory_disk *disk) {
    for (size_t i = 0; i < disk->file_count; i++) {
        buffer_deinit(&disk->files[i].current);
        buffer_deinit(&disk->files[i].durable);
    }
    for (size_t i = 0; i < MEMORY_DISK_QUEUE; i++)
        buffer_deinit(&disk->queue[i].bytes);
    buffer_deinit(&disk->read);
}

static bool is_disk_effect(enum effect_kind kind) {
    return kind == EFFECT_WRITE || kind == EFFECT_READ || kind == EFFECT_SYNC ||
           kind == EFFECT_SYNC_DIRECTORY || kind == EFFECT_REMOVE || kind == EFFECT_LIST;
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
    }
}

struct memory_file *memory_disk_find(struct memory_disk *disk, struct file_id file) {
    for (size_t i = 0; i < disk->file_count; i++) {
        if (disk->files[i].named && file_equal(disk->files[i].file, file))
            return &disk->files[i];
    }
    return NULL;
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

static struct memory_file *create(struct memory_disk *disk, struct file_id file) {
    struct memory_file *found = memory_disk_find(disk, file);
    if (found != NULL)
        return found;
    CHECK(disk->file_count < MEMORY_DISK_FILES);
    found = &disk->files[disk->file_count++];
    *found = (struct memory_file){.file = file, .named = true};
    return found;
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

/* Drops the files that nobody will see again. */
static void forget_gone(struct memory_disk *disk) {
    size_t kept = 0;
    for (size_t i = 0; i < disk->file_count; i++) {
        struct memory_file *file = &disk->files[i];
        if (file->named || file->name_durable) {
            disk->files[kept++] = *file;
        } else {
            buffer_deinit(&file->current);
            buffer_deinit(&file->durable);
        }
    }
    disk->file_count = kept;
}

static void sync_directory(struct memory_disk *disk) {
    for (size_t i = 0; i < disk->file_count; i++)
        disk->files[i].name_durable = disk->files[i].named;
    forget_gone(disk);
}

static void list(struct memory_disk *disk, struct disk_done *done) {
    for (size_t i = 0; i < disk->file_count; i++) {
        const struct memory_file *file = &disk->files[i];
        if (file->named)
            disk->listed[done->file_count++] =
                (struct file_entry){.file = file->file, .size = file->current.size};
    }
    done->files = disk->listed;
}

static enum disk_status perform_on_file(struct memory_disk *disk, const struct effect *effect,
                                        struct bytes bytes, struct disk_done *done) {
    struct memory_file *file = memory_disk_find(disk, effect->file);
    if (effect->kind == EFFECT_WRITE) {
        put(&create(disk, effect->file)->current, effect->offset, bytes);
        return DISK_OK;
    }
    if (file == NULL)
        return DISK_NO_FILE;
    if (effect->kind == EFFECT_SYNC) {
        set(&file->durable, buffer_bytes(&file->current));
    } else if (effect->kind == EFFECT_REMOVE) {
        file->named = false;
        forget_gone(disk);
    } else {
        size_t from =
            effect->offset < file->current.size ? (size_t)effect->offset : file->current.size;
        size_t left = file->current.size - from;
        set(&disk->read, bytes_slice(buffer_bytes(&file->current), from,
                                     left < effect->size ? left : (size_t)effect->size));
        done->bytes = buffer_bytes(&disk->read);
    }
    return DISK_OK;
}

/* A failed operation may have happened in part: a failed write leaves half of its bytes. */
static bool fails(struct memory_disk *disk, const struct memory_operation *operation) {
    bool reads = operation->effect.kind == EFFECT_READ || operation->effect.kind == EFFECT_LIST;
    bool counts = reads ? disk->fail_reads : disk->fail_writes;
    if (!counts || operation->effect.kind == EFFECT_REMOVE || ++disk->eligible != disk->fail_at)
        return false;
    if (operation->effect.kind == EFFECT_WRITE)
        put(&create(disk, operation->effect.file)->current, operation->effect.offset,
            bytes_slice(buffer_bytes(&operation->bytes), 0, operation->bytes.size / 2));
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
    else if (operation.effect.kind == EFFECT_LIST)
        list(disk, done);
    else if (operation.effect.kind == EFFECT_SYNC_DIRECTORY)
        sync_directory(disk);
    else
        done->status =
            perform_on_file(disk, &operation.effect, buffer_bytes(&operation.bytes), done);
    buffer_deinit(&operation.bytes);
    return true;
}

/* Sector by sector: lost, kept, or torn in the middle. */
static void tear(struct memory_disk *disk, struct memory_file *file) {
    size_t longest =
        file->current.size > file->durable.size ? file->current.size : file->durable.size;
    size_t size = file->durable.size;
    resize(&file->durable, longest);
    for (size_t at = 0; at < file->current.size; at += MEMORY_DISK_SECTOR) {
        size_t left = file->current.size - at;
        size_t sector = left < MEMORY_DISK_SECTOR ? left : MEMORY_DISK_SECTOR;
        uint32_t fate = prng_below(&disk->prng, 3);
        size_t kept = fate == 0   ? 0
                      : fate == 1 ? sector
                                  : prng_below(&disk->prng, (uint32_t)sector);
        memcpy(file->durable.data + at, file->current.data + at, kept);
        if (kept > 0 && at + kept > size)
            size = at + kept;
    }
    resize(&file->durable, prng_chance(&disk->prng, 1, 2) ? longest : size);
}

void memory_disk_crash(struct memory_disk *disk, enum crash_outcome outcome) {
    struct disk_done done;
    while (outcome == CRASH_TEARS && disk->queued > 0 && prng_chance(&disk->prng, 1, 2))
        memory_disk_perform(disk, &done);
    disk->queued = 0;
    if (outcome == CRASH_KILLS)
        return;
    for (size_t i = 0; i < disk->file_count; i++) {
        struct memory_file *file = &disk->files[i];
        bool keeps =
            outcome == CRASH_KEEPS || (outcome == CRASH_TEARS && prng_chance(&disk->prng, 1, 2));
        if (!keeps)
            file->named = file->name_durable;
        file->name_durable = file->named;
        if (outcome == CRASH_KEEPS)
            set(&file->durable, buffer_bytes(&file->current));
        else if (outcome == CRASH_TEARS)
            tear(disk, file);
        set(&file->current, buffer_bytes(&file->durable));
    }
    forget_gone(disk);
}

void memory_disk_copy(struct memory_disk *disk, const struct memory_disk *from) {
    memory_disk_deinit(disk);
    memory_disk_init(disk, 1);
    for (size_t i = 0; i < from->file_count; i++) {
        if (!from->files[i].named)
            continue;
        struct memory_file *file = create(disk, from->files[i].file);
        set(&file->current, buffer_bytes(&from->files[i].current));
        set(&file->durable, buffer_bytes(&from->files[i].current));
        file->name_durable = true;
    }
}
