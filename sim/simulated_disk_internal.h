/* simulated_disk_internal: what the parts of a simulated disk share. */
#ifndef DUNLIN_SIM_SIMULATED_DISK_INTERNAL_H
#define DUNLIN_SIM_SIMULATED_DISK_INTERNAL_H

#include "sim/simulated_disk.h"

uint32_t disk_sector_bytes(const struct simulated_disk *disk);
/* Takes an operation out of those under way, whether or not it happened. */
void disk_finish_operation(struct simulated_disk *disk, struct disk_operation *operation);
void disk_drop_snapshot(struct simulated_disk *disk);

/* Each performs one operation; what it answers is what the program would hear. */
enum disk_status disk_do_write(struct simulated_disk *disk, struct disk_operation *operation);
enum disk_status disk_do_allocate(struct simulated_disk *disk, struct disk_operation *operation);
enum disk_status disk_do_sync(struct simulated_disk *disk, const struct disk_operation *operation);
enum disk_status disk_do_rename(struct simulated_disk *disk,
                                const struct disk_operation *operation);
enum disk_status disk_do_link(struct simulated_disk *disk, const struct disk_operation *operation);
enum disk_status disk_do_remove(struct simulated_disk *disk,
                                const struct disk_operation *operation);
/* Writes whole sectors only: as many of the first ones as chance wants. */
void disk_write_in_part(struct simulated_disk *disk, struct disk_operation *operation,
                        struct prng *prng);

/* What has happened by itself until `at`: slow spells, and bits that flipped. */
void disk_pass_time(struct simulated_disk *disk, struct instant at);
/* The file must be there; false when the bit lies in a hole. bit / 8 < its durable length. */
bool disk_flip_bit(struct simulated_disk *disk, struct directory_entry *entry, uint64_t bit);
/* What a write that succeeded may have become instead. */
void disk_write_goes_astray(struct simulated_disk *disk, const struct disk_operation *operation);

#endif
