/* store_directory_internal: what the parts of a store's directory share. */
#ifndef DUNLIN_SERVER_STORE_DIRECTORY_INTERNAL_H
#define DUNLIN_SERVER_STORE_DIRECTORY_INTERNAL_H

#include "server/store_directory.h"

void store_file_close(struct store_file *file);

#endif
