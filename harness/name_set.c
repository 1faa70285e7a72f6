#include "harness/name_set.h"

#include "engine/base/text.h"

#include <stdio.h>

uint32_t host_set_count(const struct host_set *set) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < HOST_SET_WORDS; i++)
        count += (uint32_t)__builtin_popcountll(set->words[i]);
    return count;
}

uint32_t scenario_client_count(const struct scenario *scenario) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < scenario->group_count; i++)
        count += scenario->groups[i].count;
    return count;
}

uint32_t scenario_host_count(const struct scenario *scenario) {
    return scenario->cluster.node_count + scenario_client_count(scenario) + 1;
}

void scenario_host_name(const struct scenario *scenario, uint32_t host,
                        char name[2 * SCENARIO_NAME_MAX]) {
    if (host < scenario->cluster.node_count) {
        snprintf(name, 2 * SCENARIO_NAME_MAX, "%s", scenario->cluster.nodes[host].name);
        return;
    }
    host -= scenario->cluster.node_count;
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        if (host < scenario->groups[i].count) {
            snprintf(name, 2 * SCENARIO_NAME_MAX, "%s%u", scenario->groups[i].name, host + 1);
            return;
        }
        host -= scenario->groups[i].count;
    }
    snprintf(name, 2 * SCENARIO_NAME_MAX, "inspector");
}

void name_set_shuffle(const struct scenario *scenario, struct prng *prng,
                      uint32_t order[SCENARIO_NODES_MAX]) {
    uint32_t count = scenario->cluster.node_count;
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = prng_below(prng, i);
        uint32_t held = order[i - 1];
        order[i - 1] = order[other];
        order[other] = held;
    }
}

static bool find_node(const struct scenario *scenario, struct bytes name, uint32_t *node) {
    for (uint32_t i = 0; i < scenario->cluster.node_count; i++) {
        if (bytes_equal(bytes_of_text(scenario->cluster.nodes[i].name), name)) {
            *node = i;
            return true;
        }
    }
    return false;
}

static bool add_run(const struct scenario *scenario, struct bytes term, struct host_set *set) {
    for (size_t at = 1; at + 3 < term.size; at++) {
        uint32_t first, last;
        if (term.data[at] != '.' || term.data[at + 1] != '.')
            continue;
        if (!find_node(scenario, bytes_slice(term, 0, at), &first) ||
            !find_node(scenario, bytes_slice(term, at + 2, term.size - at - 2), &last))
            return false;
        for (uint32_t i = first; i <= last; i++)
            host_set_add(set, i);
        return first <= last;
    }
    return false;
}

static bool add_place(const struct scenario *scenario, struct bytes name, bool rack,
                      struct host_set *set) {
    bool found = false;
    for (uint32_t i = 0; i < scenario->cluster.node_count; i++) {
        const struct scenario_node *node = &scenario->cluster.nodes[i];
        if (bytes_equal(bytes_of_text(rack ? node->rack : node->datacentre), name)) {
            host_set_add(set, i);
            found = true;
        }
    }
    return found && name.size > 0;
}

static bool add_random(const struct scenario *scenario, uint64_t count, struct prng *prng,
                       struct host_set *set) {
    uint32_t order[SCENARIO_NODES_MAX];
    if (count == 0 || count > scenario->cluster.node_count)
        return false;
    name_set_shuffle(scenario, prng, order);
    for (uint32_t i = 0; i < count; i++)
        host_set_add(set, order[i]);
    return true;
}

static bool add_clients(const struct scenario *scenario, struct bytes term, struct host_set *set) {
    uint32_t host = scenario->cluster.node_count;
    bool found = false;
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        const struct client_group *group = &scenario->groups[i];
        bool whole = bytes_equal(term, bytes_of_text("clients")) ||
                     bytes_equal(term, bytes_of_text(group->name));
        for (uint32_t j = 0; j < group->count; j++, host++) {
            char name[2 * SCENARIO_NAME_MAX];
            scenario_host_name(scenario, host, name);
            if (whole || bytes_equal(term, bytes_of_text(name))) {
                host_set_add(set, host);
                found = true;
            }
        }
    }
    return found || bytes_equal(term, bytes_of_text("clients"));
}

static bool add_term(const struct scenario *scenario, struct bytes term, struct prng *prng,
                     const uint32_t *order, struct host_set *set) {
    static const char DATACENTRE[] = "datacentre:", RACK[] = "rack:", RANDOM[] = "random:",
                      PICK[] = "pick:";
    uint32_t node;
    uint64_t number;
    if (bytes_equal(term, bytes_of_text("all"))) {
        for (uint32_t i = 0; i < scenario->cluster.node_count; i++)
            host_set_add(set, i);
        return true;
    }
    if (bytes_equal(term, bytes_of_text("rest"))) {
        set->rest = true;
        return true;
    }
    if (find_node(scenario, term, &node)) {
        host_set_add(set, node);
        return true;
    }
    if (bytes_start_with(term, bytes_of_text(DATACENTRE)))
        return add_place(scenario,
                         bytes_slice(term, strlen(DATACENTRE), term.size - strlen(DATACENTRE)),
                         false, set);
    if (bytes_start_with(term, bytes_of_text(RACK)))
        return add_place(scenario, bytes_slice(term, strlen(RACK), term.size - strlen(RACK)), true,
                         set);
    if (bytes_equal(term, bytes_of_text("random")))
        return add_random(scenario, 1, prng, set);
    if (bytes_start_with(term, bytes_of_text(RANDOM)))
        return text_parse_u64(bytes_slice(term, strlen(RANDOM), term.size - strlen(RANDOM)),
                              &number) &&
               add_random(scenario, number, prng, set);
    if (bytes_start_with(term, bytes_of_text(PICK))) {
        if (!text_parse_u64(bytes_slice(term, strlen(PICK), term.size - strlen(PICK)), &number) ||
            number == 0 || number > scenario->cluster.node_count)
            return false;
        host_set_add(set, order[number - 1]);
        return true;
    }
    return add_run(scenario, term, set) || add_clients(scenario, term, set);
}

bool name_set_resolve(const struct scenario *scenario, const char *text, struct prng *prng,
                      const uint32_t *order, struct host_set *set, struct buffer *problem) {
    *set = (struct host_set){0};
    uint32_t terms = 0;
    while (*text != 0) {
        size_t size = strcspn(text, " ,\t\n");
        if (size > 0) {
            struct bytes term = bytes_of(text, size);
            terms++;
            if (!add_term(scenario, term, prng, order, set)) {
                text_append(problem, "'");
                text_append_quoted(problem, term, 64);
                text_append(problem,
                            "' names no node, client, datacentre or rack of this scenario");
                return false;
            }
        }
        text += size + (text[size] != 0);
    }
    if (terms == 0)
        text_append(problem, "names no hosts");
    return terms > 0;
}
