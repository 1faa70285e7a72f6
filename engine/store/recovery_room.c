/* A start on a disk that is full. The new manifest finds no space, so the store serves what there is: reads are answered,
 * writes refused. Meanwhile it makes room, without writing anything new:
 *
 *     READING, WRITING  the manifest that holds is written once more in its place, the same bytes
 *     SYNCING, NAMING   it and its name are synced: an earlier life may have failed in that, and then the disk may hold
 *                       an older state of it, which needs files that this one does not
 *     REMOVING          what the manifest does not need: obsolete logs, segments without a record, tables left over,
 *                       older manifests
 *
 * Then the new manifest is tried again, and with it the store's life begins. */
#include "engine/base/memory.h"
#include "engine/store/recovery_state.h"

/* True when no state of the directory needs the file that recovery has found to hold, as durable as it will be then. */
static bool is_superfluous(const struct store *store, size_t index) {
    const struct recovery *recovery = store->recovery;
    struct file_id file = recovery->files[index].file;
    switch (file.kind) {
    case FILE_LOG:
        if (recovery->empty[index])
            return true;
        /* A number that the manifest does not know could be given again, and what is left on the disk would count. */
        return !recovery_segment_counts(store, file) && file.number < store->facts.next_file;
    case FILE_TABLE:
        return version_table(store->version, file.number) == NULL;
    case FILE_MANIFEST:
        return file.number != recovery->manifest.number;
    case FILE_QUARANTINED:
        return false;
    }
    return false;
}

void recovery_note_superfluous(struct store *store) {
    struct recovery *recovery = store->recovery;
    /* Where something is lost, people may look for it in what nobody needs. */
    recovery->makes_room = recovery->manifest.number != 0 && store->quarantine.found == 0;
    for (size_t i = 0; i < recovery->file_count; i++)
        recovery->superfluous[i] = recovery->makes_room && is_superfluous(store, i);
}

static void end(struct store *store) {
    buffer_deinit(&store->recovery->rewriting);
    store->recovery->phase = RECOVERY_STARTING;
}

static void read_piece(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    uint64_t left = recovery->manifest_end - recovery->rewriting.size;
    effects_read(effects, tickets_draw(&store->tickets, &recovery->read_wait), recovery->manifest,
                 recovery->rewriting.size,
                 left < RECOVERY_REWRITE_BYTES ? left : RECOVERY_REWRITE_BYTES);
}

void recovery_make_room(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (!recovery->makes_room || recovery->phase == RECOVERY_ROOM)
        return;
    store->phase = STORE_PHASE_SERVING;
    if (recovery->room == ROOM_MADE)
        return;
    recovery->phase = RECOVERY_ROOM;
    recovery->room = ROOM_READING;
    buffer_clear(&recovery->rewriting);
    read_piece(store, effects);
}

static void remove_next(struct store *store, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    while (recovery->current < recovery->file_count && !recovery->superfluous[recovery->current])
        recovery->current++;
    if (recovery->current < recovery->file_count) {
        effects_remove(effects, tickets_draw(&store->tickets, &recovery->remove_wait),
                       recovery->files[recovery->current++].file);
        return;
    }
    recovery->room = ROOM_MADE;
    end(store);
    trouble_hurry(&store->troubles, TROUBLE_MANIFEST);
}

static void take_piece(struct store *store, struct bytes bytes, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    buffer_append(&recovery->rewriting, bytes);
    if (bytes.size == 0) {
        end(store);
    } else if (recovery->rewriting.size < recovery->manifest_end) {
        read_piece(store, effects);
    } else {
        recovery->room = ROOM_WRITING;
        effects_write(effects, tickets_draw(&store->tickets, &recovery->write_wait),
                      recovery->manifest, 0, buffer_bytes(&recovery->rewriting));
    }
}

void recovery_on_room(struct store *store, const struct disk_done *done, struct effects *effects) {
    struct recovery *recovery = store->recovery;
    if (done->status != DISK_OK && recovery->room != ROOM_REMOVING) {
        /* The next time that the manifest finds no space, from the beginning. */
        end(store);
        return;
    }
    switch (recovery->room) {
    case ROOM_READING:
        take_piece(store, done->bytes, effects);
        return;
    case ROOM_WRITING:
        recovery->room = ROOM_SYNCING;
        effects_sync(effects, tickets_draw(&store->tickets, &recovery->sync_wait),
                     recovery->manifest);
        return;
    case ROOM_SYNCING:
        recovery->room = ROOM_NAMING;
        effects_sync_directory(effects, tickets_draw(&store->tickets, &recovery->sync_wait));
        return;
    case ROOM_NAMING:
        recovery->room = ROOM_REMOVING;
        recovery->current = 0;
        remove_next(store, effects);
        return;
    case ROOM_REMOVING:
        remove_next(store, effects);
        return;
    case ROOM_WANTED:
    case ROOM_MADE:
        break;
    }
    CHECK_UNREACHABLE("room is made by operations that were asked for");
}
