/* effect: everything that a node can ask of its host.
 *
 * Effects and the bytes that they point to live until the node's next step: a host that performs
 * one later copies it. Sends on one link and writes to one file keep their order; all other effects
 * of a step are unordered, and any of them may fail. What must wait for another effect is emitted
 * by the step that receives its ticket.
 *
 *     effects_send(effects, link, bytes);
 *     effects_write(effects, ticket, file, offset, bytes);
 */
#ifndef DUNLIN_BASE_EFFECT_H
#define DUNLIN_BASE_EFFECT_H

#include "engine/base/arena.h"
#include "engine/base/event.h"

enum effect_kind {
    EFFECT_CONNECT,  /* link (chosen by the node, odd), bytes = address "host:port" of a peer */
    EFFECT_SEND,     /* link, bytes */
    EFFECT_CLOSE,    /* link: what was sent before is still delivered; EVENT_LINK_CLOSED does not
                       follow */
    EFFECT_WRITE,    /* ticket, file, offset, bytes: creates the file when it is not there */
    EFFECT_ALLOCATE, /* ticket, file, size: creates the file when it is not there, and takes the
                        space up to `size` for it, so that a write below needs none. The file is at
                        least `size` long; bytes never written read as zero */
    EFFECT_READ,     /* ticket, file, offset, size */
    EFFECT_SYNC,     /* ticket, file: its bytes, its length and its space are durable */
    EFFECT_SYNC_DIRECTORY, /* ticket, file.checkpoint: names made, moved and removed so far in that
                              directory are durable, and so is its own */
    EFFECT_RENAME,         /* ticket, file, to: replaces any file of that name, and at no time,
                              not even by a crash, is there neither */
    EFFECT_LINK,           /* ticket, file, to: a further name for the same bytes, which must be
                              free */
    EFFECT_REMOVE,         /* ticket, file */
    EFFECT_LIST,           /* ticket, file.checkpoint: every file of that directory whose name
                              file_parse() knows; of the live one (0) also those of all checkpoints */
    EFFECT_NOTE,           /* level, bytes: one sentence for people, without a newline */
    EFFECT_HALT, /* bytes: why. The node is finished; the host gives it no further event */
};

enum note_level { NOTE_NONE = 0, NOTE_ERROR, NOTE_WARNING, NOTE_INFO, NOTE_DETAIL };

struct effect {
    enum effect_kind kind;
    struct link_id link;
    struct file_id file;
    struct file_id to; /* of a rename or a link: the new name */
    uint64_t ticket;
    uint64_t offset; /* bytes from the start of the file */
    uint64_t size;   /* bytes to read, or to take space for */
    struct bytes bytes;
    enum note_level level;
};

/* The zero value is an empty list. */
struct effects {
    struct effect *items;
    size_t count;
    size_t capacity;
    struct arena arena; /* for bytes that no one else keeps until the next step */
};

void effects_deinit(struct effects *effects);
void effects_clear(struct effects *effects);

/* Each appends one effect and borrows its bytes: the caller keeps them until the next step, or
 * copies them into effects->arena first. */
void effects_connect(struct effects *effects, struct link_id link, struct bytes address);
void effects_send(struct effects *effects, struct link_id link, struct bytes bytes);
void effects_close(struct effects *effects, struct link_id link);
void effects_write(struct effects *effects, uint64_t ticket, struct file_id file, uint64_t offset,
                   struct bytes bytes);
void effects_allocate(struct effects *effects, uint64_t ticket, struct file_id file, uint64_t size);
void effects_read(struct effects *effects, uint64_t ticket, struct file_id file, uint64_t offset,
                  uint64_t size);
void effects_sync(struct effects *effects, uint64_t ticket, struct file_id file);
/* The live directory; a checkpoint's. */
void effects_sync_directory(struct effects *effects, uint64_t ticket);
void effects_sync_checkpoint(struct effects *effects, uint64_t ticket, uint32_t checkpoint);
void effects_rename(struct effects *effects, uint64_t ticket, struct file_id file,
                    struct file_id to);
void effects_link(struct effects *effects, uint64_t ticket, struct file_id file, struct file_id to);
void effects_remove(struct effects *effects, uint64_t ticket, struct file_id file);
/* Everything; a checkpoint. */
void effects_list(struct effects *effects, uint64_t ticket);
void effects_list_checkpoint(struct effects *effects, uint64_t ticket, uint32_t checkpoint);
void effects_note(struct effects *effects, enum note_level level, struct bytes sentence);
void effects_halt(struct effects *effects, struct bytes why);

#endif
