// Threads that share the items of a list; the results do not depend on how many there are.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace smeaton {

class Workers {
public:
    /// 0: as many as the process may use.
    explicit Workers(int threads);
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    size_t count() const { return threads_.size() + 1; }
    /// Calls work(item, worker) for items 0 … count-1, which are begun in that order, and returns
    /// when all are done; throws what the first item that throws has thrown.
    void each(size_t count, const std::function<void(size_t item, size_t worker)>& work);

private:
    void take_items(size_t worker);
    void loop(size_t worker);

    std::vector<std::thread> threads_;
    std::mutex mutex_;
    std::condition_variable begun_, ended_;
    const std::function<void(size_t, size_t)>* work_ = nullptr;
    size_t next_ = 0, items_ = 0, busy_ = 0, round_ = 0;
    std::exception_ptr error_;
    size_t error_item_ = 0;
    bool closing_ = false;
};

/// By this thread alone where there are no workers (null), or one item.
void for_each_item(Workers*, size_t count, const std::function<void(size_t item)>& work);

}  // namespace smeaton
