#include "sim/file_image.h"

#include <stdlib.h>

enum { BLOCK_COUNT_MIN = 4 };

void file_image_clear(struct file_image *image, struct chunk_pool *chunks) {
    for (size_t i = 0; i < image->block_count; i++) {
        if (image->blocks[i] != NULL)
            chunk_release(chunks, image->blocks[i]);
    }
    free(image->blocks);
    *image = (struct file_image){0};
}

static void reserve(struct file_image *image, uint64_t length) {
    CHECK(length <= FILE_LENGTH_MAX);
    size_t needed = (size_t)((length + FILE_BLOCK_BYTES - 1) / FILE_BLOCK_BYTES);
    if (needed <= image->block_count)
        return;
    size_t count = image->block_count == 0 ? BLOCK_COUNT_MIN : image->block_count * 2;
    if (count < needed)
        count = needed;
    image->blocks = realloc(image->blocks, count * sizeof *image->blocks);
    CHECK(image->blocks != NULL);
    for (size_t i = image->block_count; i < count; i++)
        image->blocks[i] = NULL;
    image->block_count = count;
}

/* The block, made when there was a hole, and this image's own when it was shared. */
static uint8_t *own_block(struct file_image *image, struct chunk_pool *chunks, size_t index) {
    struct chunk *block = image->blocks[index];
    if (block != NULL && block->references == 1)
        return block->data;
    struct chunk *own = chunk_create(chunks, FILE_BLOCK_BYTES);
    if (block == NULL) {
        memset(own->data, 0, FILE_BLOCK_BYTES);
    } else {
        memcpy(own->data, block->data, FILE_BLOCK_BYTES);
        chunk_release(chunks, block);
    }
    image->blocks[index] = own;
    return own->data;
}

void file_image_write(struct file_image *image, struct chunk_pool *chunks, uint64_t offset,
                      struct bytes bytes) {
    reserve(image, offset + bytes.size);
    for (uint64_t done = 0; done < bytes.size;) {
        uint64_t within = (offset + done) % FILE_BLOCK_BYTES;
        uint64_t size = FILE_BLOCK_BYTES - within;
        if (size > bytes.size - done)
            size = bytes.size - done;
        uint8_t *block = own_block(image, chunks, (size_t)((offset + done) / FILE_BLOCK_BYTES));
        memcpy(block + within, bytes.data + done, (size_t)size);
        done += size;
    }
    if (offset + bytes.size > image->length)
        image->length = offset + bytes.size;
}

void file_image_read(const struct file_image *image, uint64_t offset, uint8_t *to, uint64_t size) {
    CHECK(offset <= image->length && size <= image->length - offset);
    for (uint64_t done = 0; done < size;) {
        uint64_t within = (offset + done) % FILE_BLOCK_BYTES;
        uint64_t part = FILE_BLOCK_BYTES - within;
        if (part > size - done)
            part = size - done;
        const struct chunk *block = image->blocks[(offset + done) / FILE_BLOCK_BYTES];
        if (block == NULL)
            memset(to + done, 0, (size_t)part);
        else
            memcpy(to + done, block->data + within, (size_t)part);
        done += part;
    }
}

static void share_block(struct file_image *to, struct chunk_pool *chunks,
                        const struct file_image *from, size_t index) {
    struct chunk *shared = index < from->block_count ? from->blocks[index] : NULL;
    if (shared == to->blocks[index])
        return;
    if (to->blocks[index] != NULL)
        chunk_release(chunks, to->blocks[index]);
    to->blocks[index] = shared == NULL ? NULL : chunk_acquire(shared);
}

void file_image_copy(struct file_image *to, struct chunk_pool *chunks,
                     const struct file_image *from) {
    file_image_clear(to, chunks);
    reserve(to, from->length);
    size_t used = (size_t)((from->length + FILE_BLOCK_BYTES - 1) / FILE_BLOCK_BYTES);
    for (size_t i = 0; i < used; i++)
        share_block(to, chunks, from, i);
    to->length = from->length;
}

void file_image_copy_range(struct file_image *to, struct chunk_pool *chunks,
                           const struct file_image *from, uint64_t offset, uint64_t size) {
    CHECK(offset <= from->length && size <= from->length - offset);
    reserve(to, offset + size);
    for (uint64_t done = 0; done < size;) {
        uint64_t within = (offset + done) % FILE_BLOCK_BYTES;
        uint64_t part = FILE_BLOCK_BYTES - within;
        if (part > size - done)
            part = size - done;
        size_t index = (size_t)((offset + done) / FILE_BLOCK_BYTES);
        if (part == FILE_BLOCK_BYTES) {
            share_block(to, chunks, from, index);
        } else if (from->blocks[index] != to->blocks[index]) {
            uint8_t *block = own_block(to, chunks, index);
            if (from->blocks[index] == NULL)
                memset(block + within, 0, (size_t)part);
            else
                memcpy(block + within, from->blocks[index]->data + within, (size_t)part);
        }
        done += part;
    }
    if (offset + size > to->length)
        to->length = offset + size;
}

void file_image_set_length(struct file_image *image, struct chunk_pool *chunks, uint64_t length) {
    reserve(image, length);
    if (length < image->length) {
        size_t kept = (size_t)((length + FILE_BLOCK_BYTES - 1) / FILE_BLOCK_BYTES);
        for (size_t i = kept; i < image->block_count; i++) {
            if (image->blocks[i] != NULL)
                chunk_release(chunks, image->blocks[i]);
            image->blocks[i] = NULL;
        }
        size_t within = (size_t)(length % FILE_BLOCK_BYTES);
        if (within > 0 && image->blocks[kept - 1] != NULL)
            memset(own_block(image, chunks, kept - 1) + within, 0, FILE_BLOCK_BYTES - within);
    }
    image->length = length;
}

bool file_image_flip_bit(struct file_image *image, struct chunk_pool *chunks, uint64_t bit) {
    CHECK(bit / 8 < image->length);
    size_t index = (size_t)(bit / 8 / FILE_BLOCK_BYTES);
    if (image->blocks[index] == NULL)
        return false;
    own_block(image, chunks, index)[bit / 8 % FILE_BLOCK_BYTES] ^= (uint8_t)(1u << bit % 8);
    return true;
}
