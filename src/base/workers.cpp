#include "base/workers.h"

#include <sched.h>

#include <algorithm>

namespace smeaton {

namespace {

size_t usable_cores() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return static_cast<size_t>(std::max(1, CPU_COUNT(&set)));
    return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

Workers::Workers(int threads) {
    const size_t all = threads > 0 ? static_cast<size_t>(threads) : usable_cores();
    for (size_t i = 1; i < all; ++i) threads_.emplace_back([this, i] { loop(i); });
}

Workers::~Workers() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    begun_.notify_all();
    for (std::thread& t : threads_) t.join();
}

void Workers::each(size_t count, const std::function<void(size_t, size_t)>& work) {
    {
        const std::lock_guard lock(mutex_);
        work_ = &work;
        next_ = 0, items_ = count;
        error_ = nullptr;
        ++round_;
    }
    begun_.notify_all();
    take_items(0);
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return busy_ == 0; });
    if (error_) std::rethrow_exception(error_);
}

void Workers::take_items(size_t worker) {
    while (true) {
        size_t item = 0;
        {
            const std::lock_guard lock(mutex_);
            if (next_ == items_) return;
            item = next_++;
        }
        try {
            (*work_)(item, worker);
        } catch (...) {
            const std::lock_guard lock(mutex_);
            // Items before this one have begun, so that the first to throw is heard.
            if (!error_ || item < error_item_)
                error_ = std::current_exception(), error_item_ = item;
            next_ = items_;
        }
    }
}

void Workers::loop(size_t worker) {
    size_t seen = 0;
    while (true) {
        {
            std::unique_lock lock(mutex_);
            begun_.wait(lock, [&] { return closing_ || round_ != seen; });
            if (closing_) return;
            seen = round_;
            if (next_ == items_) continue;  // others were quicker: nobody waits for this one
            ++busy_;
        }
        take_items(worker);
        {
            const std::lock_guard lock(mutex_);
            --busy_;
        }
        ended_.notify_one();
    }
}

void for_each_item(Workers* workers, size_t count, const std::function<void(size_t)>& work) {
    if (workers && count > 1) return workers->each(count, [&](size_t item, size_t) { work(item); });
    for (size_t i = 0; i < count; ++i) work(i);
}

}  // namespace smeaton
