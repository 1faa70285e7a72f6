/* How a scenario says how long things take. */
#include "harness/scenario_units.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHAPE_MAX = 100000, WEIGHT_MAX = 1000000 };

static const char *const KINDS[] = {"constant", "uniform", "exponential", "pareto",
                                    "mixture",  "samples", NULL};

/* Zeros that live as long as the scenario. */
static void *keep(struct scenario *scenario, size_t count, size_t size) {
    void **kept = realloc(scenario->kept, (scenario->kept_count + 1) * sizeof *kept);
    void *made = calloc(count, size);
    CHECK(kept != NULL && made != NULL);
    scenario->kept = kept;
    kept[scenario->kept_count++] = made;
    return made;
}

/* What a distribution of one formula lacks; null when nothing. */
static const char *missing(const struct distribution_file *file, enum distribution_kind kind,
                           uint64_t low, uint64_t mean) {
    switch (kind) {
    case DISTRIBUTION_CONSTANT:
        return file->low == NULL ? "a constant distribution needs low" : NULL;
    case DISTRIBUTION_UNIFORM:
        return file->high == NULL ? "a uniform distribution needs high" : NULL;
    case DISTRIBUTION_EXPONENTIAL:
        return mean == 0 ? "an exponential distribution needs mean" : NULL;
    case DISTRIBUTION_PARETO:
        return low == 0 ? "a pareto distribution needs low" : NULL;
    case DISTRIBUTION_MIXTURE:
        return file->parts_count == 0 ? "a mixture needs parts" : NULL;
    case DISTRIBUTION_SAMPLES:
        return file->samples_count == 0 ? "recorded samples need samples" : NULL;
    }
    return NULL;
}

static void refuse_strays(struct loader *loader, const char *key,
                          const struct distribution_file *file, enum distribution_kind kind) {
    bool has_formula = file->low != NULL || file->high != NULL || file->mean != NULL ||
                       file->shape_hundredths != NULL;
    bool is_formula = kind != DISTRIBUTION_MIXTURE && kind != DISTRIBUTION_SAMPLES;
    if (has_formula && !is_formula)
        loader_refuse(loader, key, "low, high, mean and shape_hundredths do not go with kind: %s",
                      KINDS[kind]);
    if (file->parts_count > 0 && kind != DISTRIBUTION_MIXTURE)
        loader_refuse(loader, key, "parts do not go with kind: %s", KINDS[kind]);
    if (file->samples_count > 0 && kind != DISTRIBUTION_SAMPLES)
        loader_refuse(loader, key, "samples do not go with kind: %s", KINDS[kind]);
}

static enum distribution_kind kind_of(struct loader *loader, const char *key,
                                      const struct distribution_file *file) {
    char path[128];
    snprintf(path, sizeof path, "%.100s.kind", key);
    enum distribution_kind otherwise = file->parts_count > 0     ? DISTRIBUTION_MIXTURE
                                       : file->samples_count > 0 ? DISTRIBUTION_SAMPLES
                                       : file->high != NULL      ? DISTRIBUTION_UNIFORM
                                                                 : DISTRIBUTION_CONSTANT;
    return (enum distribution_kind)loader_choice(loader, path, file->kind, KINDS, otherwise);
}

static void load_samples(struct loader *loader, const char *key,
                         const struct distribution_file *file, struct distribution *to) {
    uint64_t *samples = keep(loader->scenario, file->samples_count, sizeof *samples);
    for (uint32_t i = 0; i < file->samples_count; i++) {
        char path[128];
        struct duration sample = {0};
        snprintf(path, sizeof path, "%.100s.samples[%u]", key, i);
        loader_duration(loader, path, file->samples[i], &sample);
        samples[i] = sample.nanoseconds;
    }
    to->samples = samples;
    to->count = file->samples_count;
}

/* Everything but a mixture. */
static struct distribution load_plain(struct loader *loader, const char *key,
                                      const struct distribution_file *file,
                                      enum distribution_kind kind) {
    char path[128];
#define AT(name) (snprintf(path, sizeof path, "%.90s." name, key), path)
    struct duration low = {0}, high = {0}, mean = {0};
    struct distribution made = {.kind = kind, .shape_hundredths = 200};
    loader_duration(loader, AT("low"), file->low, &low);
    loader_duration(loader, AT("high"), file->high, &high);
    loader_duration(loader, AT("mean"), file->mean, &mean);
    loader_number(loader, AT("shape_hundredths"), file->shape_hundredths, 1, SHAPE_MAX,
                  &made.shape_hundredths);
    if (file->high != NULL && high.nanoseconds < low.nanoseconds)
        loader_refuse(loader, AT("high"), "is below low");
#undef AT
    made.low = low.nanoseconds;
    made.high = high.nanoseconds;
    made.mean = mean.nanoseconds;
    refuse_strays(loader, key, file, kind);
    const char *lack = missing(file, kind, made.low, made.mean);
    if (lack != NULL)
        loader_refuse(loader, key, "%s", lack);
    if (kind == DISTRIBUTION_SAMPLES)
        load_samples(loader, key, file, &made);
    return made;
}

static struct distribution_part load_part(struct loader *loader, const char *key,
                                          const struct distribution_file *file) {
    char path[128];
    struct distribution_part part = {.weight = 1};
    snprintf(path, sizeof path, "%.100s.weight", key);
    loader_number(loader, path, file->weight, 1, WEIGHT_MAX, &part.weight);
    enum distribution_kind kind = kind_of(loader, key, file);
    if (kind == DISTRIBUTION_MIXTURE)
        loader_refuse(loader, key, "a part of a mixture is no mixture itself");
    part.distribution = load_plain(loader, key, file, kind);
    return part;
}

void loader_distribution(struct loader *loader, const char *key,
                         const struct distribution_file *file, struct distribution *to) {
    if (file == NULL)
        return;
    enum distribution_kind kind = kind_of(loader, key, file);
    struct distribution made = load_plain(loader, key, file, kind);
    if (kind == DISTRIBUTION_MIXTURE && !loader->failed) {
        struct distribution_part *parts = keep(loader->scenario, file->parts_count, sizeof *parts);
        for (uint32_t i = 0; i < file->parts_count; i++) {
            char path[128];
            snprintf(path, sizeof path, "%.80s.parts[%u]", key, i);
            parts[i] = load_part(loader, path, &file->parts[i]);
        }
        made.parts = parts;
        made.count = file->parts_count;
    }
    *to = made;
}
