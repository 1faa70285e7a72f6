#include "harness/scenario_marks.h"

#include <yaml.h>

enum { PATH_PART_MAX = 127 };

/* The value under `key` of a mapping; `line` becomes the key's. */
static yaml_node_t *find_field(yaml_document_t *document, const yaml_node_t *node, const char *key,
                               uint64_t *line) {
    if (node->type != YAML_MAPPING_NODE)
        return NULL;
    yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(document, pair->key);
        if (name == NULL || name->type != YAML_SCALAR_NODE)
            continue;
        if (strcmp((const char *)name->data.scalar.value, key) == 0) {
            *line = name->start_mark.line + 1;
            return yaml_document_get_node(document, pair->value);
        }
    }
    return NULL;
}

static yaml_node_t *find_entry(yaml_document_t *document, const yaml_node_t *node, size_t index,
                               uint64_t *line) {
    if (node->type != YAML_SEQUENCE_NODE)
        return NULL;
    yaml_node_item_t *item = node->data.sequence.items.start;
    if (index >= (size_t)(node->data.sequence.items.top - item))
        return NULL;
    yaml_node_t *entry = yaml_document_get_node(document, item[index]);
    if (entry != NULL)
        *line = entry->start_mark.line + 1;
    return entry;
}

static uint64_t walk(yaml_document_t *document, const char *path) {
    yaml_node_t *node = yaml_document_get_root_node(document);
    uint64_t line = 1;
    while (node != NULL && *path != 0) {
        if (*path == '[') {
            size_t index = 0;
            for (path++; *path >= '0' && *path <= '9'; path++)
                index = index * 10 + (size_t)(*path - '0');
            path += *path == ']';
            node = find_entry(document, node, index, &line);
            continue;
        }
        path += *path == '.';
        char part[PATH_PART_MAX + 1];
        size_t size = strcspn(path, ".[");
        if (size > PATH_PART_MAX)
            break;
        memcpy(part, path, size);
        part[size] = 0;
        path += size;
        node = find_field(document, node, part, &line);
    }
    return line;
}

uint64_t scenario_line_of(struct bytes text, const char *path) {
    yaml_parser_t parser;
    yaml_document_t document;
    if (yaml_parser_initialize(&parser) == 0)
        return 1;
    yaml_parser_set_input_string(&parser, text.data, text.size);
    uint64_t line = 1;
    if (yaml_parser_load(&parser, &document) != 0) {
        line = walk(&document, path);
        yaml_document_delete(&document);
    } else {
        line = parser.problem_mark.line + 1;
    }
    yaml_parser_delete(&parser);
    return line;
}
