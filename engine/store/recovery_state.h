/* recovery_state: what the parts of recovery share; see recovery.h for the whole. */
#ifndef DUNLIN_STORE_RECOVERY_STATE_H
#define DUNLIN_STORE_RECOVERY_STATE_H

#include "engine/store/store_state.h"

/* recovery.c */
/* "000012.log at offset 4096: <what>"; the store has failed. */
void recovery_fail(struct store *store, struct file_id file, uint64_t offset, const char *what);
/* Opens the reader on files[index], up to `size`. */
void recovery_open(struct recovery *recovery, size_t index, uint64_t size);
/* Asks for the reader's next chunk. */
void recovery_read_more(struct store *store, struct effects *effects);
/* Asks for the end of a table. */
void recovery_read_tail(struct store *store, struct table_file *file, struct effects *effects);
/* Null when the directory has no such file. */
const struct file_entry *recovery_find_file(const struct recovery *recovery, struct file_id file);
/* The version stands: opens its tables, then reads the tallies and the logs. */
void recovery_open_tables(struct store *store, struct effects *effects);
/* Everything is known: writes the new manifest. */
void recovery_start_anew(struct store *store, struct effects *effects);

/* recovery_refused.c: what the disk does not read */
/* A list or read has come back: false when that went well. Else it will be asked for again, or is given up. */
MUST_USE bool recovery_was_refused(struct store *store, const struct disk_wait *wait,
                                   enum disk_status status, struct effects *effects);
/* Asks again for what has been refused, when it is time. */
void recovery_repeat(struct store *store, struct effects *effects);
/* All blocks whose reads wait for that. */
void recovery_repeat_blocks(struct store *store, struct effects *effects);

/* recovery_room.c: the phase ROOM */
/* Takes note of what nobody needs, before the facts of the manifest that holds change. */
void recovery_note_superfluous(struct store *store);
/* An operation of it has come back. */
void recovery_on_room(struct store *store, const struct disk_done *done, struct effects *effects);

/* recovery_save.c: the phase SYNCING */
/* A record begins at `at` that says what was synced before it was written. */
void recovery_note_proof(struct recovery *recovery, uint64_t at, uint64_t sequence,
                         uint64_t synced);
/* The logs are done with: makes sure that what counts is durable. */
void recovery_save(struct store *store, struct effects *effects);
/* The next read, write or sync of it. */
void recovery_save_next(struct store *store, struct effects *effects);
/* A piece of the segment has been read. */
void recovery_rewrite(struct store *store, struct bytes bytes, struct effects *effects);
void recovery_on_saved(struct store *store, enum wait_kind kind, enum disk_status status,
                       struct effects *effects);

/* recovery_salvage.c: what becomes of damage; false when the store has failed of it. */
bool recovery_lose_table(struct store *store, struct table_file *file, uint64_t offset,
                         const char *what, struct effects *effects);
bool recovery_lose_log(struct store *store, struct file_id file, uint64_t offset, const char *what,
                       struct effects *effects);
/* Begins an empty store beside what was there. */
void recovery_lose_all(struct store *store, struct file_id file, uint64_t offset, const char *what,
                       struct effects *effects);
/* The segments that count and come after this one. */
void recovery_set_segments_aside(struct store *store, struct file_id after);
/* Takes the lost tables out of the version. */
void recovery_drop_lost_tables(struct store *store);

/* recovery_manifest.c: the phase MANIFEST, from files[current] down */
void recovery_begin_manifest(struct store *store, struct effects *effects);
void recovery_continue_manifest(struct store *store, struct effects *effects);

/* recovery_log.c: the phases LOGS and PROOF */
/* True when the segment is to be replayed. */
bool recovery_segment_counts(const struct store *store, struct file_id file);
/* The segment that is being read counts up to this offset. */
void recovery_note_found(struct recovery *recovery, uint64_t end);
void recovery_begin_logs(struct store *store, struct effects *effects);
void recovery_continue_log(struct store *store, struct effects *effects);
void recovery_continue_proof(struct store *store, struct effects *effects);

#endif
