/* The logs' part of store_check.h. */
#include "server/store_check.h"

#include "engine/store/log_batch.h"
#include "engine/store/log_reader.h"
#include "engine/store/log_removal.h"

struct log_walk {
    const struct stopped_store *stopped;
    const struct manifest_facts *facts;
    struct store_report *report;
    struct log_reader reader;
    uint64_t next;        /* sequence number that the next record begins with; 0: not known yet */
    uint64_t first, last; /* batches met */
    uint64_t batches, bad_at;
    bool is_bad; /* at bad_at the log ends, in this segment or one before */
};

static const struct sealed_segment *sealed_entry(const struct manifest_facts *facts,
                                                 uint64_t number) {
    for (uint32_t i = 0; i < facts->sealed_count; i++) {
        if (facts->sealed[i].number == number)
            return &facts->sealed[i];
    }
    return NULL;
}

static bool counts(const struct manifest_facts *facts, struct file_id file) {
    return file.kind == FILE_LOG && file.number >= facts->log_first &&
           (file.number >= facts->open_from || sealed_entry(facts, file.number) != NULL);
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

static void take_record(struct log_walk *walk, const struct record *record, uint64_t at) {
    bool follows =
        walk->next == 0 || record->sequence == walk->next ||
        (record->sequence > walk->next && record->sequence <= walk->facts->flushed_sequence + 1);
    if (walk->next == 0)
        follows = record->sequence <= walk->facts->flushed_sequence + 1;
    if (record->kind != RECORD_BATCHES || !follows)
        store_report_problem(walk->report, at, "its sequence numbers do not follow one another");
    else if (!decodes(record))
        store_report_problem(walk->report, at, "the record makes no sense");
    walk->next = record->sequence + record->count;
    walk->batches += record->count;
    if (walk->next - 1 > walk->facts->flushed_sequence) {
        if (walk->first == 0)
            walk->first = record->sequence;
        walk->last = walk->next - 1;
    }
}

static uint64_t first_missing(const struct log_walk *walk) {
    uint64_t behind = walk->facts->flushed_sequence + 1;
    return walk->next > behind ? walk->next : behind;
}

/* Behind a bad record: is there one that says that the bad one had been synced? */
static void search(struct log_walk *walk) {
    struct record record;
    enum log_reader_result result;
    for (;;) {
        result = log_reader_search(&walk->reader, &record);
        if (result == LOG_READER_MORE) {
            if (feed(walk))
                continue;
            store_report_problem(walk->report, walk->reader.at, "it cannot be read");
            return;
        }
        if (result != LOG_READER_RECORD)
            return;
        if (record.synced >= first_missing(walk)) {
            store_report_problem(walk->report, walk->bad_at,
                                 "a later record shows that what was here had been synced");
            return;
        }
    }
}

static void meet_bad(struct log_walk *walk) {
    walk->is_bad = true;
    walk->bad_at = walk->reader.at;
    if (sealed_entry(walk->facts, walk->reader.file.number) != NULL)
        store_report_problem(walk->report, walk->bad_at,
                             "the manifest says that it was sealed behind this");
    else
        search(walk);
}

/* Records up to the first bad one. */
static void walk_records(struct log_walk *walk) {
    struct record record;
    for (;;) {
        uint64_t at = walk->reader.at;
        switch (log_reader_next(&walk->reader, &record)) {
        case LOG_READER_RECORD:
            take_record(walk, &record, at);
            break;
        case LOG_READER_MORE:
            if (feed(walk))
                break;
            store_report_problem(walk->report, at, "it cannot be read");
            return;
        case LOG_READER_END:
            return;
        case LOG_READER_BAD:
            meet_bad(walk);
            return;
        case LOG_READER_TOO_NEW:
            store_report_problem(walk->report, at, "it was written by a later version");
            return;
        }
    }
}

static void check_segment(struct log_walk *walk, const struct file_entry *entry) {
    const struct sealed_segment *sealed = sealed_entry(walk->facts, entry->file.number);
    uint64_t size = sealed != NULL ? sealed->end : entry->size;
    bool was_bad = walk->is_bad;
    walk->batches = 0;
    store_report_begin(walk->report, entry->file);
    if (size > entry->size) {
        store_report_problem(walk->report, entry->size, "the manifest says that it is longer");
        size = entry->size;
    }
    log_reader_open(&walk->reader, entry->file, size);
    if (was_bad)
        search(walk); /* no record counts any more, but one may prove what is missing */
    else
        walk_records(walk);
    if (!walk->is_bad && sealed != NULL &&
        (walk->reader.at != sealed->end || walk->next != sealed->last_sequence + 1))
        store_report_problem(walk->report, walk->reader.at,
                             "it ends before the place where the manifest sealed it");
    store_report_end(walk->report, "log, %llu batches%s", (unsigned long long)walk->batches,
                     walk->is_bad && !was_bad ? ", then what was never completed" : "");
}

void store_check_logs(const struct stopped_store *stopped, const struct manifest_facts *facts,
                      struct store_report *report, uint64_t *first, uint64_t *last) {
    struct log_walk walk = {.stopped = stopped, .facts = facts, .report = report};
    for (uint32_t i = 0; i < facts->sealed_count; i++) {
        struct file_id file = {.kind = FILE_LOG, .number = facts->sealed[i].number};
        if (stopped_store_find(stopped, file) != NULL)
            continue;
        store_report_begin(report, file);
        store_report_problem(report, 0, "the manifest knows it, but it is not there");
        store_report_end(report, "log");
    }
    for (size_t i = 0; i < stopped->file_count; i++) {
        if (counts(facts, stopped->files[i].file))
            check_segment(&walk, &stopped->files[i]);
    }
    log_reader_close(&walk.reader);
    *first = walk.first;
    *last = walk.last;
}
