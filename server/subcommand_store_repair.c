/* dunlin store repair: a store that starts again, out of what is sound of a damaged one.
 *
 *     1  every file is verified, as by check
 *     2  a new manifest names the tables that are sound, and those of which only some blocks are not, without these blocks; it
 *        says which keys may be concerned by what is missing, and that the store was rolled back
 *     3  tables that cannot be opened and damaged manifests are renamed to NNNNNN.quarantined
 *     4  a store is started once, which cuts the logs at their damage, replays what lies before it, and is closed
 *
 * The node that starts from it draws a new actor, and asks its replicas for what is in quarantine; compaction merges what is
 * left of a damaged table into new ones. What nobody has can be given up (repair_report.h). */
#include "server/subcommand_store.h"

#include "server/blocking_store.h"
#include "server/repair_report.h"
#include "server/store_check.h"
#include "server/store_give_up.h"
#include "server/subcommand.h"
#include "server/table_check.h"

#include "engine/store/log_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPAIR_TALLIES = (1 << 20) * STORE_TALLIES_PER_PAGE };

struct repair {
    struct stopped_store *stopped;
    struct found_manifest *found;
    struct store_report report;
    struct manifest_state state; /* of the new manifest */
    struct file_id *aside;
    uint32_t aside_count;
    struct repair_report said;
};

static void set_aside(struct repair *repair, struct file_id file) {
    repair->aside[repair->aside_count++] = file;
}

static struct damage *note_damage(struct repair *repair, enum store_damage_kind kind,
                                  struct file_id file) {
    struct damage_list *list = &repair->state.damages;
    uint64_t id = list->count == 0 ? 1 : list->items[list->count - 1].id + 1;
    struct damage *damage = damage_list_add(list, id);
    damage->kind = kind;
    damage->file = file;
    damage->first_run = repair->state.facts.next_file;
    return damage;
}

/* Blocks that cannot be read, and nothing else that is wrong: the table stays, without them. */
static bool keep_without_blocks(struct repair *repair, struct table_file *file) {
    const struct file_entry *entry = stopped_store_find(repair->stopped, table_file_id(file));
    struct store_report unheard;
    struct checked_table checked = {0};
    if (entry == NULL || entry->size != file->size)
        return false;
    store_report_init(&unheard, false, true, 1);
    store_report_begin(&unheard, entry->file);
    table_check(repair->stopped, entry, file, &unheard, &checked);
    bool keeps = checked.file != NULL && checked.lost_count > 0 && checked.problems == 0;
    for (uint32_t i = 0; keeps && i < checked.lost_count; i++) {
        const struct lost_block *lost = &checked.lost[i];
        table_file_lose_block(file, lost->handle.offset);
        /* Without its filter a table is asked for every key: nothing is lost. */
        if (lost->handle.kind == BLOCK_FILTER)
            continue;
        struct damage *damage = note_damage(repair, STORE_DAMAGE_BLOCK, entry->file);
        damage->offset = lost->handle.offset;
        damage->after = lost->after;
        buffer_append(&damage->from, buffer_bytes(&lost->from));
        buffer_append(&damage->to, buffer_bytes(&lost->to));
        repair_report_lost(&repair->said, damage);
    }
    checked_table_deinit(&checked);
    store_report_deinit(&unheard);
    return keeps;
}

static void lose_table(struct repair *repair, struct table_file *file) {
    struct damage *damage = note_damage(repair, STORE_DAMAGE_TABLE, table_file_id(file));
    buffer_append(&damage->from, table_file_smallest(file));
    buffer_append(&damage->to, table_file_largest(file));
    repair_report_lost(&repair->said, damage);
    if (stopped_store_find(repair->stopped, table_file_id(file)) != NULL)
        set_aside(repair, table_file_id(file));
    table_file_destroy(file);
}

/* Takes what is damaged of the tables out of what the manifest says. */
static void drop_damaged(struct repair *repair) {
    struct manifest_state *state = &repair->state;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < state->table_count; i++) {
        struct table_file *file = state->tables[i].file;
        bool sound = !store_report_has_damaged(&repair->report, table_file_id(file));
        if (sound || keep_without_blocks(repair, file))
            state->tables[kept++] = state->tables[i];
        else
            lose_table(repair, file);
    }
    state->table_count = kept;
}

/* --- without a manifest ------------------------------------------------------------------------- */

static void add_table(struct repair *repair, struct table_file *file) {
    struct buffer payload = {0};
    file->run = file->number;
    manifest_put_added(&payload, 0, file);
    struct manifest_facts facts = repair->state.facts;
    bool added = manifest_state_apply(&repair->state, buffer_bytes(&payload));
    CHECK(added);
    repair->state.facts.rolled_back = facts.rolled_back;
    buffer_deinit(&payload);
}

/* Every table that is sound counts, each as a flush of its own: the larger its number, the younger it is taken for. */
static void collect_tables(struct repair *repair) {
    for (size_t i = 0; i < repair->stopped->file_count; i++) {
        const struct file_entry *entry = &repair->stopped->files[i];
        struct checked_table checked;
        if (entry->file.kind != FILE_TABLE)
            continue;
        store_report_begin(&repair->report, entry->file);
        table_check(repair->stopped, entry, NULL, &repair->report, &checked);
        store_report_end(&repair->report, "%" PRIu64 " entries", checked.entries);
        if (repair->report.file_problems > 0) {
            set_aside(repair, entry->file);
            repair_report_say(&repair->said, "lost: a table that no manifest tells of");
        } else if (checked.file->smallest.size > 0) {
            add_table(repair, checked.file);
        }
        checked_table_deinit(&checked);
    }
}

/* The first sequence number in a segment, and the last of its valid records; false when there is none. */
static bool segment_bounds(const struct stopped_store *stopped, const struct file_entry *entry,
                           uint64_t *first, uint64_t *last) {
    struct log_reader reader = {0};
    struct buffer bytes = {0};
    struct record record;
    *first = *last = 0;
    log_reader_open(&reader, entry->file, entry->size);
    for (;;) {
        uint64_t offset;
        enum log_reader_result result = log_reader_next(&reader, &record);
        if (result == LOG_READER_MORE) {
            uint64_t size = log_reader_wants(&reader, &offset);
            buffer_clear(&bytes);
            if (!stopped_store_read(stopped, entry->file, offset, size, &bytes))
                break;
            log_reader_feed(&reader, buffer_bytes(&bytes));
        } else if (result == LOG_READER_RECORD) {
            *first = *first == 0 ? record.sequence : *first;
            *last = record.sequence + record.count - 1;
        } else {
            break;
        }
    }
    log_reader_close(&reader);
    buffer_deinit(&bytes);
    return *first != 0;
}

/* The longest row of segments at the end that follow one another is replayed whole: what tables already hold of it is only
 * written once more. */
static void collect_logs(struct repair *repair) {
    struct manifest_facts *facts = &repair->state.facts;
    uint64_t first, last, next = 0;
    facts->log_first = facts->open_from = facts->next_file;
    for (size_t i = 0; i < repair->stopped->file_count; i++) {
        const struct file_entry *entry = &repair->stopped->files[i];
        if (entry->file.kind != FILE_LOG || !segment_bounds(repair->stopped, entry, &first, &last))
            continue;
        if (first != next) {
            facts->log_first = facts->open_from = entry->file.number;
            facts->flushed_sequence = first - 1;
        }
        next = last + 1;
    }
}

static void rebuild(struct repair *repair) {
    collect_logs(repair);
    collect_tables(repair);
    repair_report_lost(&repair->said,
                       note_damage(repair, STORE_DAMAGE_MANIFEST, repair->found->file));
    repair_report_say(&repair->said,
                      "lost: which tables count. All that are sound are taken; keys that were "
                      "deleted or overwritten may show older values until the replicas have been "
                      "compared with");
    for (size_t i = 0; i < repair->stopped->file_count; i++) {
        if (repair->stopped->files[i].file.kind == FILE_MANIFEST)
            set_aside(repair, repair->stopped->files[i].file);
    }
}

/* --- carrying it out ---------------------------------------------------------------------------- */

static uint64_t number_behind_all(const struct stopped_store *stopped) {
    uint64_t number = 0;
    for (size_t i = 0; i < stopped->file_count; i++) {
        if (stopped->files[i].file.number > number)
            number = stopped->files[i].file.number;
    }
    return number + 1;
}

static void put_state(const struct manifest_state *state, struct buffer *to) {
    manifest_put_facts(to, &state->facts, true);
    for (uint32_t i = 0; i < state->table_count; i++) {
        const struct table_file *file = state->tables[i].file;
        manifest_put_added(to, state->tables[i].level, file);
        for (uint32_t k = 0; k < file->lost_count; k++)
            damage_put_lost_block(file->number, file->lost_blocks[k], to);
    }
    for (uint32_t i = 0; i < state->damages.count; i++)
        damage_put(&state->damages.items[i], to);
}

static bool write_manifest(struct repair *repair) {
    struct file_id file = {.kind = FILE_MANIFEST, .number = repair->state.facts.next_file++};
    struct record record = {.kind = RECORD_SNAPSHOT, .count = 1, .sequence = 1};
    struct buffer frame = {0};
    record_begin(&frame);
    put_state(&repair->state, &frame);
    struct bytes bytes = record_add_file_header(
        &frame, record_end(&frame, &record, record_file_identity(file)), file);
    enum disk_status status = DISK_OK;
    struct store_file *made =
        store_directory_acquire(&repair->stopped->directory, file, true, &status);
    if (made != NULL) {
        status = store_file_write(made->descriptor, 0, bytes);
        if (status == DISK_OK)
            status = store_file_sync(made->descriptor);
        store_directory_release(&repair->stopped->directory, made);
    }
    if (status == DISK_OK)
        status = store_directory_sync(&repair->stopped->directory, 0);
    buffer_deinit(&frame);
    return made != NULL && status == DISK_OK;
}

static bool rename_aside(struct repair *repair) {
    for (uint32_t i = 0; i < repair->aside_count; i++) {
        struct file_id to = {.kind = FILE_QUARANTINED, .number = repair->aside[i].number};
        if (store_directory_rename(&repair->stopped->directory, repair->aside[i], to) != DISK_OK)
            return false;
        repair_report_aside(&repair->said, repair->aside[i], to);
    }
    return store_directory_sync(&repair->stopped->directory, 0) == DISK_OK;
}

/* Replays the logs as far as they are sound, and ends with a clean close. */
static bool run_once(const char *path, struct buffer *problem) {
    struct store_config config = store_config_default();
    config.tally_count = REPAIR_TALLIES;
    config.salvages = true;
    struct blocking_store *store = blocking_store_open(path, &config, problem);
    return store != NULL && blocking_store_close(store, problem);
}

static bool is_confirmed(const struct store_options *options) {
    char answer[8] = "";
    if (options->yes)
        return true;
    if (options->json || !isatty(STDIN_FILENO)) {
        fputs("dunlin: nothing was changed: say --yes to repair without being asked\n", stderr);
        return false;
    }
    fputs(options->give_up ? "give that up? [y/N] "
                           : "repair it? Copy the directory away first if you can. [y/N] ",
          stdout);
    fflush(stdout);
    bool yes =
        fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
    if (!yes)
        puts("nothing was changed");
    return yes;
}

static bool plan(struct repair *repair) {
    repair->state = repair->found->state;
    repair->found->state = (struct manifest_state){0};
    bool holds = repair->found->finding == MANIFEST_HOLDS;
    if (!holds) {
        manifest_state_deinit(&repair->state);
        repair->state = (struct manifest_state){0};
    }
    struct manifest_facts *facts = &repair->state.facts;
    uint64_t behind = number_behind_all(repair->stopped);
    facts->next_file = facts->next_file > behind ? facts->next_file : behind;
    facts->closed = false;
    facts->rolled_back = true;
    if (holds)
        drop_damaged(repair);
    else
        rebuild(repair);
    facts->rolled_back = true;
    return true;
}

static int recheck(const char *path, struct repair_report *said) {
    struct stopped_store stopped;
    struct found_manifest found;
    struct store_report report;
    struct buffer problem = {0};
    if (!stopped_store_open(&stopped, path, false, &problem)) {
        buffer_deinit(&problem);
        return EXIT_FAILED;
    }
    stopped_store_manifest(&stopped, &found);
    store_report_init(&report, false, true, stopped.file_count);
    store_check(&stopped, &found, &report);
    int code = report.problems == 0 ? EXIT_DONE : EXIT_FAILED;
    repair_report_say(said, code == EXIT_DONE
                                ? "repaired: start the node; it asks its replicas for what is "
                                  "missing"
                                : "what is left is damaged still: `dunlin store check` says where");
    store_report_deinit(&report);
    manifest_state_deinit(&found.state);
    stopped_store_close(&stopped);
    return code;
}

static int carry_out(struct repair *repair, const struct store_options *options) {
    const char *path = repair->stopped->path;
    struct buffer problem = {0};
    (void)plan(repair);
    if (!is_confirmed(options))
        return isatty(STDIN_FILENO) ? EXIT_FAILED : EXIT_USAGE;
    bool done = write_manifest(repair) && rename_aside(repair);
    if (!done)
        fprintf(stderr, "dunlin: %s: %s\n", path, strerror(errno));
    stopped_store_close(repair->stopped);
    if (done && !run_once(path, &problem)) {
        fprintf(stderr, "dunlin: %.*s\n", (int)problem.size, (const char *)problem.data);
        done = false;
    }
    buffer_deinit(&problem);
    return done ? recheck(path, &repair->said) : EXIT_FAILED;
}

/* A store without damage that is not known already. */
static int look_at_quarantine(struct repair *repair, const struct store_options *options) {
    const struct damage_list *known = &repair->found->state.damages;
    const char *path = repair->stopped->path;
    struct buffer problem = {0};
    for (uint32_t i = 0; i < known->count; i++)
        repair_report_lost(&repair->said, &known->items[i]);
    if (known->count == 0 || !options->give_up) {
        repair_report_say(&repair->said,
                          known->count == 0
                              ? "sound: there is nothing to repair"
                              : "sound but for that: the node gets it back from its replicas, or "
                                "--give-up lets it count as absent");
        return EXIT_DONE;
    }
    if (!is_confirmed(options))
        return isatty(STDIN_FILENO) ? EXIT_FAILED : EXIT_USAGE;
    stopped_store_close(repair->stopped);
    bool done = store_give_up(path, &problem);
    if (!done)
        fprintf(stderr, "dunlin: %.*s\n", (int)problem.size, (const char *)problem.data);
    buffer_deinit(&problem);
    repair_report_say(&repair->said, done ? "given up" : "it could not be given up");
    return done ? EXIT_DONE : EXIT_FAILED;
}

int store_repair(const char *path, const struct store_options *options) {
    struct stopped_store stopped;
    struct found_manifest found;
    struct buffer problem = {0};
    if (!stopped_store_open(&stopped, path, true, &problem)) {
        fprintf(stderr, "dunlin: %.*s\n", (int)problem.size, (const char *)problem.data);
        buffer_deinit(&problem);
        return EXIT_FAILED;
    }
    struct repair repair = {.stopped = &stopped, .found = &found};
    repair_report_init(&repair.said, options->json);
    stopped_store_manifest(&stopped, &found);
    repair.aside = calloc(stopped.file_count + 1, sizeof *repair.aside);
    CHECK(repair.aside != NULL);
    store_report_init(&repair.report, false, options->json, stopped.file_count);
    store_check(&stopped, &found, &repair.report);
    int code = EXIT_DONE;
    if (found.finding == MANIFEST_TOO_NEW) {
        fprintf(stderr, "dunlin: %s: a later version wrote it: repair it with that one\n", path);
        code = EXIT_FAILED;
    } else if (repair.report.problems == 0) {
        code = look_at_quarantine(&repair, options);
    } else {
        code = carry_out(&repair, options);
    }
    repair_report_finish(&repair.said, code == EXIT_DONE);
    stopped_store_close(&stopped);
    store_report_deinit(&repair.report);
    manifest_state_deinit(&repair.state);
    manifest_state_deinit(&found.state);
    free(repair.aside);
    return code;
}
