#include "harness/simulated_client_internal.h"

enum { THOUSAND_SECONDS = 1000 };

static enum client_action draw_action(struct client *client) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < ACTION_COUNT; i++)
        sum += client->group->mix[i];
    uint32_t drawn = prng_below(&client->prng, sum);
    for (uint32_t i = 0; i < ACTION_COUNT; i++) {
        if (drawn < client->group->mix[i])
            return (enum client_action)i;
        drawn -= client->group->mix[i];
    }
    CHECK_UNREACHABLE("what was drawn lies below the sum of the weights");
}

/* Key i is about 1 / (i + 1) as likely as key 0, by whole numbers only: first a power of two, each equally likely, then
 * evenly within it. */
static uint32_t draw_zipf(struct prng *prng, uint32_t keys) {
    uint32_t doublings = 32 - (uint32_t)__builtin_clz(keys);
    for (;;) {
        uint32_t doubling = prng_below(prng, doublings);
        uint32_t key = ((uint32_t)1 << doubling) - 1 + prng_below(prng, (uint32_t)1 << doubling);
        if (key < keys)
            return key;
    }
}

static uint32_t draw_key(struct client *client) {
    const struct client_group *group = client->group;
    uint32_t first = client->history->group_key_first[client->setup->group_index];
    switch (group->distribution) {
    case KEYS_UNIFORM:
        return first + prng_below(&client->prng, group->keys);
    case KEYS_ZIPF:
        return first + draw_zipf(&client->prng, group->keys);
    case KEYS_SEQUENTIAL:
        return first + client->sequence++ % group->keys;
    }
    CHECK_UNREACHABLE("keys have a known distribution");
}

void client_draw_operation(struct client *client) {
    client->action = draw_action(client);
    client->key = draw_key(client);
    client->retries_left = client->group->retries;
    if (client->group->choice == CHOICE_ANY)
        client->node = prng_below(&client->prng, client->setup->node_count);
}

/* At a rate, gaps are even between nothing and twice the mean, so that clients do not march in step. */
struct instant client_draw_due(struct client *client, struct instant now) {
    const struct client_group *group = client->group;
    if (group->rate_millis == 0) {
        uint64_t think = distribution_sample(&group->think_time, &client->prng);
        return instant_after(now, (struct duration){think > 0 ? think : 1});
    }
    uint64_t mean = duration_of_seconds(THOUSAND_SECONDS).nanoseconds / group->rate_millis;
    struct duration gap = {1 + prng_below_u64(&client->prng, 2 * mean)};
    struct instant due = instant_after(client->scheduled, gap);
    /* After a long wait the backlog is not made up for all at once. */
    return instant_before(due, now) ? instant_after(now, (struct duration){1}) : due;
}

void client_change_node(struct client *client) {
    uint32_t count = client->setup->node_count;
    if (count > 1)
        client->node = (client->node + 1 + prng_below(&client->prng, count - 1)) % count;
}

uint32_t client_draw_value_size(struct client *client) {
    const struct value_range *size = &client->group->value_size;
    if (size->low == size->high)
        return (uint32_t)size->low;
    return (uint32_t)prng_between(&client->prng, size->low, size->high);
}
