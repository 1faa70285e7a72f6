/* table: a sorted, immutable file of entries, in blocks with checksums.
 *
 *     +---------+---------+-----+----------+---------+----------+---------+-----+-----------------+------------+--------+
 *     | block 0 | block 1 | ... | filter 0 | index 0 | filter 1 | index 1 | ... | top-level index | properties | footer |
 *     +---------+---------+-----+----------+---------+----------+---------+-----+-----------------+------------+--------+
 *     every block: contents, then type u8 (0 plain, 1 LZ4, 2 Zstandard), checksum u32 over contents and type
 *     (byte-exact description: docs/formats/table.md)
 *
 * Index and filter are cut into partitions, each for a run of data blocks. Those of a small table stay in memory while it
 * is open, as long as the budget allows. Of a large table only the top-level index stays; partitions are fetched like blocks.
 *
 * The builder is fed entries in ascending key order and grows a buffer that the caller writes out
 * and drains as it likes; nothing it makes depends on how often. The reader is given the footer
 * and what lies before it as bytes, and after that only says which block to look into: fetching
 * blocks is the caller's business (NEED_BLOCK).
 *
 *     struct table_builder *builder = table_builder_create(&options);
 *     table_builder_add(builder, key, value, removed);       // ascending
 *     output = table_builder_output(builder, &offset);       // write it there, then
 *     table_builder_drained(builder, output.size);
 *     table_builder_finish(builder);                         // adds partitions, top-level index, properties, footer
 *
 *     while (table_find_block(table, &window, key, &position, &handle) == TABLE_NEEDS_INDEX)
 *         -> fetch the handle's bytes, table_block_unpack(), table_window_set(&window, table, &handle, contents)
 *     -> fetch the handle's bytes, table_block_unpack(), block_cursor_open(), block_cursor_seek()
 */
#ifndef DUNLIN_STORE_TABLE_H
#define DUNLIN_STORE_TABLE_H

#include "engine/store/block_codec.h"
#include "engine/store/expiries.h"
#include "engine/store/removed_ranges.h"

enum block_kind { BLOCK_DATA, BLOCK_INDEX, BLOCK_FILTER };

/* Where a block lies in its file, with its type byte and checksum. */
struct block_handle {
    uint64_t offset;
    uint64_t size;     /* contents + 5 */
    uint32_t checksum; /* as the index above it says: see table_block_unpack() */
    enum block_kind kind;
};

enum { BLOCK_TRAILER_SIZE = 5, TABLE_FOOTER_SIZE = 64 };
/* An entry keeps its whole key once so many entries or bytes lie behind the last that does: a lookup walks no further. */
enum { BLOCK_RESTART_INTERVAL = 16, BLOCK_RESTART_BYTES = 512 };
/* What one entry and one block may hold; a reader refuses more. */
/* Index and filter of a table that together take more are cut into partitions of about so many bytes; all partitions together
 * stay in memory only when they take no more than TABLE_RESIDENT_MAX. */
enum {
    TABLE_PARTITION_ABOVE = 16 * 1024,
    TABLE_PARTITION_BYTES = 8 * 1024,
    TABLE_RESIDENT_MAX = 256 * 1024,
};
enum { TABLE_KEY_MAX = 65535, TABLE_VALUE_MAX = 64 << 20, BLOCK_CONTENTS_MAX = 256 << 20 };

enum table_status { TABLE_OK, TABLE_CORRUPT, TABLE_TOO_NEW /* a later format version */ };

struct table_options {
    uint64_t block_bytes;
    uint32_t filter_bits_per_key;
    enum block_compression compression; /* of blocks that it makes smaller */
    struct table_context *context;      /* borrowed; null: the builder has one of its own */
    uint64_t number;          /* of the file: tells the order in which tables were made; 0: none */
    uint64_t partition_above; /* TABLE_PARTITION_ABOVE, unless tests want it smaller; 0: the same */
};

/* What all tables of a store share. `pinned_bytes` is what the open ones keep in memory; a table that would lift it above
 * `pinned_bytes_max` keeps only its top-level index. The zero value pins nothing but that. */
struct table_context {
    struct block_codec codec;
    uint64_t pinned_bytes, pinned_bytes_max;
};

struct table_properties {
    uint64_t entry_count;
    uint64_t removed_count;
    uint64_t expiring_count;
    uint64_t key_bytes, value_bytes; /* before compression */
    uint64_t block_count;
    uint64_t file_size;
    uint64_t range_count; /* removed ranges */
    uint64_t number;      /* of the file, as it was told to the builder */
    uint32_t format_version;
    enum block_compression compression; /* that was wanted */
};

/* --- writing
 * ------------------------------------------------------------------------------------------------------
 */

struct table_builder;
struct table_builder *table_builder_create(const struct table_options *options);
void table_builder_destroy(struct table_builder *builder);
/* key > every key before. */
void table_builder_add(struct table_builder *builder, struct bytes key, struct bytes value,
                       bool removed);
/* The same for a value that expires; `expires` is not 0. */
void table_builder_add_expiring(struct table_builder *builder, struct bytes key, struct bytes value,
                                struct wall_time expires);
/* Ranges that are gone from everything older than this table; at any time before the finish, once. */
void table_builder_remove(struct table_builder *builder, const struct removed_ranges *ranges);
/* Bytes ready to be written, at this offset of the file. */
struct bytes table_builder_output(const struct table_builder *builder, uint64_t *offset);
/* The first `size` of them have been handed on. */
void table_builder_drained(struct table_builder *builder, size_t size);
/* How large the file would be if finished now, roughly. */
uint64_t table_builder_size(const struct table_builder *builder);
void table_builder_finish(struct table_builder *builder);
/* After finish: what entries and ranges cover. The bounds are borrowed from the builder. */
struct table_summary {
    struct table_properties properties;
    struct bytes smallest, largest;
    bool largest_excluded; /* the range that ends there does not cover it, and no entry has it */
};
struct table_summary table_builder_summary(const struct table_builder *builder);

/* --- reading
 * ------------------------------------------------------------------------------------------------------
 */

/* An open table: its top-level index and properties, and what else of its metadata stays in memory. */
struct table;
/* First read the last TABLE_FOOTER_SIZE bytes of the file; they tell where the metadata lies that a table is opened with:
 * top-level index and properties, and before them the partitions, unless they are too large to stay. */
MUST_USE enum table_status table_footer_decode(struct bytes footer, uint64_t file_size,
                                               struct block_handle *metadata);
/* Then open with that run of bytes. Copies what it keeps, and borrows the context for as long as it is open. Null with a
 * status on corrupt bytes. */
struct table *table_open(struct bytes footer, struct bytes metadata, struct table_context *context,
                         enum table_status *status);
void table_close(struct table *table);
const struct table_properties *table_properties(const struct table *table);
const struct removed_ranges *table_ranges(const struct table *table);
/* When its entries expire. */
const struct expiries *table_expiries(const struct table *table);
size_t table_memory(const struct table *table); /* bytes */
uint32_t table_partition_count(const struct table *table);
/* Where data blocks end and partitions begin. */
uint64_t table_data_end(const struct table *table);
/* True when index and filter are in memory: nothing needs to be fetched to find a block. */
bool table_is_resident(const struct table *table);

/* The partition that a key belongs to, table_partition_count() when it is behind all of them. Asks the processor for what the
 * filter will look at, when that is in memory: whoever asks several tables locates the key in all of them first. */
uint32_t table_locate(const struct table *table, struct bytes key, uint64_t hash);
/* The filter of the partition that covers the key. TABLE_FILTER_FETCH: it is not in memory; fetch the handle's contents and
 * ask table_filter_passes(). `hash` is hash64(key). */
enum table_filter { TABLE_FILTER_PASSES, TABLE_FILTER_EXCLUDES, TABLE_FILTER_FETCH };
enum table_filter table_may_contain(const struct table *table, struct bytes key, uint64_t hash,
                                    struct block_handle *handle);
enum table_filter table_partition_may_contain(const struct table *table, uint32_t partition,
                                              uint64_t hash, struct block_handle *handle);
bool table_filter_passes(struct bytes contents, uint64_t hash);

/* The partition of the index that its holder looks into, when the table keeps none in memory. The zero value is empty. */
struct table_window {
    const struct table *table;
    uint32_t partition;
    struct bytes index; /* borrowed: contents as table_block_unpack() gave them */
};
void table_window_set(struct table_window *window, const struct table *table,
                      const struct block_handle *handle, struct bytes contents);

enum table_answer {
    TABLE_HAS_BLOCK,
    TABLE_NO_BLOCK,    /* past the last */
    TABLE_NEEDS_INDEX, /* the handle is that of a partition: put it into the window and ask again */
};
/* The only block that can hold `key`. `position` numbers the
 * block. Index keys are shortened, so `key` may lie in the gap behind the block's last entry: a
 * scan whose seek ends without a valid entry goes on with the first entry of block `position + 1`.
 */
enum table_answer table_find_block(const struct table *table, const struct table_window *window,
                                   struct bytes key, uint32_t *position,
                                   struct block_handle *handle);
/* The same where table_locate() has told the partition. */
enum table_answer table_find_block_in(const struct table *table, const struct table_window *window,
                                      struct bytes key, uint32_t partition, uint32_t *position,
                                      struct block_handle *handle);
/* Blocks in order, for scans. */
enum table_answer table_block_at(const struct table *table, const struct table_window *window,
                                 uint32_t position, struct block_handle *handle);

/* The positions of the partition whose index lies at `handle`: from begin on, below end. */
uint32_t table_partition_begin(const struct table *table, const struct block_handle *handle);
uint32_t table_partition_end(const struct table *table, const struct block_handle *handle);
/* The index partition that has the data block at this offset; false when it is in memory. */
bool table_index_of(const struct table *table, uint64_t offset, struct block_handle *handle);
/* The keys that the block at this offset can hold, or tell of, are greater than `before` (empty: any) and at most `last`.
 * Where the index of a data block is not at hand, that is said of its whole partition. */
void table_block_range(const struct table *table, const struct table_window *window,
                       uint64_t offset, struct bytes *before, struct bytes *last);

/* Verifies the checksum of a block as it was read from the file and appends the plain contents to
 * `contents`. */
MUST_USE enum table_status block_unpack(struct block_codec *codec, struct bytes raw,
                                        struct buffer *contents);
/* The same for a block of an open table, and `raw` must be the very block that the index names: a sound block
 * that a disk wrote to the wrong place, or kept from an older life of the file, is corrupt too. The contents of a partition
 * of the index come in the shape of table_index.h, those of a filter partition checked. */
MUST_USE enum table_status table_block_unpack(const struct table *table,
                                              const struct block_handle *handle, struct bytes raw,
                                              struct buffer *contents);

/* A cursor over the plain contents of a data block. key is rebuilt in `key_buffer`, value borrowed
 * from the contents. */
struct block_cursor {
    struct bytes contents;
    uint32_t restarts_at; /* offset of the restart array */
    uint32_t restart_count;
    uint32_t at;      /* offset of the present entry */
    uint32_t next_at; /* offset of the next entry */
    struct buffer key_buffer;
    struct bytes key;
    struct bytes value;
    struct wall_time expires; /* 0: never */
    bool removed;
    bool valid;
    bool corrupt;
};
/* The cursor is zero before its first open; opening it again keeps its key buffer. `corrupt` must be looked at whenever
 * `valid` is false: it tells a block that breaks its own format from one that ends. */
MUST_USE enum table_status block_cursor_open(struct block_cursor *cursor, struct bytes contents);
void block_cursor_deinit(struct block_cursor *cursor);
/* To the first entry >= key (valid = false when there is none), or to the first of all, or to the
 * next. */
void block_cursor_seek(struct block_cursor *cursor, struct bytes key);
void block_cursor_first(struct block_cursor *cursor);
void block_cursor_next(struct block_cursor *cursor);
/* To the last entry < key, or to the last of all, or to the one before. */
void block_cursor_seek_below(struct block_cursor *cursor, struct bytes key);
void block_cursor_last(struct block_cursor *cursor);
void block_cursor_previous(struct block_cursor *cursor);

#endif
