#pragma once

#include <vector>

#include "support/forwarding_backend.h"

namespace wishbone::reference {

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
