#include "engine/store/checkpoint.h"

#include "engine/base/text.h"
#include "engine/store/log_record.h"
#include "engine/store/store_state.h"

void checkpoints_init(struct checkpoints *checkpoints) {
    for (uint32_t i = 0; i < CHECKPOINT_LINKS_AT_ONCE; i++)
        checkpoints->waits[i] = (struct disk_wait){.kind = WAIT_CHECKPOINT};
}

static void release_version(struct store *store) {
    struct version *version = store->checkpoints.version;
    store->checkpoints.version = NULL;
    if (version != NULL)
        store_release_version(store, version);
}

void checkpoints_deinit(struct store *store) {
    release_version(store);
    checkpoint_entry_deinit(&store->checkpoints.made);
    checkpoint_list_deinit(&store->checkpoints.list);
    checkpoint_list_deinit(&store->checkpoints.broken);
    buffer_deinit(&store->checkpoints.frame);
}

static void remove_files(struct store *store, const struct checkpoint_entry *entry) {
    for (uint32_t i = 0; i < entry->file_count; i++)
        store_remove_later(store, entry->files[i]);
}

void checkpoints_find(struct store *store, const struct file_entry *files, size_t count) {
    struct checkpoint_list *list = &store->checkpoints.list;
    for (size_t i = 0; i < count; i++) {
        uint32_t number = files[i].file.checkpoint;
        if (number == 0)
            continue;
        if (number > store->checkpoints.last_number)
            store->checkpoints.last_number = number;
        /* A rename that a crash cut off may leave both names. */
        if (files[i].file.kind == FILE_MANIFEST && files[i].file.number == 0)
            store_remove_later(store, files[i].file);
        else
            checkpoint_entry_add(checkpoint_list_insert(list, number), files[i].file,
                                 files[i].size);
    }
    for (uint32_t i = list->count; i-- > 0;) {
        if (checkpoint_entry_manifest(&list->items[i]) != NULL)
            continue;
        struct checkpoint_entry broken = checkpoint_list_take(list, &list->items[i]);
        *checkpoint_list_insert(&store->checkpoints.broken, broken.facts.number) = broken;
    }
}

/* --- what the store's owner asks ---------------------------------------------------------------- */

uint32_t store_checkpoint_count(const struct store *store) {
    return store->checkpoints.list.count;
}

struct store_checkpoint store_checkpoint_at(const struct store *store, uint32_t index) {
    CHECK(index < store->checkpoints.list.count);
    return store->checkpoints.list.items[index].facts;
}

enum checkpoint_state store_checkpoint_state(const struct store *store, uint32_t number) {
    const struct checkpoints *checkpoints = &store->checkpoints;
    if (checkpoint_list_find(&checkpoints->list, number) != NULL)
        return CHECKPOINT_COMPLETE;
    bool making = checkpoints->phase != CHECKPOINT_IDLE &&
                  (checkpoints->phase < CHECKPOINT_REGAINING || checkpoints->gives_up);
    return making && checkpoints->made.facts.number == number ? CHECKPOINT_MAKING
                                                              : CHECKPOINT_ABSENT;
}

static enum store_status may_begin(const struct store *store) {
    if (store->phase == STORE_PHASE_FAILED)
        return STORE_FAILED;
    if (store->phase == STORE_PHASE_SERVING && store->recovery != NULL)
        return STORE_FULL;
    bool free = store->phase == STORE_PHASE_SERVING && store->closing == CLOSE_NOT_ASKED &&
                store->checkpoints.phase == CHECKPOINT_IDLE;
    return free ? STORE_OK : STORE_BUSY;
}

enum store_status store_checkpoint(struct store *store, uint32_t *number) {
    struct checkpoints *checkpoints = &store->checkpoints;
    enum store_status status = may_begin(store);
    if (status != STORE_OK)
        return status;
    store_freeze(store);
    checkpoints->phase = CHECKPOINT_FLUSHING;
    checkpoints->gives_up = checkpoints->is_broken = false;
    checkpoints->failures = 0;
    checkpoints->sequence = store->log.next_sequence - 1;
    *number = ++checkpoints->last_number;
    checkpoints->made.facts = (struct store_checkpoint){.number = *number};
    return STORE_OK;
}

enum store_status store_checkpoint_remove(struct store *store, uint32_t number) {
    struct checkpoints *checkpoints = &store->checkpoints;
    enum store_status status = may_begin(store);
    struct checkpoint_entry *entry = checkpoint_list_find(&checkpoints->list, number);
    if (status != STORE_OK || entry == NULL)
        return status != STORE_OK ? status : STORE_ABSENT;
    checkpoints->made = checkpoint_list_take(&checkpoints->list, entry);
    checkpoints->phase = CHECKPOINT_UNNAMING;
    checkpoints->gives_up = checkpoints->is_broken = false;
    checkpoints->failures = 0;
    return STORE_OK;
}

/* --- the machine -------------------------------------------------------------------------------- */

static uint64_t draw(struct store *store) {
    struct checkpoints *checkpoints = &store->checkpoints;
    uint32_t i = 0;
    while (checkpoints->waits[i].pending)
        i++;
    checkpoints->under_way++;
    return tickets_draw(&store->tickets, &checkpoints->waits[i]);
}

static uint32_t number_of(const struct store *store) {
    return store->checkpoints.made.facts.number;
}

/* The manifest's name while it does not count. */
static struct file_id unnamed_manifest(const struct store *store) {
    return (struct file_id){.kind = FILE_MANIFEST, .checkpoint = number_of(store)};
}

static void begin_linking(struct store *store) {
    struct checkpoints *checkpoints = &store->checkpoints;
    if (store->facts.flushed_sequence < checkpoints->sequence)
        return;
    checkpoints->version = store->version;
    version_acquire(checkpoints->version);
    checkpoints->level = checkpoints->at = 0;
    /* What tables hold by now is the checkpoint, a little more than what was asked for. */
    checkpoints->sequence = store->facts.flushed_sequence;
    checkpoints->made.facts.sequence = checkpoints->sequence;
    checkpoints->phase = CHECKPOINT_LINKING;
}

static const struct table_file *next_table(struct checkpoints *checkpoints) {
    while (checkpoints->level < VERSION_LEVELS) {
        const struct version_level *level = &checkpoints->version->levels[checkpoints->level];
        if (checkpoints->at < level->count)
            return level->tables[checkpoints->at++];
        checkpoints->level++;
        checkpoints->at = 0;
    }
    return NULL;
}

static void link_tables(struct store *store, struct effects *effects) {
    struct checkpoints *checkpoints = &store->checkpoints;
    const struct table_file *table;
    while (checkpoints->under_way < CHECKPOINT_LINKS_AT_ONCE &&
           (table = next_table(checkpoints)) != NULL) {
        struct file_id to = table_file_id(table);
        to.checkpoint = number_of(store);
        checkpoint_entry_add(&checkpoints->made, to, table->size);
        effects_link(effects, draw(store), table_file_id(table), to);
    }
    if (checkpoints->under_way > 0)
        return;
    checkpoints->phase = CHECKPOINT_SETTLING;
    if (checkpoints->made.file_count > 0)
        effects_sync_checkpoint(effects, draw(store), number_of(store));
}

/* No log belongs to it, and nobody closed it. */
static void write_manifest(struct store *store, struct effects *effects) {
    struct checkpoints *checkpoints = &store->checkpoints;
    struct file_id file = {
        .kind = FILE_MANIFEST, .number = store->facts.next_file++, .checkpoint = number_of(store)};
    struct manifest_facts facts = {
        .next_file = store->facts.next_file,
        .flushed_sequence = checkpoints->sequence,
        .log_first = store->facts.next_file,
        .open_from = store->facts.next_file,
        .rolled_back = true,
    };
    struct buffer *frame = &checkpoints->frame;
    record_begin(frame);
    store_put_snapshot(store, frame, &facts, checkpoints->version);
    struct record record = {.kind = RECORD_SNAPSHOT, .count = 1, .sequence = 1};
    struct bytes bytes =
        record_add_file_header(frame, record_end(frame, &record, record_file_identity(file)), file);
    checkpoints->manifest = file;
    checkpoint_entry_add(&checkpoints->made, unnamed_manifest(store), bytes.size);
    effects_write(effects, draw(store), unnamed_manifest(store), 0, bytes);
    checkpoints->phase = CHECKPOINT_WRITING;
    release_version(store);
}

static void name_manifest(struct checkpoints *checkpoints) {
    struct checkpoint_entry *entry = &checkpoints->made;
    for (uint32_t i = 0; i < entry->file_count; i++) {
        if (entry->files[i].kind == FILE_MANIFEST)
            entry->files[i] = checkpoints->manifest;
    }
}

static void finish(struct store *store) {
    struct checkpoints *checkpoints = &store->checkpoints;
    struct checkpoint_entry *made = &checkpoints->made;
    name_manifest(checkpoints);
    *checkpoint_list_insert(&checkpoints->list, number_of(store)) = *made;
    *made = (struct checkpoint_entry){0};
    buffer_deinit(&checkpoints->frame);
    checkpoints->phase = CHECKPOINT_IDLE;
    store->figures.checkpoints++;
}

static void unname(struct store *store, struct effects *effects) {
    struct checkpoints *checkpoints = &store->checkpoints;
    struct file_id *manifest = checkpoint_entry_manifest(&checkpoints->made);
    checkpoints->manifest = *manifest;
    *manifest = unnamed_manifest(store);
    effects_rename(effects, draw(store), checkpoints->manifest, *manifest);
    checkpoints->phase = CHECKPOINT_FORGETTING;
}

static void regain(struct store *store, struct effects *effects) {
    struct checkpoints *checkpoints = &store->checkpoints;
    effects_rename(effects, draw(store), unnamed_manifest(store), checkpoints->manifest);
    name_manifest(checkpoints);
    checkpoints->phase = CHECKPOINT_UNNAMING;
}

/* A crash left it without a number, and perhaps that is not yet on the disk. */
static void begin_broken(struct store *store) {
    struct checkpoints *checkpoints = &store->checkpoints;
    struct checkpoint_list *broken = &checkpoints->broken;
    if (broken->count == 0 || store->recovery != NULL)
        return;
    checkpoints->made = checkpoint_list_take(broken, &broken->items[0]);
    checkpoints->is_broken = true;
    checkpoints->phase = CHECKPOINT_FORGETTING;
}

/* It is not certain that the manifest has lost its name, so no table may go: what becomes of it is told at the next start. */
static void leave_alone(struct store *store) {
    struct checkpoints *checkpoints = &store->checkpoints;
    trouble_forget(store, TROUBLE_CHECKPOINT);
    checkpoint_entry_deinit(&checkpoints->made);
    checkpoints->phase = CHECKPOINT_IDLE;
}

static void on_failed_removal(struct store *store, enum disk_status status,
                              struct effects *effects) {
    struct checkpoints *checkpoints = &store->checkpoints;
    if (checkpoints->is_broken || ++checkpoints->failures > TROUBLE_ATTEMPTS_MAX) {
        leave_alone(store);
        return;
    }
    trouble_note(store, TROUBLE_CHECKPOINT, "remove", checkpoints->manifest, status, effects);
    checkpoints->phase = CHECKPOINT_REGAINING;
}

/* What an operation that failed leads to. A manifest that may have its name by now loses it again before tables go. */
static enum checkpoint_phase phase_after_failure(struct checkpoints *checkpoints) {
    if (checkpoints->phase != CHECKPOINT_NAMING && checkpoints->phase != CHECKPOINT_CONFIRMING)
        return CHECKPOINT_ABANDONING;
    name_manifest(checkpoints);
    checkpoints->gives_up = true;
    return CHECKPOINT_UNNAMING;
}

/* Whatever is there of it goes; what cannot go now goes at the next start. */
static void drop_files(struct store *store, struct effects *effects) {
    struct checkpoints *checkpoints = &store->checkpoints;
    remove_files(store, &checkpoints->made);
    checkpoint_entry_deinit(&checkpoints->made);
    release_version(store);
    buffer_deinit(&checkpoints->frame);
    checkpoints->phase = CHECKPOINT_IDLE;
    trouble_over(store, TROUBLE_CHECKPOINT, effects);
}

static void note_failure(struct store *store, enum disk_status status, struct effects *effects) {
    char name[CHECKPOINT_NAME_SIZE];
    checkpoint_name(number_of(store), name);
    bool removes = store->checkpoints.phase >= CHECKPOINT_REGAINING;
    struct buffer sentence = {0};
    text_append(&sentence, name);
    text_append(&sentence, removes ? " cannot be removed: " : " is given up: ");
    text_append(&sentence,
                status == DISK_FULL ? "no space is left on the disk" : "the disk reports an error");
    effects_note(effects, NOTE_WARNING, arena_copy(&effects->arena, buffer_bytes(&sentence)));
    buffer_deinit(&sentence);
}

/* The operations of a phase are all back: on to the next. */
static void advance(struct store *store, struct effects *effects) {
    struct checkpoints *checkpoints = &store->checkpoints;
    switch (checkpoints->phase) {
    case CHECKPOINT_IDLE:
        begin_broken(store);
        return;
    case CHECKPOINT_FLUSHING:
        begin_linking(store);
        if (checkpoints->phase == CHECKPOINT_LINKING)
            link_tables(store, effects);
        return;
    case CHECKPOINT_LINKING:
        link_tables(store, effects);
        return;
    case CHECKPOINT_SETTLING:
        write_manifest(store, effects);
        return;
    case CHECKPOINT_WRITING:
        effects_sync(effects, draw(store), unnamed_manifest(store));
        checkpoints->phase = CHECKPOINT_SYNCING;
        return;
    case CHECKPOINT_SYNCING:
        effects_rename(effects, draw(store), unnamed_manifest(store), checkpoints->manifest);
        checkpoints->phase = CHECKPOINT_NAMING;
        return;
    case CHECKPOINT_NAMING:
        effects_sync_checkpoint(effects, draw(store), number_of(store));
        checkpoints->phase = CHECKPOINT_CONFIRMING;
        return;
    case CHECKPOINT_CONFIRMING:
        finish(store);
        return;
    case CHECKPOINT_REGAINING:
        regain(store, effects);
        return;
    case CHECKPOINT_UNNAMING:
        unname(store, effects);
        return;
    case CHECKPOINT_FORGETTING:
        effects_sync_checkpoint(effects, draw(store), number_of(store));
        checkpoints->phase = CHECKPOINT_REMOVING;
        return;
    case CHECKPOINT_REMOVING:
    case CHECKPOINT_ABANDONING:
        drop_files(store, effects);
        return;
    }
    CHECK_UNREACHABLE("a checkpoint is in a known phase");
}

void checkpoint_pump(struct store *store, struct effects *effects) {
    if (trouble_waits(&store->troubles, TROUBLE_CHECKPOINT))
        return;
    if (store->checkpoints.phase == CHECKPOINT_LINKING || store->checkpoints.under_way == 0)
        advance(store, effects);
}

bool checkpoint_work_left(const struct store *store) {
    const struct checkpoints *checkpoints = &store->checkpoints;
    bool waits = checkpoints->under_way > 0 || trouble_waits(&store->troubles, TROUBLE_CHECKPOINT);
    return !waits && (checkpoints->phase > CHECKPOINT_FLUSHING || checkpoints->broken.count > 0);
}

void checkpoint_on_done(struct store *store, enum disk_status status, struct effects *effects) {
    struct checkpoints *checkpoints = &store->checkpoints;
    CHECK(checkpoints->under_way > 0);
    checkpoints->under_way--;
    /* A removal that is tried again finds the manifest under either name. */
    bool was_gone = status == DISK_NO_FILE && (checkpoints->phase == CHECKPOINT_FORGETTING ||
                                               checkpoints->phase == CHECKPOINT_UNNAMING);
    if (status == DISK_OK || was_gone || checkpoints->phase == CHECKPOINT_ABANDONING)
        return;
    note_failure(store, status, effects);
    store->figures.checkpoint_failures++;
    if (checkpoints->phase >= CHECKPOINT_REGAINING)
        on_failed_removal(store, status, effects);
    else
        checkpoints->phase = phase_after_failure(checkpoints);
}
