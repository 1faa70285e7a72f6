#include "tests/store/support/trial_operation.h"

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "tests/store/support/trial_cursors.h"

enum {
    HISTORY_STREAM = 41,
    STEPS_MAX = 12,
    SCAN_MAX = 40,
    WALK_MAX = 30,
    VALUE_HUGE = 40000,
    RANGE_PREFIX_MAX = 6,
    RANGE_PAGES = 4,
    FAULT_WITHIN = 60,
    EXPIRY_MAX = 60,
    CLOCK_MAX = 12
};

static const struct {
    const char *name;
    uint32_t numbers, weight;
} KINDS[TRIAL_KIND_COUNT] = {
#define X(name, text, numbers, weight) {text, numbers, weight},
    TRIAL_OPERATIONS(X)
#undef X
};

uint32_t trial_operation_numbers(enum trial_kind kind) {
    return KINDS[kind].numbers;
}

void trial_history_deinit(struct trial_history *history) {
    memory_release(history->operations);
    *history = (struct trial_history){.count = 0};
}

void trial_history_add(struct trial_history *history, struct trial_operation operation) {
    if (history->count == history->capacity) {
        history->capacity = history->capacity * 2 + 64;
        history->operations =
            memory_resize(history->operations, history->capacity * sizeof *history->operations);
    }
    history->operations[history->count++] = operation;
}

void trial_history_copy(struct trial_history *history, const struct trial_history *from) {
    history->options = from->options;
    history->count = 0;
    for (size_t i = 0; i < from->count; i++)
        trial_history_add(history, from->operations[i]);
}

static enum trial_kind random_kind(struct prng *prng) {
    uint32_t total = 0;
    for (uint32_t i = 0; i < TRIAL_KIND_COUNT; i++)
        total += KINDS[i].weight;
    uint32_t drawn = prng_below(prng, total);
    uint32_t kind = 0;
    while (drawn >= KINDS[kind].weight)
        drawn -= KINDS[kind++].weight;
    return (enum trial_kind)kind;
}

static uint64_t random_size(const struct trial_options *options, struct prng *prng) {
    if (prng_chance(prng, 1, 300))
        return prng_below(prng, VALUE_HUGE);
    return prng_below(prng, (uint32_t)options->values[TRIAL_VALUES] + 1);
}

static struct trial_operation random_operation(const struct trial_options *options,
                                               struct prng *prng) {
    struct trial_operation drawn = {.kind = random_kind(prng)};
    uint32_t keys = (uint32_t)options->values[TRIAL_KEYS];
    uint64_t *numbers = drawn.numbers;
    switch (drawn.kind) {
    case TRIAL_PUT:
        numbers[0] = prng_below(prng, keys);
        numbers[1] = random_size(options, prng);
        break;
    case TRIAL_EXPIRE:
        numbers[0] = prng_below(prng, keys);
        numbers[1] = random_size(options, prng);
        numbers[2] = prng_below(prng, EXPIRY_MAX);
        break;
    case TRIAL_CLOCK:
        numbers[0] = prng_below(prng, CLOCK_MAX);
        numbers[1] = prng_chance(prng, 1, 5);
        break;
    case TRIAL_DELETE:
    case TRIAL_GET:
        numbers[0] = prng_below(prng, keys);
        break;
    case TRIAL_BATCH:
        numbers[0] = 1 + prng_below(prng, TRIAL_BATCH_MAX);
        numbers[1] = prng_below(prng, 1000000);
        break;
    case TRIAL_RANGE:
        numbers[0] = prng_below(prng, keys);
        numbers[1] = 1 + prng_below(prng, RANGE_PREFIX_MAX);
        numbers[2] = prng_below(prng, RANGE_PAGES + 1);
        break;
    case TRIAL_SCAN:
        numbers[0] = prng_below(prng, TRIAL_PREFIXES);
        numbers[1] = prng_below(prng, keys);
        numbers[2] = prng_below(prng, 2);
        numbers[3] = prng_below(prng, SCAN_MAX);
        break;
    case TRIAL_CURSOR:
        numbers[0] = prng_below(prng, TRIAL_CURSORS);
        numbers[1] = prng_below(prng, keys);
        numbers[2] = prng_below(prng, 2 * TRIAL_BOUND_REVERSE);
        numbers[3] = prng_below(prng, 2 * TRIAL_SNAPSHOTS);
        break;
    case TRIAL_WALK:
        numbers[0] = prng_below(prng, TRIAL_CURSORS);
        numbers[1] = prng_below(prng, WALK_MAX);
        break;
    case TRIAL_SEEK:
        numbers[0] = prng_below(prng, TRIAL_CURSORS);
        numbers[1] = prng_below(prng, keys);
        break;
    case TRIAL_CLOSE:
        numbers[0] = prng_below(prng, TRIAL_CURSORS);
        break;
    case TRIAL_SNAPSHOT:
        numbers[0] = prng_below(prng, TRIAL_SNAPSHOTS);
        break;
    case TRIAL_LOOK:
        numbers[0] = prng_below(prng, TRIAL_SNAPSHOTS);
        numbers[1] = prng_below(prng, keys);
        break;
    case TRIAL_STEP:
        numbers[0] = 1 + prng_below(prng, STEPS_MAX);
        break;
    case TRIAL_FAULT:
        numbers[0] = 1 + prng_below(prng, FAULT_WITHIN);
        numbers[1] = prng_below(prng, 2);
        break;
    case TRIAL_FORGET:
    case TRIAL_RESTORE:
        numbers[0] = prng_below(prng, 4);
        break;
    case TRIAL_CRASH:
        numbers[0] = prng_below(prng, 3);
        numbers[1] = prng_below(prng, 1000000);
        break;
    case TRIAL_WANT:
    case TRIAL_PUMP:
    case TRIAL_SETTLE:
    case TRIAL_CHECK:
    case TRIAL_REOPEN:
    case TRIAL_KILL:
    case TRIAL_CHECKPOINT:
    case TRIAL_KIND_COUNT:
        break;
    }
    return drawn;
}

static void draw(struct trial_history *history, struct prng *prng, size_t count) {
    history->count = 0;
    for (size_t i = 0; i < count; i++)
        trial_history_add(history, random_operation(&history->options, prng));
}

void trial_history_random(struct trial_history *history, uint64_t seed, size_t count) {
    struct prng prng;
    prng_init(&prng, seed, HISTORY_STREAM);
    trial_options_random(&history->options, &prng);
    draw(history, &prng, count);
}

void trial_history_draw(struct trial_history *history, const struct trial_options *options,
                        uint64_t seed, size_t count) {
    struct prng prng;
    prng_init(&prng, seed, HISTORY_STREAM);
    history->options = *options;
    draw(history, &prng, count);
}

void trial_operation_print(const struct trial_operation *operation, struct buffer *to) {
    text_append(to, KINDS[operation->kind].name);
    for (uint32_t i = 0; i < KINDS[operation->kind].numbers; i++) {
        text_append(to, " ");
        text_append_u64(to, operation->numbers[i]);
    }
}

void trial_history_print(const struct trial_history *history, struct buffer *to) {
    trial_options_print(&history->options, to);
    text_append(to, "\n");
    for (size_t i = 0; i < history->count; i++) {
        trial_operation_print(&history->operations[i], to);
        text_append(to, "\n");
    }
}

static struct bytes cut_at(struct bytes *text, uint8_t separator) {
    size_t size = 0;
    while (size < text->size && text->data[size] != separator)
        size++;
    struct bytes cut = bytes_slice(*text, 0, size);
    size_t behind = size < text->size ? size + 1 : size;
    *text = bytes_slice(*text, behind, text->size - behind);
    return cut;
}

static bool parse_operation(struct bytes line, struct trial_operation *operation) {
    struct bytes name = cut_at(&line, ' ');
    for (uint32_t kind = 0; kind < TRIAL_KIND_COUNT; kind++) {
        if (!bytes_equal(name, bytes_of_text(KINDS[kind].name)))
            continue;
        *operation = (struct trial_operation){.kind = (enum trial_kind)kind};
        for (uint32_t i = 0; i < KINDS[kind].numbers; i++) {
            if (!text_parse_u64(cut_at(&line, ' '), &operation->numbers[i]))
                return false;
        }
        return line.size == 0;
    }
    return false;
}

bool trial_history_parse(struct bytes text, struct trial_history *history, size_t *line) {
    history->count = 0;
    trial_options_plain(&history->options);
    for (*line = 1; text.size > 0; ++*line) {
        struct bytes taken = cut_at(&text, '\n');
        struct trial_operation operation;
        if (taken.size == 0 || taken.data[0] == '#')
            continue;
        if (bytes_start_with(taken, bytes_of_text("options"))) {
            if (!trial_options_parse(taken, &history->options))
                return false;
        } else if (parse_operation(taken, &operation)) {
            trial_history_add(history, operation);
        } else {
            return false;
        }
    }
    return true;
}
