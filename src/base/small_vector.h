// A vector of plain values of which the first few lie in itself: short ones take no memory of
// their own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace smeaton {

template <class T, size_t kHere>
class SmallVector {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
    using value_type = T;
    using iterator = T*;
    using const_iterator = const T*;

    SmallVector() = default;
    SmallVector(const SmallVector& other) { *this = other; }
    SmallVector(SmallVector&& other) noexcept { swap(other); }
    SmallVector& operator=(const SmallVector& other) {
        if (this == &other) return *this;
        if (other.size_ > room_) grow(other.size_, 0);
        std::copy(other.begin(), other.end(), data());
        size_ = other.size_;
        return *this;
    }
    SmallVector& operator=(SmallVector&& other) noexcept {
        swap(other);
        return *this;
    }
    ~SmallVector() {
        if (room_ > kHere) delete[] elements_.there;
    }

    T* begin() { return data(); }
    T* end() { return data() + size_; }
    const T* begin() const { return data(); }
    const T* end() const { return data() + size_; }
    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](size_t i) { return data()[i]; }
    const T& operator[](size_t i) const { return data()[i]; }
    const T& front() const { return *begin(); }
    const T& back() const { return end()[-1]; }

    void clear() { size_ = 0; }
    void push_back(T value) { insert(end(), value); }
    T* insert(const T* before, T value) {
        const size_t at = static_cast<size_t>(before - data());
        if (size_ == room_) grow(2 * size_, size_);
        T* place = data() + at;
        std::copy_backward(place, end(), end() + 1);
        *place = value;
        ++size_;
        return place;
    }
    T* erase(const T* element) {
        T* place = data() + (element - data());
        std::copy(place + 1, end(), place);
        --size_;
        return place;
    }

    friend bool operator==(const SmallVector& a, const SmallVector& b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }

private:
    union Elements {
        Elements() : here() {}
        T here[kHere];
        T* there;
    };

    T* data() { return room_ > kHere ? elements_.there : elements_.here; }
    const T* data() const { return room_ > kHere ? elements_.there : elements_.here; }

    /// Keeps the first `kept` elements.
    void grow(size_t room, size_t kept) {
        T* place = new T[room];
        std::copy(data(), data() + kept, place);
        if (room_ > kHere) delete[] elements_.there;
        elements_.there = place;
        room_ = static_cast<uint32_t>(room);
    }

    void swap(SmallVector& other) noexcept {
        std::swap(size_, other.size_);
        std::swap(room_, other.room_);
        std::swap(elements_, other.elements_);
    }

    uint32_t size_ = 0, room_ = kHere;
    Elements elements_;
};

}  // namespace smeaton
