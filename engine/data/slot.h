/* slot: where a key falls, as Redis Cluster clients compute it.
 *
 *     key "cart:{user17}:items"  --hash tag-->  "user17"  --CRC16 mod 16384-->  slot
 *     slot  --/ (16384 / Q)-->  partition
 *
 * The tag is what stands between the first '{' and the first '}' after it, when that is not empty;
 * otherwise the whole key counts. CRC16 is CCITT/XMODEM: polynomial 0x1021, initial value 0 (Redis
 * Cluster specification, "Keys hash tags").
 */
#ifndef DUNLIN_DATA_SLOT_H
#define DUNLIN_DATA_SLOT_H

#include "engine/base/bytes.h"

enum { SLOT_COUNT = 16384 };

uint16_t slot_crc16(struct bytes bytes);
/* 0 to SLOT_COUNT - 1. */
uint16_t slot_of_key(struct bytes key);
/* partition_count is a power of two from 1 to SLOT_COUNT. */
uint16_t partition_of_slot(uint16_t slot, uint32_t partition_count);
/* The first slot of a partition. */
uint16_t slot_of_partition(uint16_t partition, uint32_t partition_count);

#endif
