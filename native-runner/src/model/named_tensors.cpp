#include "model/named_tensors.h"

#include <utility>

namespace wishbone {

NamedTensors::NamedTensors(Backend& backend, const NamedTensors& like, DType dtype) {
    allocate(backend, static_cast<std::size_t>(like.flat_.size()), dtype);
    const auto* from = static_cast<const std::byte*>(like.flat_.data);
    for (const NamedTensor& other : like.named_) {
        NamedTensor own = other;
        const auto element =
            static_cast<std::size_t>(static_cast<const std::byte*>(other.tensor.data) - from) /
            size_of(other.tensor.dtype);
        own.tensor.dtype = dtype;
        own.tensor.data = static_cast<std::byte*>(memory()) + element * size_of(dtype);
        named_.push_back(std::move(own));
    }
}

Tensor NamedTensors::Cutter::take(std::initializer_list<std::int64_t> shape) {
    Tensor tensor(memory_ == nullptr ? nullptr : static_cast<std::byte*>(memory_) + used_ * size_of(dtype_),
                  dtype_, shape);
    // Every tensor starts on a 128-byte boundary; the gaps stay zero.
    constexpr std::size_t elements = 64;
    used_ += (static_cast<std::size_t>(tensor.size()) + elements - 1) / elements * elements;
    return tensor;
}

void NamedTensors::allocate(Backend& backend, std::size_t elements, DType dtype) {
    buffer_ = backend.allocate(elements * size_of(dtype));
    flat_ = Tensor(buffer_.get(), dtype, {static_cast<std::int64_t>(elements)});
    backend.zero(flat_);
}

void NamedTensors::name(std::string text, const Tensor& tensor) {
    named_.push_back({std::move(text), tensor, tensor.rank == 2});
}

}  // namespace wishbone
