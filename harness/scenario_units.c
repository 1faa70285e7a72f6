#include "harness/scenario_units.h"

#include "engine/base/quantity.h"
#include "engine/base/text.h"
#include "harness/name_set.h"
#include "harness/scenario_marks.h"

#include <stdarg.h>
#include <stdio.h>

enum { MILLION = 1000000 };

void loader_enter(struct loader *loader, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(loader->base, sizeof loader->base, format, arguments);
    va_end(arguments);
}

void loader_refuse(struct loader *loader, const char *key, const char *format, ...) {
    if (loader->failed)
        return;
    loader->failed = true;
    char path[LOADER_BASE_MAX + 128], why[512];
    snprintf(path, sizeof path, "%s%s%s", loader->base,
             loader->base[0] != 0 && key[0] != 0 ? "." : "", key);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    text_append(loader->problem, loader->path);
    text_append(loader->problem, ":");
    text_append_u64(loader->problem, scenario_line_of(loader->text, path));
    text_append(loader->problem, ": ");
    text_append(loader->problem, path);
    text_append(loader->problem, ": ");
    text_append(loader->problem, why);
}

static void refuse_text(struct loader *loader, const char *key, const char *text,
                        const char *what) {
    loader_refuse(loader, key, "'%.80s' is not %s", text, what);
}

static const char DURATION_WHAT[] = "a duration: write for instance 250us, 20ms, 1.5s, 2m";
static const char SIZE_WHAT[] = "a size: write for instance 512, 64KiB, 1MiB";

void loader_duration(struct loader *loader, const char *key, const char *text,
                     struct duration *to) {
    if (text != NULL && !quantity_parse_duration(bytes_of_text(text), to))
        refuse_text(loader, key, text, DURATION_WHAT);
}

void loader_size(struct loader *loader, const char *key, const char *text, uint64_t *to) {
    if (text != NULL && !quantity_parse_size(bytes_of_text(text), to))
        refuse_text(loader, key, text, SIZE_WHAT);
}

void loader_chance(struct loader *loader, const char *key, const char *text,
                   uint32_t *per_million) {
    if (text == NULL)
        return;
    size_t slash = strcspn(text, "/");
    uint64_t part, whole = MILLION;
    bool good = text_parse_u64(bytes_of(text, slash), &part);
    if (text[slash] == '/')
        good = good && text_parse_u64(bytes_of_text(text + slash + 1), &whole);
    if (!good || whole == 0 || part > whole || part > UINT32_MAX) {
        refuse_text(loader, key, text,
                    "a chance from 0 to 1: write for instance 1/1000, or 500 (per million)");
        return;
    }
    *per_million = (uint32_t)(part * MILLION / whole);
}

/* Cuts "a..b" into its ends; one value is both. */
static void split_range(const char *text, struct bytes *low, struct bytes *high) {
    const char *dots = strstr(text, "..");
    *low = dots == NULL ? bytes_of_text(text) : bytes_of(text, (size_t)(dots - text));
    *high = dots == NULL ? *low : bytes_of_text(dots + 2);
}

void loader_duration_range(struct loader *loader, const char *key, const char *text,
                           struct value_range *to) {
    if (text == NULL)
        return;
    struct bytes low, high;
    struct duration from, until;
    split_range(text, &low, &high);
    if (!quantity_parse_duration(low, &from) || !quantity_parse_duration(high, &until))
        refuse_text(loader, key, text,
                    "a duration or a range of them: write for instance 5s or 5s..9s");
    else if (from.nanoseconds > until.nanoseconds)
        loader_refuse(loader, key, "'%.80s' ends before it begins", text);
    else
        *to = (struct value_range){from.nanoseconds, until.nanoseconds};
}

void loader_size_range(struct loader *loader, const char *key, const char *text,
                       struct value_range *to) {
    if (text == NULL)
        return;
    struct bytes low, high;
    uint64_t from, until;
    split_range(text, &low, &high);
    if (!quantity_parse_size(low, &from) || !quantity_parse_size(high, &until))
        refuse_text(loader, key, text,
                    "a size or a range of them: write for instance 100 or 16..4KiB");
    else if (from > until)
        loader_refuse(loader, key, "'%.80s' ends before it begins", text);
    else
        *to = (struct value_range){from, until};
}

static bool parse_offset(struct bytes text, int64_t *milliseconds) {
    struct duration size;
    bool negative = text.size > 0 && text.data[0] == '-';
    if (!quantity_parse_duration(negative ? bytes_slice(text, 1, text.size - 1) : text, &size))
        return false;
    int64_t value = (int64_t)(size.nanoseconds / MILLION);
    *milliseconds = negative ? -value : value;
    return true;
}

void loader_offset(struct loader *loader, const char *key, const char *text,
                   int64_t *milliseconds) {
    if (text != NULL && !parse_offset(bytes_of_text(text), milliseconds))
        refuse_text(loader, key, text, "an offset: write for instance 5s or -250ms");
}

void loader_offset_range(struct loader *loader, const char *key, const char *text,
                         struct value_range *milliseconds) {
    if (text == NULL)
        return;
    struct bytes low, high;
    int64_t from, until;
    split_range(text, &low, &high);
    if (!parse_offset(low, &from) || !parse_offset(high, &until))
        refuse_text(loader, key, text,
                    "an offset or a range of them: write for instance -5s or -5s..5s");
    else if (from > until)
        loader_refuse(loader, key, "'%.80s' ends before it begins", text);
    else
        *milliseconds = (struct value_range){(uint64_t)from, (uint64_t)until};
}

void loader_number(struct loader *loader, const char *key, const uint32_t *number, uint32_t low,
                   uint32_t high, uint32_t *to) {
    if (number == NULL)
        return;
    if (*number < low || *number > high)
        loader_refuse(loader, key, "%u is not from %u to %u", *number, low, high);
    else
        *to = *number;
}

void loader_byte(struct loader *loader, const char *key, const uint32_t *number, uint32_t low,
                 uint32_t high, uint8_t *to) {
    uint32_t value = *to;
    loader_number(loader, key, number, low, high, &value);
    *to = (uint8_t)value;
}

unsigned loader_choice(struct loader *loader, const char *key, const char *text,
                       const char *const *names, unsigned otherwise) {
    if (text == NULL)
        return otherwise;
    char known[256] = "";
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], text) == 0)
            return i;
        size_t size = strlen(known);
        snprintf(known + size, sizeof known - size, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    loader_refuse(loader, key, "'%.80s' is none of: %s", text, known);
    return otherwise;
}

void loader_name_set(struct loader *loader, const char *key, const char *text) {
    if (text == NULL || loader->failed)
        return;
    struct prng prng;
    uint32_t order[SCENARIO_NODES_MAX];
    struct host_set set;
    struct buffer why = {0};
    prng_init(&prng, 1, 1);
    name_set_shuffle(loader->scenario, &prng, order);
    if (!name_set_resolve(loader->scenario, text, &prng, order, &set, &why))
        loader_refuse(loader, key, "%.*s", (int)why.size, (const char *)why.data);
    buffer_deinit(&why);
}
