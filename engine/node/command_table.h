/* command_table: what clients may ask for.
 *
 *     words --command_find()--> row of the table --command_run()--> a reply at once, or operations
 *                                                                         |
 *     reply <--command_complete()--------------- session_complete() <-----+
 *
 * Commands of the first kind write their reply and are done (PING, INFO). Those of the second submit one operation (GET,
 * DSET) or gather several (MGET, DEL) and answer when the last has completed. What cannot be offered honestly has a row
 * too: it says why, which helps more than "unknown command".
 *
 *     const struct command *command = command_find(bytes_of_text("get"));
 *     CHECK(command->id == COMMAND_GET);
 */
#ifndef DUNLIN_NODE_COMMAND_TABLE_H
#define DUNLIN_NODE_COMMAND_TABLE_H

#include "engine/base/bytes.h"

enum command_id {
    COMMAND_AUTH,
    COMMAND_BGSAVE,
    COMMAND_CLIENT,
    COMMAND_CLUSTER,
    COMMAND_COMMAND,
    COMMAND_CONFIG,
    COMMAND_DBSIZE,
    COMMAND_DCHECKPOINT,
    COMMAND_DDEL,
    COMMAND_DEL,
    COMMAND_DGET,
    COMMAND_DLOCAL,
    COMMAND_DSET,
    COMMAND_ECHO,
    COMMAND_EXISTS,
    COMMAND_GET,
    COMMAND_HELLO,
    COMMAND_INFO,
    COMMAND_LASTSAVE,
    COMMAND_MGET,
    COMMAND_MSET,
    COMMAND_PING,
    COMMAND_PTTL,
    COMMAND_QUIT,
    COMMAND_READONLY,
    COMMAND_READWRITE,
    COMMAND_RESET,
    COMMAND_SAVE,
    COMMAND_SCAN,
    COMMAND_SELECT,
    COMMAND_SET,
    COMMAND_STRLEN,
    COMMAND_TIME,
    COMMAND_TTL,
    COMMAND_TYPE,
    COMMAND_UNLINK,
    COMMAND_WAIT,
    COMMAND_REFUSED, /* known, and not offered */
};

enum {
    COMMAND_READS = 1,            /* asks the coordinator, changes nothing */
    COMMAND_WRITES = 2,           /* may change its keys */
    COMMAND_WAITS = 4,            /* runs only when every earlier command of its session is done */
    COMMAND_BEFORE_AUTH = 8,      /* needs no password */
    COMMAND_ANSWERS_AT_ONCE = 16, /* writes its reply itself, without an operation */
};

struct command {
    const char *name; /* upper case */
    enum command_id id;
    uint8_t flags;
    int8_t arity;      /* words, the name included; -n: at least n */
    uint8_t first_key; /* word; 0: no keys */
    int8_t last_key;   /* -1: the last word */
    uint8_t key_step;
    const char *group;
    const char *since;   /* the version of Redis, or of Dunlin for its own commands */
    const char *summary; /* of a refused command: why it is not offered */
};

/* Null when there is no such command. Ignores case. */
const struct command *command_find(struct bytes name);
/* Commands that are offered, in the order of their names: 0 .. command_count() - 1. */
uint32_t command_count(void);
const struct command *command_at(uint32_t index);
/* Commands that are known but refused. */
uint32_t command_refused_count(void);
const struct command *command_refused_at(uint32_t index);

/* True when word `index` of `count` is a key. */
bool command_word_is_key(const struct command *command, uint32_t index, uint32_t count);
/* Keys are the words first_key, first_key + key_step ... */
uint32_t command_key_count(const struct command *command, uint32_t count);

#endif
