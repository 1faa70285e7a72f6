/* dunlin store dump: what a store holds. */
#include "server/subcommand_store.h"

#include "server/client.h"
#include "server/store_view.h"
#include "server/subcommand.h"

#include "engine/data/entry_key.h"
#include "engine/data/object.h"

#include <inttypes.h>
#include <time.h>

void store_print_bytes(struct bytes bytes, const struct store_options *options) {
    if (options->raw) {
        fwrite(bytes.data, 1, bytes.size, stdout);
        return;
    }
    if (options->json) {
        client_print_json((const char *)bytes.data, bytes.size);
        return;
    }
    putchar('"');
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = bytes.data[i];
        if (byte == '"' || byte == '\\')
            printf("\\%c", byte);
        else if (byte >= ' ' && byte < 0x7f)
            putchar(byte);
        else
            printf("\\x%02x", byte);
    }
    putchar('"');
}

void store_print_key(struct bytes key, const struct store_options *options) {
    struct entry_key decoded;
    if (!entry_key_decode(key, &decoded)) {
        fputs(key.size > 0 && key.data[0] == 0 ? "own " : "key ", stdout);
        store_print_bytes(key, options);
        return;
    }
    switch (decoded.space) {
    case ENTRY_DATA:
        printf("data %u/%u ", decoded.partition, decoded.leaf);
        break;
    case ENTRY_HINT:
        printf("hint for %016" PRIx64 " %u/%u ", decoded.target, decoded.partition, decoded.leaf);
        break;
    case ENTRY_META:
        fputs("meta ", stdout);
        break;
    }
    store_print_bytes(decoded.key, options);
}

static void print_json_key(struct bytes key, const struct store_options *options) {
    struct entry_key decoded;
    if (!entry_key_decode(key, &decoded)) {
        fputs("{\"space\":\"other\",\"key\":", stdout);
        store_print_bytes(key, options);
        return;
    }
    switch (decoded.space) {
    case ENTRY_DATA:
        printf("{\"space\":\"data\",\"partition\":%u,\"leaf\":%u", decoded.partition, decoded.leaf);
        break;
    case ENTRY_HINT:
        printf("{\"space\":\"hint\",\"target\":\"%016" PRIx64 "\",\"partition\":%u,\"leaf\":%u",
               decoded.target, decoded.partition, decoded.leaf);
        break;
    case ENTRY_META:
        fputs("{\"space\":\"meta\"", stdout);
        break;
    }
    fputs(",\"key\":", stdout);
    store_print_bytes(decoded.key, options);
}

/* The siblings of a data entry; false when the value is something else. */
static bool print_siblings(struct bytes key, struct bytes value,
                           const struct store_options *options) {
    static struct object object;
    struct entry_key decoded;
    if (!entry_key_decode(key, &decoded) || decoded.space == ENTRY_META ||
        !object_decode(value, &object))
        return false;
    for (uint32_t i = 0; i < object.sibling_count; i++) {
        const struct sibling *sibling = &object.siblings[i];
        if (options->json && i > 0)
            putchar(',');
        else if (!options->json)
            putchar(' ');
        if ((sibling->flags & SIBLING_TOMBSTONE) != 0)
            fputs(options->json ? "null" : "deleted", stdout);
        else
            store_print_bytes(sibling->value, options);
    }
    return true;
}

struct wall_time store_wall(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (struct wall_time){(uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000};
}

void store_print_expiry(struct wall_time expires, const struct store_options *options) {
    time_t seconds = (time_t)(expires.milliseconds / 1000);
    struct tm parts;
    char text[64];
    /* The time of a key that is kept practically for ever may lie behind all years that have names. */
    if (!options->json && expires.milliseconds / 1000 < (uint64_t)1 << 40 &&
        gmtime_r(&seconds, &parts) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) > 0)
        printf("%s.%03" PRIu64 "Z", text, expires.milliseconds % 1000);
    else
        printf("%" PRIu64, expires.milliseconds);
}

static void print_json_entry(const struct store_entry *entry, const struct store_options *options) {
    print_json_key(entry->key, options);
    if (entry->removed) {
        fputs(",\"removed\":true}\n", stdout);
        return;
    }
    if (entry->expires.milliseconds != 0) {
        fputs(",\"expires\":", stdout);
        store_print_expiry(entry->expires, options);
        printf(",\"expired\":%s", has_expired(entry->expires, store_wall()) ? "true" : "false");
    }
    fputs(",\"values\":[", stdout);
    if (!print_siblings(entry->key, entry->value, options))
        store_print_bytes(entry->value, options);
    fputs("]}\n", stdout);
}

void store_print_entry(const struct store_entry *entry, const struct store_options *options) {
    if (options->json) {
        print_json_entry(entry, options);
        return;
    }
    store_print_key(entry->key, options);
    if (entry->expires.milliseconds != 0) {
        fputs(has_expired(entry->expires, store_wall()) ? " expired " : " expires ", stdout);
        store_print_expiry(entry->expires, options);
    }
    fputs(entry->removed ? " removed" : " =", stdout);
    if (!entry->removed && !print_siblings(entry->key, entry->value, options)) {
        putchar(' ');
        store_print_bytes(entry->value, options);
    }
    putchar('\n');
}

static bool is_wanted(struct bytes key, const struct store_options *options) {
    struct entry_key decoded;
    if (options->prefix == NULL)
        return true;
    struct bytes prefix = bytes_of_text(options->prefix);
    return bytes_start_with(entry_key_decode(key, &decoded) ? decoded.key : key, prefix);
}

int store_dump(const struct stopped_store *stopped, const struct store_options *options) {
    struct buffer problem = {0};
    struct store_view *view = store_view_open(stopped, &problem);
    if (view == NULL) {
        fprintf(stderr,
                "dunlin: %.*s; --file dumps one file, `dunlin store check` says what is damaged\n",
                (int)problem.size, (const char *)problem.data);
        buffer_deinit(&problem);
        return EXIT_FAILED;
    }
    struct store_entry entry;
    enum store_status status;
    while ((status = store_view_next(view, (struct bytes){0}, &entry)) == STORE_OK) {
        if (is_wanted(entry.key, options))
            store_print_entry(&entry, options);
    }
    store_view_close(view);
    if (status == STORE_ABSENT)
        return EXIT_DONE;
    fputs("dunlin: the entries behind this cannot be read: `dunlin store check` says why\n",
          stderr);
    return EXIT_FAILED;
}
