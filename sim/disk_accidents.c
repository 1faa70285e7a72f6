/* What a disk does by itself and tells nobody: slow spells, bits that flip, writes that go astray.
 *
 * Spells and flips come at times of their own; they are caught up with when the disk is next asked
 * for something. */
#include "sim/random_stream.h"
#include "sim/simulated_disk_internal.h"

enum { CATCH_UP_MAX = 10000, FLIP_TRIES_MAX = 64 };

static void tell(const struct simulated_disk *disk, const struct disk_accident *accident) {
    const struct world_observer *observer = disk->timeline->observer;
    if (observer != NULL && observer->accident != NULL)
        observer->accident(observer->context, disk->timeline->now, disk->host, accident);
}

static struct instant later_by(struct instant at, const struct distribution *distribution,
                               struct prng *prng) {
    uint64_t delay = distribution_sample(distribution, prng);
    uint64_t least = TIMELINE_DELAY_MIN.nanoseconds, limit = (uint64_t)1 << 60;
    delay = delay < least ? least : delay;
    return instant_after(at, (struct duration){delay < limit ? delay : limit});
}

static void pass_spells(struct simulated_disk *disk, struct instant at) {
    const struct disk_settings *settings = &disk->settings;
    if (settings->slow_factor < 2) {
        disk->slow_from = disk->slow_until = (struct instant){0};
        return;
    }
    if (disk->slow_until.nanoseconds == 0)
        disk->slow_until = at;
    for (unsigned i = 0; i < CATCH_UP_MAX && !instant_before(at, disk->slow_until); i++) {
        disk->slow_from = later_by(disk->slow_until, &settings->slow_every, &disk->slow_stream);
        disk->slow_until = later_by(disk->slow_from, &settings->slow_lasting, &disk->slow_stream);
        disk->slow_is_told = false;
    }
    if (disk->slow_is_told || instant_before(at, disk->slow_from))
        return;
    disk->slow_is_told = true;
    tell(disk, &(struct disk_accident){.kind = ACCIDENT_SLOW});
}

static void pass_rot(struct simulated_disk *disk, struct instant at) {
    const struct distribution *every = &disk->settings.rot_every;
    if (distribution_is_zero(every)) {
        disk->rots_at = (struct instant){0};
        return;
    }
    if (disk->rots_at.nanoseconds == 0)
        disk->rots_at = later_by(at, every, &disk->rest_stream);
    for (unsigned i = 0; i < CATCH_UP_MAX && !instant_before(at, disk->rots_at); i++) {
        simulated_disk_rot(disk, UINT32_MAX, 1);
        disk->rots_at = later_by(disk->rots_at, every, &disk->rest_stream);
    }
}

void disk_pass_time(struct simulated_disk *disk, struct instant at) {
    pass_spells(disk, at);
    pass_rot(disk, at);
}

static bool is_of_kinds(const struct directory_entry *entry, uint32_t kinds) {
    return entry->current != NULL && (kinds >> entry->id.kind & 1) != 0;
}

/* Flips a bit of one file; false when there is a hole. */
bool disk_flip_bit(struct simulated_disk *disk, struct directory_entry *entry, uint64_t bit) {
    if (!simulated_file_flip_bit(entry->current, &disk->memory, bit))
        return false;
    tell(disk, &(struct disk_accident){
                   .kind = ACCIDENT_ROT, .file = entry->id, .offset = bit / 8, .size = 1});
    return true;
}

/* Flips the bit of this number when all files of these kinds lie one after another. */
static bool flip(struct simulated_disk *disk, uint32_t kinds, uint64_t bit) {
    for (struct directory_entry *entry = disk->directory.first; entry != NULL;
         entry = entry->next) {
        if (!is_of_kinds(entry, kinds))
            continue;
        uint64_t bits = entry->current->durable.length * 8;
        if (bit < bits)
            return disk_flip_bit(disk, entry, bit);
        bit -= bits;
    }
    return true;
}

void simulated_disk_rot(struct simulated_disk *disk, uint32_t kinds, uint32_t bits) {
    uint64_t bytes = 0;
    for (const struct directory_entry *entry = disk->directory.first; entry != NULL;
         entry = entry->next)
        bytes += is_of_kinds(entry, kinds) ? entry->current->durable.length : 0;
    for (uint32_t i = 0; i < bits && bytes > 0; i++) {
        bool flipped = false;
        for (unsigned tries = 0; !flipped && tries < FLIP_TRIES_MAX; tries++)
            flipped = flip(disk, kinds, prng_below_u64(&disk->rest_stream, bytes * 8));
    }
}

/* Any file with something on the disk; null when there is none. */
static struct directory_entry *draw_target(struct simulated_disk *disk, struct prng *prng) {
    uint64_t count = 0;
    for (const struct directory_entry *entry = disk->directory.first; entry != NULL;
         entry = entry->next)
        count += entry->current != NULL && entry->current->durable.length > 0;
    uint64_t drawn = count == 0 ? 0 : prng_below_u64(prng, count);
    for (struct directory_entry *entry = disk->directory.first; entry != NULL;
         entry = entry->next) {
        bool counts = entry->current != NULL && entry->current->durable.length > 0;
        if (counts && drawn-- == 0)
            return entry;
    }
    return NULL;
}

/* As far from the beginning of a sector as it should have been: disks mistake addresses of sectors. */
static void misdirect(struct simulated_disk *disk, const struct disk_operation *operation) {
    struct prng *prng = &disk->misdirected_write_stream;
    const struct directory_entry *target = draw_target(disk, prng);
    if (target == NULL)
        return;
    uint64_t sector = disk_sector_bytes(disk);
    uint64_t sectors = (target->current->durable.length + sector - 1) / sector;
    uint64_t at = prng_below_u64(prng, sectors) * sector + operation->offset % sector;
    if (target == operation->entry && at == operation->offset)
        return;
    tell(disk, &(struct disk_accident){.kind = ACCIDENT_MISDIRECTED,
                                       .file = operation->entry->id,
                                       .offset = operation->offset,
                                       .other = target->id,
                                       .other_offset = at,
                                       .size = operation->size});
    simulated_file_overwrite(target->current, &disk->memory, at,
                             bytes_of(operation->chunk->data, (size_t)operation->size));
}

void disk_write_goes_astray(struct simulated_disk *disk, const struct disk_operation *operation) {
    const struct disk_settings *settings = &disk->settings;
    bool lost = random_stream_strikes(&disk->lost_write_stream, settings->lost_write_per_million);
    bool misdirected = random_stream_strikes(&disk->misdirected_write_stream,
                                             settings->misdirected_write_per_million);
    if ((!lost && !misdirected) || operation->size == 0)
        return;
    struct prng *prng = lost ? &disk->lost_write_stream : &disk->misdirected_write_stream;
    simulated_file_lose_newest(operation->entry->current, prng_chance(prng, 1, 2));
    if (misdirected)
        misdirect(disk, operation);
    else
        tell(disk, &(struct disk_accident){.kind = ACCIDENT_LOST,
                                           .file = operation->entry->id,
                                           .offset = operation->offset,
                                           .size = operation->size});
}
