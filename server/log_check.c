/* The logs' part of store_check.h: the records that recovery would replay, and whether what it would cut was ever synced. */
#include "server/store_check.h"

#include "engine/store/log_batch.h"
#include "engine/store/log_reader.h"
#include "engine/store/log_removal.h"

#include <stdlib.h>

struct segment {
    const struct file_entry *entry;
    const struct sealed_segment *sealed; /* null when it is not */
    uint64_t batches;
    uint64_t end;     /* of its records */
    const char *what; /* of its first problem; null: none */
    uint64_t at;
};

struct log_walk {
    const struct stopped_store *stopped;
    const struct manifest_facts *facts;
    struct segment *segments;
    size_t count;
    struct log_reader reader;
    uint64_t next;        /* sequence number that the next record begins with; 0: not known yet */
    uint64_t first, last; /* batches that tables do not hold */
    bool cut;             /* the log ends in segments[cut_in], unless a later one goes on */
    size_t cut_in;
};

static void note(struct segment *segment, uint64_t at, const char *what) {
    if (segment->what != NULL)
        return;
    segment->what = what;
    segment->at = at;
}

static const struct sealed_segment *sealed_entry(const struct manifest_facts *facts,
                                                 uint64_t number) {
    for (uint32_t i = 0; i < facts->sealed_count; i++) {
        if (facts->sealed[i].number == number)
            return &facts->sealed[i];
    }
    return NULL;
}

static void collect(struct log_walk *walk) {
    walk->segments = calloc(walk->stopped->file_count + 1, sizeof *walk->segments);
    CHECK(walk->segments != NULL);
    for (size_t i = 0; i < walk->stopped->file_count; i++) {
        const struct file_entry *entry = &walk->stopped->files[i];
        const struct sealed_segment *sealed = sealed_entry(walk->facts, entry->file.number);
        if (entry->file.kind == FILE_LOG && entry->file.number >= walk->facts->log_first &&
            (entry->file.number >= walk->facts->open_from || sealed != NULL))
            walk->segments[walk->count++] = (struct segment){.entry = entry, .sealed = sealed};
    }
}

static bool feed(struct log_walk *walk) {
    uint64_t offset;
    struct buffer bytes = {0};
    uint64_t size = log_reader_wants(&walk->reader, &offset);
    bool read = stopped_store_read(walk->stopped, walk->reader.file, offset, size, &bytes);
    if (read)
        log_reader_feed(&walk->reader, buffer_bytes(&bytes));
    buffer_deinit(&bytes);
    return read;
}

static bool decodes(const struct record *record) {
    struct reader reader = reader_of(record->payload);
    struct store_batch batch;
    struct log_removal removal;
    for (uint32_t i = 0; i < record->count; i++) {
        bool sound = log_removal_is_next(&reader) ? log_removal_decode(&reader, &removal)
                                                  : log_batch_decode(&reader, &batch);
        if (!sound)
            return false;
    }
    return reader_finished(&reader);
}

/* False when the log ended at the cut: this record does not go on from there. */
static bool take_record(struct log_walk *walk, struct segment *segment, const struct record *record,
                        uint64_t at) {
    bool follows =
        record->sequence == walk->next ||
        (record->sequence > walk->next && record->sequence <= walk->facts->flushed_sequence + 1);
    if (walk->cut && !follows)
        return false;
    walk->cut = false;
    if (record->kind != RECORD_BATCHES || !follows)
        note(segment, at, "its sequence numbers do not follow one another");
    else if (!decodes(record))
        note(segment, at, "the record makes no sense");
    walk->next = record->sequence + record->count;
    segment->batches += record->count;
    if (walk->next - 1 > walk->facts->flushed_sequence) {
        walk->first = walk->first == 0 ? record->sequence : walk->first;
        walk->last = walk->next - 1;
    }
    return true;
}

/* Most segments end long before their file does. */
static void leave_segment(struct log_walk *walk, size_t index) {
    struct segment *segment = &walk->segments[index];
    const struct sealed_segment *sealed = segment->sealed;
    if (sealed != NULL) {
        if (walk->reader.at != sealed->end || walk->next != sealed->last_sequence + 1)
            note(segment, walk->reader.at, "it ends before the place where the manifest sealed it");
    } else if (!walk->cut) {
        walk->cut = true;
        walk->cut_in = index;
    }
}

/* False when no later record counts. */
static bool walk_segment(struct log_walk *walk, size_t index) {
    struct segment *segment = &walk->segments[index];
    const struct sealed_segment *sealed = segment->sealed;
    struct record record;
    uint64_t size = segment->entry->size;
    if (sealed != NULL && sealed->end > size)
        note(segment, size, "the manifest says that it is longer");
    else if (sealed != NULL)
        size = sealed->end;
    log_reader_open(&walk->reader, segment->entry->file, size);
    for (;;) {
        uint64_t at = segment->end = walk->reader.at;
        switch (log_reader_next(&walk->reader, &record)) {
        case LOG_READER_RECORD:
            if (!take_record(walk, segment, &record, at))
                return false;
            break;
        case LOG_READER_MORE:
            if (feed(walk))
                break;
            note(segment, at, "it cannot be read");
            return true;
        case LOG_READER_END:
        case LOG_READER_BAD:
            leave_segment(walk, index);
            return true;
        case LOG_READER_TOO_NEW:
            note(segment, at, "it was written by a later version");
            return true;
        }
    }
}

static uint64_t first_missing(const struct log_walk *walk) {
    uint64_t behind = walk->facts->flushed_sequence + 1;
    return walk->next > behind ? walk->next : behind;
}

/* True when a record from the reader's place on says that what is missing had been synced. */
static bool search(struct log_walk *walk) {
    struct record record;
    enum log_reader_result result;
    while ((result = log_reader_search(&walk->reader, &record)) != LOG_READER_END) {
        if (result == LOG_READER_MORE && !feed(walk))
            return false;
        if (result == LOG_READER_RECORD && record.synced >= first_missing(walk))
            return true;
    }
    return false;
}

static void prove(struct log_walk *walk) {
    struct segment *cut = &walk->segments[walk->cut_in];
    for (size_t i = walk->cut_in; i < walk->count; i++) {
        log_reader_open(&walk->reader, walk->segments[i].entry->file,
                        walk->segments[i].entry->size);
        if (i == walk->cut_in)
            log_reader_go_to(&walk->reader, cut->end);
        if (search(walk)) {
            note(cut, cut->end, "a later record shows that what was here had been synced");
            return;
        }
    }
}

static void report_missing(const struct log_walk *walk, struct store_report *report) {
    for (uint32_t i = 0; i < walk->facts->sealed_count; i++) {
        struct file_id file = {.kind = FILE_LOG, .number = walk->facts->sealed[i].number};
        if (stopped_store_find(walk->stopped, file) != NULL)
            continue;
        store_report_begin(report, file);
        store_report_problem(report, 0, "the manifest knows it, but it is not there");
        store_report_end(report, "log");
    }
}

void store_check_logs(const struct stopped_store *stopped, const struct manifest_facts *facts,
                      struct store_report *report, uint64_t *first, uint64_t *last) {
    struct log_walk walk = {.stopped = stopped, .facts = facts};
    collect(&walk);
    report_missing(&walk, report);
    size_t reached = 0;
    while (reached < walk.count && walk_segment(&walk, reached))
        reached++;
    if (walk.cut)
        prove(&walk);
    for (size_t i = 0; i < walk.count; i++) {
        const struct segment *segment = &walk.segments[i];
        store_report_begin(report, segment->entry->file);
        if (segment->what != NULL)
            store_report_problem(report, segment->at, "%s", segment->what);
        store_report_end(report, "log, %llu batches", (unsigned long long)segment->batches);
    }
    *first = walk.first;
    *last = walk.last;
    log_reader_close(&walk.reader);
    free(walk.segments);
}
