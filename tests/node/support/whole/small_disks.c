#include "tests/node/support/whole/small_cluster_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it. */
#include <cmocka.h>

static struct memory_file *find_file(struct small_node *small, struct file_id file, bool create) {
    struct memory_file *unused = NULL;
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        struct memory_file *found = &small->files[i];
        if (found->exists && file_equal(found->file, file))
            return found;
        if (unused == NULL && !found->exists && !found->durable_exists)
            unused = found;
    }
    if (!create)
        return NULL;
    assert_non_null(unused);
    unused->exists = true;
    unused->file = file;
    buffer_clear(&unused->bytes);
    buffer_clear(&unused->durable);
    return unused;
}

static void write_file(struct memory_file *file, uint64_t offset, struct bytes bytes) {
    while (file->bytes.size < offset)
        buffer_put_u8(&file->bytes, 0);
    for (size_t i = 0; i < bytes.size; i++) {
        if (offset + i < file->bytes.size)
            file->bytes.data[offset + i] = bytes.data[i];
        else
            buffer_put_u8(&file->bytes, bytes.data[i]);
    }
}

static void allocate_file(struct memory_file *file, uint64_t size) {
    while (file->bytes.size < size)
        buffer_put_u8(&file->bytes, 0);
}

static void list_files(struct small_node *small, uint32_t checkpoint, struct queued_event *done) {
    done->files = calloc(FILES_MAX, sizeof *done->files);
    assert_non_null(done->files);
    size_t count = 0;
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        bool is_asked_for = checkpoint == 0 || small->files[i].file.checkpoint == checkpoint;
        if (small->files[i].exists && is_asked_for)
            done->files[count++] = (struct file_entry){.file = small->files[i].file,
                                                       .size = small->files[i].bytes.size};
    }
    done->event.disk.files = done->files;
    done->event.disk.file_count = count;
}

static void copy_buffer(struct buffer *to, const struct buffer *from) {
    buffer_clear(to);
    buffer_append(to, buffer_bytes(from));
}

/* A further name, with bytes of its own: nothing in these tests writes to a file that has two. */
static void copy_to_name(struct small_node *small, const struct memory_file *file,
                         struct file_id to) {
    struct memory_file *made = find_file(small, to, true);
    copy_buffer(&made->bytes, &file->bytes);
    copy_buffer(&made->durable, &file->durable);
}

static enum disk_status change_names(struct small_node *small, const struct effect *effect) {
    struct memory_file *file = find_file(small, effect->file, false);
    if (file == NULL)
        return DISK_NO_FILE;
    if (effect->kind != EFFECT_REMOVE) {
        struct memory_file *replaced = find_file(small, effect->to, false);
        if (replaced != NULL && effect->kind == EFFECT_LINK)
            return DISK_ERROR;
        if (replaced != NULL)
            replaced->exists = false;
        copy_to_name(small, file, effect->to);
    }
    file->exists = effect->kind == EFFECT_LINK;
    return DISK_OK;
}

static void sync_names(struct small_node *small, uint32_t checkpoint) {
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        if (small->files[i].file.checkpoint == checkpoint)
            small->files[i].durable_exists = small->files[i].exists;
    }
}

void small_disk_perform(struct small_cluster *cluster, uint32_t index,
                        const struct effect *effect) {
    struct small_node *small = &cluster->nodes[index];
    struct queued_event *done = small_queue_add(cluster, index, EVENT_DISK_DONE);
    done->is_disk = true;
    done->performed = effect->kind;
    done->file = effect->file;
    done->event.disk = (struct disk_done){.ticket = effect->ticket, .status = DISK_OK};
    bool is_directory_s = effect->kind == EFFECT_SYNC_DIRECTORY || effect->kind == EFFECT_LIST;
    bool creates = effect->kind == EFFECT_WRITE || effect->kind == EFFECT_ALLOCATE;
    struct memory_file *file = is_directory_s ? NULL : find_file(small, effect->file, creates);
    if (effect->kind == EFFECT_LIST) {
        list_files(small, effect->file.checkpoint, done);
    } else if (effect->kind == EFFECT_SYNC_DIRECTORY) {
        /* Done when it is delivered, as a sync: a crash before that loses what it was to save. */
    } else if (file == NULL) {
        done->event.disk.status = DISK_NO_FILE;
    } else if (creates && small->disk_is_broken) {
        done->event.disk.status = DISK_ERROR;
    } else if (effect->kind == EFFECT_WRITE) {
        write_file(file, effect->offset, effect->bytes);
    } else if (effect->kind == EFFECT_ALLOCATE) {
        allocate_file(file, effect->size);
    } else if (effect->kind == EFFECT_SYNC) {
        done->synced_size = file->bytes.size;
    } else if (effect->kind != EFFECT_READ) {
        done->event.disk.status = change_names(small, effect);
    } else if (effect->offset < file->bytes.size) {
        uint64_t left = file->bytes.size - effect->offset;
        buffer_append(&done->bytes, bytes_of(file->bytes.data + effect->offset,
                                             effect->size < left ? effect->size : left));
    }
}

void small_disk_finish_sync(struct small_node *small, const struct queued_event *queued) {
    if (queued->performed == EFFECT_SYNC_DIRECTORY)
        sync_names(small, queued->file.checkpoint);
    struct memory_file *file = find_file(small, queued->file, false);
    if (queued->performed != EFFECT_SYNC || file == NULL)
        return;
    buffer_clear(&file->durable);
    buffer_append(&file->durable, bytes_of(file->bytes.data, queued->synced_size));
}

void small_disk_crash(struct small_node *small, enum crash_mode mode) {
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        struct memory_file *file = &small->files[i];
        if (mode == LOSE_DISK)
            file->exists = file->durable_exists = false;
        if (mode != LOSE_UNSYNCED)
            continue;
        file->exists = file->durable_exists;
        copy_buffer(&file->bytes, &file->durable);
    }
}

static void copy_files(struct memory_file *to, const struct memory_file *from) {
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        to[i].exists = from[i].exists;
        to[i].durable_exists = from[i].durable_exists;
        to[i].file = from[i].file;
        copy_buffer(&to[i].bytes, &from[i].bytes);
        copy_buffer(&to[i].durable, &from[i].durable);
    }
}

void small_cluster_save_disk(struct small_cluster *cluster, uint32_t node) {
    copy_files(cluster->nodes[node].saved, cluster->nodes[node].files);
}

void small_cluster_swap_disks(struct small_cluster *cluster, uint32_t left, uint32_t right) {
    struct small_node *one = &cluster->nodes[left], *other = &cluster->nodes[right];
    assert_true(one->node == NULL && other->node == NULL);
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        struct memory_file kept = one->files[i];
        one->files[i] = other->files[i];
        other->files[i] = kept;
    }
}

void small_cluster_restore_disk(struct small_cluster *cluster, uint32_t node) {
    assert_null(cluster->nodes[node].node);
    copy_files(cluster->nodes[node].files, cluster->nodes[node].saved);
}

uint32_t small_cluster_damage(struct small_cluster *cluster, uint32_t node, enum file_kind kind,
                              size_t from, size_t distance) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        struct memory_file *file = &cluster->nodes[node].files[i];
        if (!file->exists || file->file.kind != kind)
            continue;
        count++;
        for (size_t at = from; at < file->bytes.size; at += distance) {
            file->bytes.data[at] ^= 0x10;
            if (at < file->durable.size)
                file->durable.data[at] ^= 0x10;
        }
    }
    return count;
}

void small_cluster_break_disk(struct small_cluster *cluster, uint32_t node) {
    cluster->nodes[node].disk_is_broken = true;
}

void small_cluster_short_of_memory(struct small_cluster *cluster, uint32_t node, bool is_short) {
    cluster->nodes[node].memory_is_short = is_short;
}

void small_cluster_hold_disk(struct small_cluster *cluster, uint32_t node, bool held) {
    cluster->nodes[node].disk_is_held = held;
}

void small_disk_free(struct small_node *small) {
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        buffer_deinit(&small->files[i].bytes);
        buffer_deinit(&small->files[i].durable);
        buffer_deinit(&small->saved[i].bytes);
        buffer_deinit(&small->saved[i].durable);
    }
}
