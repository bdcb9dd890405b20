#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace wishbone {

enum class DType : std::uint8_t { f32, bf16, i32, e4m3 };

constexpr std::size_t size_of(DType dtype) { return dtype == DType::e4m3 ? 1 : dtype == DType::bf16 ? 2 : 4; }

/// A non-owning view of dense row-major memory on a backend's device. Rank 1 to 4.
/// The memory may not be readable from the host: only backends look inside.
struct Tensor {
    void* data = nullptr;
    DType dtype = DType::f32;
    int rank = 0;
    std::array<std::int64_t, 4> shape{};

    Tensor() = default;
    Tensor(void* data, DType dtype, std::initializer_list<std::int64_t> dims) : data(data), dtype(dtype) {
        assert(dims.size() <= 4);
        for (std::int64_t dim : dims) shape[static_cast<std::size_t>(rank++)] = dim;
    }

    explicit operator bool() const { return data != nullptr; }
    std::int64_t size() const {
        std::int64_t n = rank > 0 ? 1 : 0;
        for (int i = 0; i < rank; ++i) n *= shape[static_cast<std::size_t>(i)];
        return n;
    }
    std::size_t bytes() const { return static_cast<std::size_t>(size()) * size_of(dtype); }
    std::int64_t rows() const { return shape[0]; }
    /// Elements of one row: the product of all dimensions but the first.
    std::int64_t row_size() const { return shape[0] > 0 ? size() / shape[0] : 0; }

    /// Rows [begin, end) of the first dimension, sharing memory.
    Tensor slice(std::int64_t begin, std::int64_t end) const {
        assert(0 <= begin && begin <= end && end <= shape[0]);
        Tensor part = *this;
        if (data != nullptr)
            part.data =
                static_cast<std::byte*>(data) + static_cast<std::size_t>(begin * row_size()) * size_of(dtype);
        part.shape[0] = end - begin;
        return part;
    }

    /// All elements as one dimension.
    Tensor flattened() const { return {data, dtype, {size()}}; }

    /// Null for an empty tensor, which has no dtype of its own.
    template <typename T>
    T* as() const {
        static_assert(sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4);
        assert(data == nullptr || sizeof(T) == size_of(dtype));
        return static_cast<T*>(data);
    }
};

}  // namespace wishbone
