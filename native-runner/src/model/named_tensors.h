#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace wishbone {

/// A parameter under its Hugging Face name, e.g. `model.layers.0.self_attn.q_proj.weight`.
struct NamedTensor {
    std::string name;
    Tensor tensor;
    bool decays;  ///< weight decay applies (matrices, not norms and biases), as in transformers' Trainer
};

struct ParameterShape {
    std::string name;
    std::vector<std::int64_t> shape;
};

/// Tensors with names in one allocation: what can be trained as one vector and stored tensor by tensor.
class NamedTensors {
  public:
    /// Names, shapes and places of `like`, in memory of its own that is zero.
    NamedTensors(Backend& backend, const NamedTensors& like, DType dtype);

    /// In the order of a Hugging Face state dict.
    const std::vector<NamedTensor>& named() const { return named_; }
    /// Everything as one vector, for the optimizer.
    Tensor flat() const { return flat_; }

  protected:
    NamedTensors() = default;

    /// Hands out consecutive pieces of one allocation; without memory, to learn names, shapes and how much is
    /// needed.
    class Cutter {
      public:
        Cutter(void* memory, DType dtype) : memory_(memory), dtype_(dtype) {}
        Tensor take(std::initializer_list<std::int64_t> shape);
        std::size_t used() const { return used_; }

      private:
        void* memory_;
        DType dtype_;
        std::size_t used_ = 0;
    };

    /// Memory for `elements` of `dtype`, all zero.
    void allocate(Backend& backend, std::size_t elements, DType dtype);
    void* memory() const { return buffer_.get(); }
    /// Matrices decay.
    void name(std::string text, const Tensor& tensor);

  private:
    Buffer buffer_;
    Tensor flat_;
    std::vector<NamedTensor> named_;
};

}  // namespace wishbone
