#pragma once

#include <cstdint>
#include <vector>

#include "model/named_tensors.h"
#include "support/forwarding_backend.h"

namespace wishbone::reference {

/// NaN in all parameters, not in the gaps between them.
inline void poison(Backend& backend, const NamedTensors& tensors) {
    for (const NamedTensor& one : tensors.named()) {
        const std::vector<std::uint8_t> ones(one.tensor.bytes(), 0xff);
        backend.upload(one.tensor, ones.data());
    }
}

/// Memory comes full of NaN, so that reading what nobody wrote shows.
class PoisoningBackend final : public test::ForwardingBackend {
  public:
    using ForwardingBackend::ForwardingBackend;

    Buffer allocate(std::size_t bytes) override {
        Buffer buffer = ForwardingBackend::allocate(bytes);
        const std::vector<std::uint8_t> ones(bytes, 0xff);  // NaN in f32 and in bf16
        upload(Tensor(buffer.get(), DType::i32, {static_cast<std::int64_t>(bytes / 4)}), ones.data());
        return buffer;
    }
};

}  // namespace wishbone::reference
