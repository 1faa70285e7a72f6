#include "engine/store/log_supply.h"

void log_supply_init(struct log_supply *supply, const struct store_config *config,
                     struct tickets *tickets) {
    CHECK(config->log_spares <= STORE_LOG_SPARES_MAX);
    *supply = (struct log_supply){
        .tickets = tickets,
        .on = config->log_allocates,
        .segment_bytes = config->log_segment_bytes,
        .spares_max = config->log_spares,
        .file = {.kind = FILE_LOG},
        .make_wait = {.kind = WAIT_SEGMENT_MAKE},
        .sync_wait = {.kind = WAIT_SEGMENT_SYNC},
        .directory_wait = {.kind = WAIT_SEGMENT_DIRECTORY},
    };
}

bool log_supply_make(struct log_supply *supply, uint64_t *next_file, struct effects *effects) {
    if (!supply->on || supply->paused || supply->phase != LOG_SUPPLY_EMPTY)
        return false;
    supply->phase = LOG_SUPPLY_MAKING;
    supply->file.number = (*next_file)++;
    uint64_t ticket = tickets_draw(supply->tickets, &supply->make_wait);
    supply->made_of = 0;
    if (supply->spare_count > 0) {
        supply->made_of = supply->spares[--supply->spare_count];
        struct file_id spare = {.kind = FILE_LOG, .number = supply->made_of};
        supply->recycled++;
        effects_rename(effects, ticket, spare, supply->file);
    } else {
        supply->allocated++;
        effects_allocate(effects, ticket, supply->file, supply->segment_bytes);
    }
    return true;
}

enum log_supply_progress log_supply_on_done(struct log_supply *supply, enum wait_kind kind,
                                            enum disk_status status, struct effects *effects) {
    supply->failed |= status != DISK_OK;
    if (supply->sync_wait.pending || supply->directory_wait.pending)
        return LOG_SUPPLY_GOES_ON;
    supply->behind = supply->failed;
    if (supply->failed) {
        supply->failed = false;
        supply->phase = LOG_SUPPLY_EMPTY;
        return LOG_SUPPLY_FAILED;
    }
    if (kind == WAIT_SEGMENT_MAKE) {
        supply->phase = LOG_SUPPLY_SYNCING;
        effects_sync(effects, tickets_draw(supply->tickets, &supply->sync_wait), supply->file);
        effects_sync_directory(effects, tickets_draw(supply->tickets, &supply->directory_wait));
    } else {
        supply->phase = LOG_SUPPLY_READY;
    }
    return LOG_SUPPLY_GOES_ON;
}

bool log_supply_take(struct log_supply *supply, uint64_t *number) {
    if (supply->phase != LOG_SUPPLY_READY)
        return false;
    *number = supply->file.number;
    supply->phase = LOG_SUPPLY_EMPTY;
    return true;
}

bool log_supply_keep(struct log_supply *supply, uint64_t number, uint64_t size) {
    /* One that is shorter would need new blocks, one that is longer would keep them for nothing. */
    if (!supply->on || size != supply->segment_bytes || supply->spare_count == supply->spares_max)
        return false;
    supply->spares[supply->spare_count++] = number;
    return true;
}

bool log_supply_give_back(struct log_supply *supply, uint64_t *number) {
    if (supply->spare_count == 0)
        return false;
    *number = supply->spares[--supply->spare_count];
    return true;
}
