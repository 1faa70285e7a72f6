#include "server/store_give_up.h"

#include "server/blocking_store.h"

enum { GIVE_UP_TALLIES = (1 << 20) * STORE_TALLIES_PER_PAGE };

bool store_give_up(const char *path, struct buffer *problem) {
    struct store_config config = store_config_default();
    config.tally_count = GIVE_UP_TALLIES;
    config.salvages = true;
    struct blocking_store *store = blocking_store_open(path, &config, problem);
    if (store == NULL)
        return false;
    struct store *engine = blocking_store_engine(store);
    struct store_damage damage = {0};
    while (store_next_damage(engine, damage.id, &damage))
        store_heal(engine, damage.id);
    bool done = blocking_store_settle(store) == STORE_OK && !store_next_damage(engine, 0, &damage);
    if (!done)
        buffer_append(problem, blocking_store_problem(store));
    return blocking_store_close(store, problem) && done;
}
