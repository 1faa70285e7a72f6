#include "server/store_give_up.h"

#include "engine/base/text.h"
#include "server/blocking_store.h"
#include "server/store_view.h"

enum { GIVE_UP_TALLIES = (1 << 20) * STORE_TALLIES_PER_PAGE };

static bool is_counted(const char *path, struct buffer *problem) {
    struct stopped_store stopped;
    if (!stopped_store_open(&stopped, path, false, problem))
        return false;
    struct buffer why = {0};
    struct store_view *view = store_view_open(&stopped, problem);
    bool counted = view != NULL && store_view_is_counted(view, &why);
    if (view != NULL && !counted)
        text_append(problem, "the node has not yet counted anew what is left, nor got back what "
                             "others have: start it first");
    store_view_close(view);
    stopped_store_close(&stopped);
    buffer_deinit(&why);
    return counted;
}

bool store_give_up(const char *path, struct buffer *problem) {
    if (!is_counted(path, problem))
        return false;
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
