#include "model/named_tensors.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace wishbone {

namespace {

/// Every tensor starts on a 128-byte boundary; the gaps stay zero.
constexpr std::int64_t tensor_unit = 64;
/// Every part of a bucket starts on a 16-byte boundary, whatever its dtype.
constexpr std::int64_t part_unit = 8;

std::int64_t rounded_up(std::int64_t size, std::int64_t unit) { return (size + unit - 1) / unit * unit; }

}  // namespace

NamedTensors::NamedTensors(Backend& backend, const NamedTensors& like, DType dtype)
    : places_(like.places_), buckets_(like.buckets_), parts_(like.parts_), number_(like.number_) {
    allocate(backend, like.flat_.size(), dtype);
    for (std::size_t i = 0; i < like.named_.size(); ++i) {
        NamedTensor own = like.named_[i];
        own.tensor.dtype = dtype;
        if (!is_shard())
            own.tensor.data =
                static_cast<std::byte*>(memory()) + static_cast<std::size_t>(places_[i]) * size_of(dtype);
        named_.push_back(std::move(own));
    }
}

NamedTensors::NamedTensors(Backend& backend, const NamedTensors& whole, DType dtype, std::int64_t number)
    : named_(whole.named_),
      places_(whole.places_),
      buckets_(whole.buckets_),
      parts_(whole.parts_),
      number_(number) {
    allocate(backend, buckets_.back().end / parts_, dtype);
    for (NamedTensor& one : named_) {
        one.tensor.dtype = dtype;
        one.tensor.data = nullptr;
    }
}

std::vector<HeldElements> NamedTensors::held() const {
    std::vector<HeldElements> all;
    if (!is_shard()) {
        for (std::size_t i = 0; i < named_.size(); ++i) all.push_back({i, 0, named_[i].tensor.flattened()});
        return all;
    }
    for (const Bucket& bucket : buckets_) {
        const std::int64_t size = bucket.size() / parts_, begin = bucket.begin + number_ * size;
        const Tensor own = own_of(bucket);
        for (std::size_t i = 0; i < named_.size(); ++i) {
            const std::int64_t from = std::max(begin, places_[i]),
                               to = std::min(begin + size, places_[i] + named_[i].tensor.size());
            if (from < to) all.push_back({i, from - places_[i], own.slice(from - begin, to - begin)});
        }
    }
    return all;
}

Tensor NamedTensors::Cutter::take(std::initializer_list<std::int64_t> shape) {
    Tensor tensor(nullptr, dtype_, shape);
    if (memory_ != nullptr)
        tensor.data = static_cast<std::byte*>(memory_) +
                      static_cast<std::size_t>(planned_[buckets_.size()].place + taken_) * size_of(dtype_);
    taken_ += rounded_up(tensor.size(), tensor_unit);
    return tensor;
}

void NamedTensors::Cutter::end_bucket() {
    const std::int64_t begin = buckets_.empty() ? 0 : buckets_.back().end;
    const std::int64_t end = begin + rounded_up(taken_, std::lcm(tensor_unit, part_unit * parts_));
    buckets_.push_back({begin, end, begin, number_});
    number_ += taken_;
    taken_ = 0;
    needed_ = end;
}

std::int64_t NamedTensors::Cutter::place_of(const Tensor& tensor) const {
    if (memory_ == nullptr) return 0;
    const auto bytes = static_cast<const std::byte*>(tensor.data) - static_cast<const std::byte*>(memory_);
    const Bucket& bucket = planned_[buckets_.size()];
    return bytes / static_cast<std::ptrdiff_t>(size_of(dtype_)) - bucket.place + bucket.begin;
}

void NamedTensors::Cutter::take_turns(std::size_t at_once) {
    if (buckets_.size() < at_once + 2) return;
    const std::int64_t first = buckets_.front().size();
    std::int64_t largest = 0;
    for (std::size_t i = 1; i + 1 < buckets_.size(); ++i) largest = std::max(largest, buckets_[i].size());
    for (std::size_t i = 1; i + 1 < buckets_.size(); ++i)
        buckets_[i].place = first + static_cast<std::int64_t>((i - 1) % at_once) * largest;
    buckets_.back().place = first + static_cast<std::int64_t>(at_once) * largest;
    needed_ = buckets_.back().place + buckets_.back().size();
}

void NamedTensors::allocate(Backend& backend, const Cutter& measured) {
    buckets_ = measured.buckets();
    parts_ = measured.parts();
    allocate(backend, measured.needed(), measured.dtype());
}

void NamedTensors::allocate(Backend& backend, std::int64_t elements, DType dtype) {
    backend_ = &backend;
    buffer_ = backend.allocate(static_cast<std::size_t>(elements) * size_of(dtype));
    flat_ = Tensor(buffer_.get(), dtype, {elements});
    backend.zero(flat_);
}

void NamedTensors::name(std::string text, const Tensor& tensor, const Cutter& cutter) {
    places_.push_back(cutter.place_of(tensor));
    named_.push_back({std::move(text), tensor, tensor.rank == 2});
}

}  // namespace wishbone
