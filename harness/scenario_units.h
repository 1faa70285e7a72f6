/* scenario_units: turns the texts of a scenario file into units, and says where what is wrong stands.
 *
 *     loader_enter(loader, "cluster.store");
 *     loader_size(loader, "memtable", file->memtable, &config->memtable_bytes);      // null text: keeps the default
 *     loader_refuse(loader, "memtable", "is larger than the disk");                  // the first problem wins
 *
 * After a problem every further call does nothing, so callers look at `failed` once, at the end.
 */
#ifndef DUNLIN_HARNESS_SCENARIO_UNITS_H
#define DUNLIN_HARNESS_SCENARIO_UNITS_H

#include "harness/scenario.h"
#include "harness/scenario_file.h"

enum { LOADER_BASE_MAX = 160 };

struct loader {
    struct scenario *scenario;
    struct bytes text;
    const char *path;
    struct buffer *problem;
    bool failed;
    char base[LOADER_BASE_MAX]; /* the path of the mapping that is being read */
};

__attribute__((format(printf, 2, 3))) void loader_enter(struct loader *loader, const char *format,
                                                        ...);
__attribute__((format(printf, 3, 4))) void loader_refuse(struct loader *loader, const char *key,
                                                         const char *format, ...);

void loader_duration(struct loader *loader, const char *key, const char *text, struct duration *to);
void loader_size(struct loader *loader, const char *key, const char *text, uint64_t *to);
/* "1/1000", or a plain number per million. */
void loader_chance(struct loader *loader, const char *key, const char *text, uint32_t *per_million);
/* "5s" or "5s..9s". */
void loader_duration_range(struct loader *loader, const char *key, const char *text,
                           struct value_range *to);
void loader_size_range(struct loader *loader, const char *key, const char *text,
                       struct value_range *to);
/* "-250ms": milliseconds. */
void loader_offset(struct loader *loader, const char *key, const char *text, int64_t *milliseconds);
void loader_offset_range(struct loader *loader, const char *key, const char *text,
                         struct value_range *milliseconds);
void loader_number(struct loader *loader, const char *key, const uint32_t *number, uint32_t low,
                   uint32_t high, uint32_t *to);
void loader_byte(struct loader *loader, const char *key, const uint32_t *number, uint32_t low,
                 uint32_t high, uint8_t *to);
/* The index of the text among `names` (null-terminated), or `otherwise` when it was left out. */
unsigned loader_choice(struct loader *loader, const char *key, const char *text,
                       const char *const *names, unsigned otherwise);
void loader_distribution(struct loader *loader, const char *key,
                         const struct distribution_file *file, struct distribution *to);
void loader_link(struct loader *loader, const char *key, const struct link_file *file,
                 struct link_settings *to);
void loader_disk(struct loader *loader, const char *key, const struct disk_file *file,
                 struct disk_settings *to);
void loader_clock(struct loader *loader, const char *key, const struct clock_file *file,
                  struct clock_settings *to);
/* The text names hosts of this scenario. Nodes and clients must have been read before. */
void loader_name_set(struct loader *loader, const char *key, const char *text);

/* The parts of a file, each in its own source. */
void scenario_load_cluster(struct loader *loader, const struct scenario_file *file);
void scenario_load_network(struct loader *loader, const struct scenario_file *file);
void scenario_load_clients(struct loader *loader, const struct scenario_file *file);
void scenario_load_faults(struct loader *loader, const struct scenario_file *file);
void scenario_load_expectations(struct loader *loader, const struct scenario_file *file);

#endif
