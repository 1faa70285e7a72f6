/* Starts a store on a directory that comes from anywhere, reads all of it and closes it.
 *
 *     byte 0          bit 0: recover strictly, or salvage what can be had; bits 1 and 2: the time of day
 *     then, a file:   kind (0 log, 1 table, 2 manifest; 3: a change of the sound directory instead), number, size as two
 *                     bytes, and the bytes
 *     a change:       which file, offset as two bytes, and a byte that is XORed there
 *
 * Changes are made to the files of a small sound store, their checksums as they fall; so both what passes the checksums and
 * what does not is reached. Whatever happens, the store answers, and no call goes on for ever.
 */
#include "engine/store/store.h"
#include "tests/store/support/memory_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOON = 1000000 };
static const uint64_t WALLS[] = {0, NOON - 1, NOON + 30, UINT64_MAX};

enum { STEPS_MAX = 20000, ENTRIES = 60, KINDS = 4, READS_MAX = 300 };

static struct memory_disk sound, disk;
static struct effects effects;
static struct instant now;

static struct store_config tiny_config(bool salvages) {
    struct store_config config = store_config_default();
    config.sync = STORE_SYNC_ALWAYS;
    config.memtable_bytes = 1024;
    config.table_bytes = 1024;
    config.block_bytes = 128;
    config.cache_bytes = 4096;
    config.log_segment_bytes = 1000;
    config.partition_above = 64;
    config.tally_count = STORE_TALLIES_PER_PAGE;
    config.salvages = salvages;
    return config;
}

/* One operation of the disk, or time passes. False when all is quiet. */
static bool step(struct store *store) {
    struct disk_done done;
    now.nanoseconds += 1000;
    bool performed = memory_disk_perform(&disk, &done);
    /* What waits for entries to expire waits for ever: the time of day stands still. */
    struct instant deadline = store_work_deadline(store);
    CHECK(!instant_before(deadline, store_deadline(store)));
    if (!performed && deadline.nanoseconds == UINT64_MAX)
        return false;
    if (performed)
        (void)store_on_disk(store, &done, now, &effects);
    else if (instant_before(now, deadline))
        now = deadline;
    store_pump(store, now, &effects);
    memory_disk_take(&disk, &effects);
    effects_clear(&effects);
    return true;
}

static struct store *start(bool salvages, uint64_t wall) {
    struct store_config config = tiny_config(salvages);
    struct store *store = store_create(&config);
    store_set_wall(store, (struct wall_time){wall});
    store_start(store, now, &effects);
    memory_disk_take(&disk, &effects);
    effects_clear(&effects);
    uint32_t steps = 0;
    while (store_phase(store) == STORE_PHASE_RECOVERING) {
        bool goes_on = step(store);
        CHECK(goes_on && ++steps < STEPS_MAX);
    }
    return store;
}

static void close_store(struct store *store) {
    if (store_phase(store) == STORE_PHASE_SERVING)
        store_close(store, now, &effects);
    for (uint32_t steps = 0; !store_is_closed(store) && step(store); steps++) {
        if (store_phase(store) == STORE_PHASE_FAILED)
            break;
        CHECK(steps < STEPS_MAX);
    }
    store_destroy(store);
    disk.queued = 0;
    effects_clear(&effects);
}

/* Some entries in tables, some in the log. */
static void make_sound(void) {
    memory_disk_init(&disk, 1);
    struct store *store = start(false, 0);
    for (uint8_t i = 0; i < ENTRIES; i++) {
        uint8_t key[] = {'k', (uint8_t)('a' + i % 20), (uint8_t)('a' + i % 3)};
        struct store_batch batch = {.count = 1,
                                    .entries = {{.key = bytes_of(key, sizeof key),
                                                 .value = bytes_of_text("value value value value"),
                                                 .removed = false}},
                                    .has_tally = i % 3 != 0,
                                    .tally = {.tally = i, .digest = i, .count = 1}};
        if (!batch.has_tally)
            batch.entries[0].expires.milliseconds = NOON + i;
        uint64_t sequence;
        while (store_write(store, &batch, now, &sequence) == STORE_BUSY)
            (void)step(store);
        (void)step(store);
        (void)step(store);
    }
    while (step(store))
        ;
    store_destroy(store);
    memory_disk_init(&sound, 1);
    memory_disk_clone(&sound, &disk);
}

static void add_file(struct reader *reader, uint8_t kind) {
    struct file_id file = {.kind = (enum file_kind)(FILE_LOG + kind), .number = reader_u8(reader)};
    uint16_t size = reader_u16(reader);
    struct bytes bytes = reader_take(reader, size < reader->left ? size : reader->left);
    struct effects made = {0};
    effects_write(&made, 0, file, 0, bytes);
    memory_disk_take(&disk, &made);
    effects_deinit(&made);
    struct disk_done done;
    (void)memory_disk_perform(&disk, &done);
}

static void change_file(struct reader *reader) {
    if (disk.file_count == 0)
        return;
    struct buffer *bytes = &disk.files[reader_u8(reader) % disk.file_count].content->current;
    uint16_t at = reader_u16(reader);
    uint8_t with = reader_u8(reader);
    if (at < bytes->size)
        bytes->data[at] ^= with;
    else if (bytes->size > 0)
        bytes->size -= with % bytes->size;
}

static void read_all(struct store *store) {
    struct buffer from = {0};
    for (uint32_t reads = 0; reads < READS_MAX; reads++) {
        struct store_entry entry;
        enum store_status status = store_scan(store, (struct bytes){0}, buffer_bytes(&from),
                                              from.size > 0, 5, &entry, &effects);
        memory_disk_take(&disk, &effects);
        effects_clear(&effects);
        if (status == STORE_OK) {
            CHECK(from.size == 0 || bytes_compare(buffer_bytes(&from), entry.key) < 0);
            buffer_clear(&from);
            buffer_append(&from, entry.key);
        } else if (status != STORE_NEED_BLOCK && status != STORE_BUSY) {
            break;
        } else if (!step(store)) {
            break;
        }
    }
    buffer_deinit(&from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    if (sound.file_count == 0)
        make_sound();
    struct reader reader = reader_of(bytes_of(data, size));
    uint8_t how = reader_u8(&reader);
    bool salvages = (how & 1) != 0;
    memory_disk_clone(&disk, &sound);
    bool replaced = false;
    while (reader.left > 0 && !reader.failed) {
        uint8_t kind = reader_u8(&reader) % KINDS;
        if (kind == 3) {
            change_file(&reader);
            continue;
        }
        if (!replaced)
            memory_disk_forget(&disk);
        replaced = true;
        add_file(&reader, kind);
    }
    struct store *store = start(salvages, WALLS[how >> 1 & 3]);
    CHECK((store_phase(store) == STORE_PHASE_FAILED) == (store_failure(store).size > 0));
    if (store_phase(store) == STORE_PHASE_SERVING)
        read_all(store);
    close_store(store);
    return 0;
}
