#include "engine/store/tallies.h"
#include "engine/base/memory.h"

enum { PAGE_BITMAP_SIZE = STORE_TALLIES_PER_PAGE / 8 };

static const uint8_t KEY_PREFIX[TALLIES_KEY_PREFIX_SIZE] = {0, 'T'};

void tallies_init(struct tallies *tallies, uint32_t tally_count) {
    CHECK(tally_count % STORE_TALLIES_PER_PAGE == 0);
    *tallies = (struct tallies){.page_count = tally_count / STORE_TALLIES_PER_PAGE};
}

void tallies_deinit(struct tallies *tallies) {
    for (uint32_t i = 0; tallies->pages != NULL && i < tallies->page_count; i++)
        memory_release(tallies->pages[i]);
    memory_release(tallies->pages);
    memory_release(tallies->dirty);
    *tallies = (struct tallies){0};
}

struct bytes tallies_key_prefix(void) {
    return bytes_of(KEY_PREFIX, sizeof KEY_PREFIX);
}

static struct tally_page *page_at(struct tallies *tallies, uint32_t number) {
    if (tallies->pages == NULL) {
        tallies->pages = memory_allocate_zeroed(tallies->page_count, sizeof *tallies->pages);
        tallies->dirty = memory_allocate_zeroed(tallies->page_count, sizeof *tallies->dirty);
    }
    if (tallies->pages[number] == NULL) {
        tallies->pages[number] = memory_allocate_zeroed(1, sizeof **tallies->pages);
    }
    return tallies->pages[number];
}

static void mark_dirty(struct tallies *tallies, uint32_t number) {
    struct tally_page *page = tallies->pages[number];
    if (page->dirty)
        return;
    page->dirty = true;
    tallies->dirty[tallies->dirty_count++] = number;
}

bool tallies_apply(struct tallies *tallies, const struct tally_change *change) {
    uint32_t number = change->tally / STORE_TALLIES_PER_PAGE;
    if (number >= tallies->page_count)
        return false;
    struct tally_page *page = page_at(tallies, number);
    uint32_t index = change->tally % STORE_TALLIES_PER_PAGE;
    page->digests[index] ^= change->digest;
    /* Unsigned, so that nonsense from a disk wraps instead of being undefined. */
    page->counts[index] = (int64_t)((uint64_t)page->counts[index] + (uint64_t)change->count);
    tallies->total = (int64_t)((uint64_t)tallies->total + (uint64_t)change->count);
    mark_dirty(tallies, number);
    return true;
}

bool tallies_reset(struct tallies *tallies, uint32_t number) {
    if (number >= tallies->page_count)
        return false;
    if (tallies->pages == NULL || tallies->pages[number] == NULL)
        return true;
    struct tally_page *page = tallies->pages[number];
    for (uint32_t i = 0; i < STORE_TALLIES_PER_PAGE; i++)
        tallies->total = (int64_t)((uint64_t)tallies->total - (uint64_t)page->counts[i]);
    memset(page->digests, 0, sizeof page->digests);
    memset(page->counts, 0, sizeof page->counts);
    mark_dirty(tallies, number);
    return true;
}

const uint64_t *tallies_digests(const struct tallies *tallies, uint32_t page) {
    CHECK(page < tallies->page_count);
    if (tallies->pages == NULL || tallies->pages[page] == NULL)
        return NULL;
    return tallies->pages[page]->digests;
}

int64_t tallies_count(const struct tallies *tallies, uint32_t tally) {
    uint32_t number = tally / STORE_TALLIES_PER_PAGE;
    CHECK(number < tallies->page_count);
    if (tallies->pages == NULL || tallies->pages[number] == NULL)
        return 0;
    return tallies->pages[number]->counts[tally % STORE_TALLIES_PER_PAGE];
}

static uint64_t zigzag(int64_t value) {
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t value) {
    return (int64_t)((value >> 1) ^ ((value & 1) != 0 ? UINT64_MAX : 0));
}

static void encode_page(const struct tally_page *page, struct buffer *to) {
    uint8_t bitmap[PAGE_BITMAP_SIZE] = {0};
    for (uint32_t i = 0; i < STORE_TALLIES_PER_PAGE; i++) {
        if (page->digests[i] != 0 || page->counts[i] != 0)
            bitmap[i / 8] |= (uint8_t)(1u << i % 8);
    }
    buffer_append(to, bytes_of(bitmap, sizeof bitmap));
    for (uint32_t i = 0; i < STORE_TALLIES_PER_PAGE; i++) {
        if ((bitmap[i / 8] & 1u << i % 8) == 0)
            continue;
        buffer_put_u64(to, page->digests[i]);
        buffer_put_varint(to, zigzag(page->counts[i]));
    }
}

void tallies_freeze(struct tallies *tallies, struct memtable *table) {
    struct buffer value = {0};
    for (uint32_t i = 0; i < tallies->dirty_count; i++) {
        uint32_t number = tallies->dirty[i];
        uint8_t key[TALLIES_KEY_SIZE] = {KEY_PREFIX[0],           KEY_PREFIX[1],
                                         (uint8_t)(number >> 24), (uint8_t)(number >> 16),
                                         (uint8_t)(number >> 8),  (uint8_t)number};
        buffer_clear(&value);
        encode_page(tallies->pages[number], &value);
        memtable_put(table, bytes_of(key, sizeof key), buffer_bytes(&value), false);
        tallies->pages[number]->dirty = false;
    }
    tallies->dirty_count = 0;
    buffer_deinit(&value);
}

static bool decode_page(struct bytes value, struct tally_page *page) {
    struct reader reader = reader_of(value);
    struct bytes bitmap = reader_take(&reader, PAGE_BITMAP_SIZE);
    if (reader.failed)
        return false;
    for (uint32_t i = 0; i < STORE_TALLIES_PER_PAGE; i++) {
        if ((bitmap.data[i / 8] & 1u << i % 8) == 0)
            continue;
        page->digests[i] = reader_u64(&reader);
        page->counts[i] = unzigzag(reader_varint(&reader));
    }
    return reader_finished(&reader);
}

bool tallies_load(struct tallies *tallies, struct bytes key, struct bytes value) {
    if (key.size != TALLIES_KEY_SIZE || !bytes_start_with(key, tallies_key_prefix()))
        return false;
    uint32_t number = (uint32_t)key.data[2] << 24 | (uint32_t)key.data[3] << 16 |
                      (uint32_t)key.data[4] << 8 | key.data[5];
    if (number >= tallies->page_count || tallies_digests(tallies, number) != NULL)
        return false;
    struct tally_page *page = page_at(tallies, number);
    if (!decode_page(value, page))
        return false;
    for (uint32_t i = 0; i < STORE_TALLIES_PER_PAGE; i++)
        tallies->total = (int64_t)((uint64_t)tallies->total + (uint64_t)page->counts[i]);
    return true;
}
