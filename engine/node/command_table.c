#include "engine/node/command_table.h"

#include "engine/base/text.h"

enum {
    READS = COMMAND_READS,
    WRITES = COMMAND_WRITES,
    WAITS = COMMAND_WAITS,
    OPEN = COMMAND_BEFORE_AUTH,
    NOW = COMMAND_ANSWERS_AT_ONCE,
};

/* Sorted by name: command_find() halves its way through. */
static const struct command COMMANDS[] = {
    {"AUTH", COMMAND_AUTH, NOW | WAITS | OPEN, -2, 0, 0, 0, "connection", "1.0.0",
     "Authenticates the connection."},
    {"BGSAVE", COMMAND_BGSAVE, WAITS, -1, 0, 0, 0, "server", "1.0.0",
     "Begins a checkpoint of this node's store."},
    {"CLIENT", COMMAND_CLIENT, NOW | WAITS, -2, 0, 0, 0, "connection", "2.4.0",
     "Shows and names connections."},
    {"CLUSTER", COMMAND_CLUSTER, NOW, -2, 0, 0, 0, "cluster", "3.0.0",
     "Tells clients which members hold which slots."},
    {"COMMAND", COMMAND_COMMAND, NOW, -1, 0, 0, 0, "server", "2.8.13", "Describes the commands."},
    {"CONFIG", COMMAND_CONFIG, NOW, -2, 0, 0, 0, "server", "2.0.0",
     "Shows the settings of this node."},
    {"DBSIZE", COMMAND_DBSIZE, NOW | WAITS, 1, 0, 0, 0, "server", "1.0.0",
     "Returns the number of keys that this node holds."},
    {"DCHECKPOINT", COMMAND_DCHECKPOINT, WAITS, -2, 0, 0, 0, "server", "0.1.0",
     "Makes, lists and removes checkpoints of this node's store."},
    {"DDEL", COMMAND_DDEL, WRITES, -3, 1, 1, 1, "causal", "0.1.0",
     "Deletes what the context covers and returns the new context."},
    {"DEL", COMMAND_DEL, WRITES, -2, 1, -1, 1, "generic", "1.0.0", "Deletes keys."},
    {"DGET", COMMAND_DGET, READS, -2, 1, 1, 1, "causal", "0.1.0",
     "Returns a context and every concurrent value of a key."},
    {"DLOCAL", COMMAND_DLOCAL, READS, 2, 1, 1, 1, "causal", "0.1.0",
     "Returns what this node's own replica holds under a key."},
    {"DSET", COMMAND_DSET, WRITES, -4, 1, 1, 1, "causal", "0.1.0",
     "Replaces what the context covers and returns the new context."},
    {"ECHO", COMMAND_ECHO, NOW, 2, 0, 0, 0, "connection", "1.0.0", "Returns its argument."},
    {"EXISTS", COMMAND_EXISTS, READS, -2, 1, -1, 1, "generic", "1.0.0",
     "Counts how many of the keys exist."},
    {"GET", COMMAND_GET, READS, 2, 1, 1, 1, "string", "1.0.0", "Returns the value of a key."},
    {"HELLO", COMMAND_HELLO, NOW | WAITS | OPEN, -1, 0, 0, 0, "connection", "6.0.0",
     "Chooses the protocol version and describes the server."},
    {"INFO", COMMAND_INFO, NOW | WAITS, -1, 0, 0, 0, "server", "1.0.0",
     "Returns figures about this node."},
    {"LASTSAVE", COMMAND_LASTSAVE, NOW | WAITS, 1, 0, 0, 0, "server", "1.0.0",
     "Returns when the last checkpoint was complete, in seconds since 1970."},
    {"MGET", COMMAND_MGET, READS, -2, 1, -1, 1, "string", "1.0.0",
     "Returns the values of several keys."},
    {"MSET", COMMAND_MSET, WRITES, -3, 1, -1, 2, "string", "1.0.1",
     "Sets several keys, each by itself."},
    {"PING", COMMAND_PING, NOW, -1, 0, 0, 0, "connection", "1.0.0", "Returns PONG."},
    {"PTTL", COMMAND_PTTL, READS, 2, 1, 1, 1, "generic", "2.6.0",
     "Returns -1 for a key that exists, -2 for one that does not."},
    {"QUIT", COMMAND_QUIT, NOW | WAITS | OPEN, -1, 0, 0, 0, "connection", "1.0.0",
     "Closes the connection."},
    {"READONLY", COMMAND_READONLY, NOW, 1, 0, 0, 0, "cluster", "3.0.0",
     "Does nothing: every node answers reads of every key."},
    {"READWRITE", COMMAND_READWRITE, NOW, 1, 0, 0, 0, "cluster", "3.0.0",
     "Does nothing: every node answers reads of every key."},
    {"RESET", COMMAND_RESET, NOW | WAITS | OPEN, 1, 0, 0, 0, "connection", "6.2.0",
     "Makes the connection as it was when it was new."},
    {"SAVE", COMMAND_SAVE, WAITS, 1, 0, 0, 0, "server", "1.0.0",
     "Makes a checkpoint of this node's store and answers when it is complete."},
    {"SCAN", COMMAND_SCAN, WAITS | READS, -2, 0, 0, 0, "generic", "2.8.0",
     "Walks over the keys that this node holds."},
    {"SELECT", COMMAND_SELECT, NOW, 2, 0, 0, 0, "connection", "1.0.0",
     "Accepts database 0, the only one."},
    {"SET", COMMAND_SET, WRITES, -3, 1, 1, 1, "string", "1.0.0", "Sets the value of a key."},
    {"STRLEN", COMMAND_STRLEN, READS, 2, 1, 1, 1, "string", "2.2.0",
     "Returns the length of a value."},
    {"TIME", COMMAND_TIME, NOW, 1, 0, 0, 0, "server", "2.6.0", "Returns this node's time of day."},
    {"TTL", COMMAND_TTL, READS, 2, 1, 1, 1, "generic", "1.0.0",
     "Returns -1 for a key that exists, -2 for one that does not."},
    {"TYPE", COMMAND_TYPE, READS, 2, 1, 1, 1, "generic", "1.0.0",
     "Returns string for a key that exists, none for one that does not."},
    {"UNLINK", COMMAND_UNLINK, WRITES, -2, 1, -1, 1, "generic", "4.0.0", "Deletes keys, as DEL."},
    {"WAIT", COMMAND_WAIT, NOW | WAITS, 3, 0, 0, 0, "generic", "3.0.0",
     "Returns how many further replicas have acknowledged this connection's writes."},
};

#define REFUSED(name, why)                                                                         \
    { name, COMMAND_REFUSED, 0, -1, 0, 0, 0, "", "", why }
#define NO_TRANSACTIONS                                                                            \
    "Dunlin has no transactions: each key is written by itself, and DSET with a context tells "    \
    "concurrent writers apart"
#define NO_EXPIRY "Dunlin has no expiry yet: a key lives until it is deleted"
#define NO_CONDITIONS                                                                              \
    "with no node in charge, reading and writing cannot be one step: use DGET, then DSET with "    \
    "its context"
#define STRINGS_ONLY "Dunlin keeps strings only"
#define NO_CHANNELS "Dunlin has no channels"
#define NO_SCRIPTS "Dunlin runs no scripts"
#define NO_WALK "no node knows every key: use SCAN on each node, which walks in steps"
#define NO_FLUSH "Dunlin deletes keys one by one: use DEL"
#define BY_ITSELF "Dunlin does this by itself"
#define BY_CONFIGURATION "this is set in the configuration file of the node"

/* Sorted by name. */
static const struct command REFUSALS[] = {
    REFUSED("ACL", BY_CONFIGURATION),
    REFUSED("APPEND", NO_CONDITIONS),
    REFUSED("BGREWRITEAOF", BY_ITSELF),
    REFUSED("BITCOUNT", STRINGS_ONLY),
    REFUSED("COPY", NO_CONDITIONS),
    REFUSED("DECR", NO_CONDITIONS),
    REFUSED("DECRBY", NO_CONDITIONS),
    REFUSED("DISCARD", NO_TRANSACTIONS),
    REFUSED("DUMP", "a value has no serialized form here: use DGET"),
    REFUSED("EVAL", NO_SCRIPTS),
    REFUSED("EVALSHA", NO_SCRIPTS),
    REFUSED("EXEC", NO_TRANSACTIONS),
    REFUSED("EXPIRE", NO_EXPIRY),
    REFUSED("EXPIREAT", NO_EXPIRY),
    REFUSED("FAILOVER", "no node is in charge, so there is nothing to fail over"),
    REFUSED("FCALL", NO_SCRIPTS),
    REFUSED("FLUSHALL", NO_FLUSH),
    REFUSED("FLUSHDB", NO_FLUSH),
    REFUSED("FUNCTION", NO_SCRIPTS),
    REFUSED("GETDEL", NO_CONDITIONS),
    REFUSED("GETEX", NO_EXPIRY),
    REFUSED("GETSET", NO_CONDITIONS),
    REFUSED("HGET", STRINGS_ONLY),
    REFUSED("HGETALL", STRINGS_ONLY),
    REFUSED("HMSET", STRINGS_ONLY),
    REFUSED("HSET", STRINGS_ONLY),
    REFUSED("INCR", NO_CONDITIONS),
    REFUSED("INCRBY", NO_CONDITIONS),
    REFUSED("INCRBYFLOAT", NO_CONDITIONS),
    REFUSED("KEYS", NO_WALK),
    REFUSED("LPOP", STRINGS_ONLY),
    REFUSED("LPUSH", STRINGS_ONLY),
    REFUSED("LRANGE", STRINGS_ONLY),
    REFUSED("MONITOR", "Dunlin does not show one client what others do"),
    REFUSED("MOVE", "there is one database only"),
    REFUSED("MSETNX", NO_CONDITIONS),
    REFUSED("MULTI", NO_TRANSACTIONS),
    REFUSED("PERSIST", NO_EXPIRY),
    REFUSED("PEXPIRE", NO_EXPIRY),
    REFUSED("PEXPIREAT", NO_EXPIRY),
    REFUSED("PSETEX", NO_EXPIRY),
    REFUSED("PSUBSCRIBE", NO_CHANNELS),
    REFUSED("PUBLISH", NO_CHANNELS),
    REFUSED("RANDOMKEY", NO_WALK),
    REFUSED("RENAME", NO_CONDITIONS),
    REFUSED("RENAMENX", NO_CONDITIONS),
    REFUSED("REPLICAOF", "every node is a replica: there is no master to follow"),
    REFUSED("RESTORE", "a value has no serialized form here: use SET"),
    REFUSED("RPOP", STRINGS_ONLY),
    REFUSED("RPUSH", STRINGS_ONLY),
    REFUSED("SADD", STRINGS_ONLY),
    REFUSED("SCRIPT", NO_SCRIPTS),
    REFUSED("SETBIT", NO_CONDITIONS),
    REFUSED("SETEX", NO_EXPIRY),
    REFUSED("SETNX", NO_CONDITIONS),
    REFUSED("SETRANGE", NO_CONDITIONS),
    REFUSED("SHUTDOWN", "stop the process of the node instead (SIGTERM)"),
    REFUSED("SLAVEOF", "every node is a replica: there is no master to follow"),
    REFUSED("SMEMBERS", STRINGS_ONLY),
    REFUSED("SPOP", STRINGS_ONLY),
    REFUSED("SPUBLISH", NO_CHANNELS),
    REFUSED("SSUBSCRIBE", NO_CHANNELS),
    REFUSED("SUBSCRIBE", NO_CHANNELS),
    REFUSED("SWAPDB", "there is one database only"),
    REFUSED("UNWATCH", NO_TRANSACTIONS),
    REFUSED("WATCH", NO_TRANSACTIONS),
    REFUSED("XADD", STRINGS_ONLY),
    REFUSED("ZADD", STRINGS_ONLY),
    REFUSED("ZPOPMIN", STRINGS_ONLY),
    REFUSED("ZRANGE", STRINGS_ONLY),
};

enum {
    COMMAND_COUNT = sizeof COMMANDS / sizeof COMMANDS[0],
    REFUSAL_COUNT = sizeof REFUSALS / sizeof REFUSALS[0],
    NAME_MAX = 15,
};

uint32_t command_count(void) {
    return COMMAND_COUNT;
}

const struct command *command_at(uint32_t index) {
    CHECK(index < COMMAND_COUNT);
    return &COMMANDS[index];
}

uint32_t command_refused_count(void) {
    return REFUSAL_COUNT;
}

const struct command *command_refused_at(uint32_t index) {
    CHECK(index < REFUSAL_COUNT);
    return &REFUSALS[index];
}

static const struct command *find_among(const struct command *rows, uint32_t count,
                                        const char *name) {
    uint32_t low = 0;
    while (count > 0) {
        uint32_t half = count / 2;
        const char *left = rows[low + half].name;
        const char *right = name;
        while (*left != 0 && *left == *right) {
            left++;
            right++;
        }
        if (*left == *right)
            return &rows[low + half];
        if (*left < *right) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return NULL;
}

/* Clearing one bit makes a letter upper case, and makes no other byte a letter. */
static bool spells(const uint8_t *name, const char *upper, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if ((name[i] & 0xdf) != upper[i])
            return false;
    }
    return true;
}

/* The commands that come by the hundred thousand need no search. */
static const struct command *find_frequent(struct bytes name) {
    if (name.size == 3) {
        if (spells(name.data, "GET", 3))
            return &COMMANDS[COMMAND_GET];
        if (spells(name.data, "SET", 3))
            return &COMMANDS[COMMAND_SET];
    } else if (name.size == 4) {
        if (spells(name.data, "DGET", 4))
            return &COMMANDS[COMMAND_DGET];
        if (spells(name.data, "DSET", 4))
            return &COMMANDS[COMMAND_DSET];
    }
    return NULL;
}

const struct command *command_find(struct bytes name) {
    if (name.size == 0 || name.size > NAME_MAX)
        return NULL;
    const struct command *frequent = find_frequent(name);
    if (frequent != NULL)
        return frequent;
    char upper[NAME_MAX + 1];
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        if (byte == 0)
            return NULL;
        upper[i] = (char)(byte >= 'a' && byte <= 'z' ? byte - ('a' - 'A') : byte);
    }
    upper[name.size] = 0;
    const struct command *found = find_among(COMMANDS, COMMAND_COUNT, upper);
    return found != NULL ? found : find_among(REFUSALS, REFUSAL_COUNT, upper);
}

bool command_word_is_key(const struct command *command, uint32_t index, uint32_t count) {
    if (command->first_key == 0 || index < command->first_key)
        return false;
    uint32_t last = command->last_key < 0 ? count - 1 : (uint32_t)command->last_key;
    return index <= last && (index - command->first_key) % command->key_step == 0;
}

uint32_t command_key_count(const struct command *command, uint32_t count) {
    if (command->first_key == 0 || count <= command->first_key)
        return 0;
    uint32_t last = command->last_key < 0 ? count - 1 : (uint32_t)command->last_key;
    if (last > count - 1)
        last = count - 1;
    return (last - command->first_key) / command->key_step + 1;
}
