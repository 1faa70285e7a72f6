/* file_image: the bytes of one file, in blocks that images share until one of them writes.
 *
 *     blocks   [*]--->[4096 bytes]<--+
 *              [ ] a hole: zeros     |
 *              [*]--->[4096 bytes]   +---[*] another image of the same file, or a snapshot
 *
 * Bytes at and behind `length` are zero in every block, so that a file that grows over a gap reads
 * zeros there.
 */
#ifndef DUNLIN_SIM_FILE_IMAGE_H
#define DUNLIN_SIM_FILE_IMAGE_H

#include "sim/chunk.h"

enum { FILE_BLOCK_BYTES = 4096 };
#define FILE_LENGTH_MAX ((uint64_t)1 << 36)

/* The zero value is an empty file. */
struct file_image {
    struct chunk **blocks;
    size_t block_count;
    uint64_t length;
};

void file_image_clear(struct file_image *image, struct chunk_pool *chunks);
/* Grows the file when it must. offset + size <= FILE_LENGTH_MAX. */
void file_image_write(struct file_image *image, struct chunk_pool *chunks, uint64_t offset,
                      struct bytes bytes);
/* offset + size <= length. */
void file_image_read(const struct file_image *image, uint64_t offset, uint8_t *to, uint64_t size);
/* `to` becomes what `from` is. */
void file_image_copy(struct file_image *to, struct chunk_pool *chunks,
                     const struct file_image *from);
/* As file_image_write() of what `from` holds there, but whole blocks are shared. */
void file_image_copy_range(struct file_image *to, struct chunk_pool *chunks,
                           const struct file_image *from, uint64_t offset, uint64_t size);
/* Longer files are filled up with zeros. */
void file_image_set_length(struct file_image *image, struct chunk_pool *chunks, uint64_t length);
/* bit / 8 < length. A hole stays what it is: false. */
bool file_image_flip_bit(struct file_image *image, struct chunk_pool *chunks, uint64_t bit);

#endif
