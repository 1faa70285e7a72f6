// The same header serves C++: an adapter of a benchmark, say.
#include <dunlin_store.h>

#include <string>

static bytes as_bytes(const std::string &text) {
    return bytes_of(text.data(), text.size());
}

class adapter {
  public:
    explicit adapter(const std::string &directory) {
        store_config config = store_config_default();
        config.sync = STORE_SYNC_NEVER;
        store = blocking_store_open(directory.c_str(), &config, &problem);
    }
    adapter(const adapter &) = delete;
    adapter &operator=(const adapter &) = delete;
    ~adapter() {
        if (store != nullptr)
            (void)blocking_store_close(store, &problem);
        buffer_deinit(&problem);
    }
    bool is_open() const {
        return store != nullptr;
    }
    bool put(const std::string &key, const std::string &value) {
        return blocking_store_put(store, as_bytes(key), as_bytes(value), false) == STORE_OK;
    }
    bool get(const std::string &key, std::string *value) {
        bytes found;
        if (blocking_store_get(store, as_bytes(key), &found) != STORE_OK)
            return false;
        value->assign(reinterpret_cast<const char *>(found.data), found.size);
        return true;
    }

  private:
    blocking_store *store = nullptr;
    buffer problem = {};
};

int main(int argc, char **argv) {
    std::string value;
    if (argc != 2)
        return 2;
    adapter adapter(argv[1]);
    return adapter.is_open() && adapter.put("key", "value") && adapter.get("key", &value) &&
                   value == "value"
               ? 0
               : 1;
}
