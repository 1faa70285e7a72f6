#include "server/log_mapping.h"

#include "server/guarded_copy.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { LEAVING_PIECE_BYTES = 512 * 1024, READY_PIECE_BYTES = 64 * 1024, STAT_BLOCK_BYTES = 512 };

/* Pieces are cut at their own multiples, so that every one begins with a page. */
static void unmap_last_piece(struct log_mapping *mapping) {
    if (mapping->leaving_size == 0)
        return;
    size_t from = (mapping->leaving_size - 1) / LEAVING_PIECE_BYTES * LEAVING_PIECE_BYTES;
    (void)munmap(mapping->leaving + from, mapping->leaving_size - from);
    mapping->leaving_size = from;
}

/* The present segment becomes the one that leaves. */
static void leave(struct log_mapping *mapping) {
    while (mapping->leaving_size > 0)
        unmap_last_piece(mapping);
    *mapping = (struct log_mapping){
        .leaving = mapping->memory,
        .leaving_size = mapping->memory == NULL ? 0 : mapping->size,
    };
}

void log_mapping_close(struct log_mapping *mapping) {
    leave(mapping);
    leave(mapping);
}

void log_mapping_forget(struct log_mapping *mapping, struct file_id file) {
    if (file_equal(mapping->file, file))
        leave(mapping);
}

/* File systems that write a page to a new place each time: space that was allocated once is no promise. */
static bool copies_on_write(int descriptor) {
    static const uint64_t KINDS[] = {0x9123683e /* btrfs */, 0x2fc12fc1 /* zfs */,
                                     0xca451a4e /* bcachefs */, 0x3434 /* nilfs */};
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0)
        return true;
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if ((uint32_t)status.f_type == KINDS[i])
            return true;
    }
    return false;
}

/* As far as the file's bytes exist: pages behind its end cannot be written to. */
static void open_mapping(struct log_mapping *mapping, struct file_id file, int descriptor) {
    leave(mapping);
    mapping->file = file;
    struct stat status;
    if (fstat(descriptor, &status) != 0 || status.st_size <= 0)
        return;
    if (!guarded_copy_is_ready())
        return;
    /* A page without space behind it cannot be had when the disk is full; a system call says so at once. */
    if ((uint64_t)status.st_blocks * STAT_BLOCK_BYTES < (uint64_t)status.st_size ||
        copies_on_write(descriptor))
        return;
    size_t size = (size_t)status.st_size;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED)
        return;
    /* Reading ahead would fill up to megabytes of pages that nothing was written to yet with zeros, at one write. */
    (void)madvise(memory, size, MADV_RANDOM);
    mapping->memory = memory;
    mapping->size = size;
}

/* The pages that come next, in one call instead of a fault for each. Where that is not known to the kernel, or there is no
 * page to be had, the copy will find out. */
static void make_ready(struct log_mapping *mapping, size_t until) {
    while (mapping->ready_to < until) {
        size_t left = mapping->size - mapping->ready_to;
        size_t piece = left < READY_PIECE_BYTES ? left : READY_PIECE_BYTES;
        (void)madvise(mapping->memory + mapping->ready_to, piece, MADV_POPULATE_WRITE);
        mapping->ready_to += piece;
    }
}

bool log_mapping_write(struct log_mapping *mapping, struct file_id file, int descriptor,
                       uint64_t offset, struct bytes bytes) {
    if (file.kind != FILE_LOG)
        return false;
    if (!file_equal(mapping->file, file))
        open_mapping(mapping, file, descriptor);
    unmap_last_piece(mapping);
    if (mapping->memory == NULL || offset > mapping->size ||
        bytes.size > mapping->size - (size_t)offset)
        return false;
    make_ready(mapping, (size_t)offset + bytes.size);
    return guarded_copy(mapping->memory + offset, bytes.data, bytes.size);
}
