#pragma once

#include <cstdint>

#include "model/lora.h"
#include "model/parameters.h"

namespace wishbone {

/// Is told which layer a pass comes to.
class LayerWatch {
  public:
    virtual ~LayerWatch() = default;
    /// The backend is about to be asked to read this layer, and will not read the one before.
    virtual void use(std::int64_t layer) = 0;
};

/// Brings weights of layers where there is room for few at a time.
class WeightSupply : public LayerWatch {
  public:
    /// The weights that ranks keep have changed. On all ranks, when what this one writes was asked of the backend.
    virtual void changed() = 0;
    /// Copies all weights to parameters with the same buckets, and room for all.
    virtual void copy_to(const Parameters& to) = 0;
};

/// What a pass reads: a model's parameters, an adapter on them or none, and who sees to it that a layer is there, where not all are.
struct ModelView {
    ModelView(const Parameters& the_base, const Lora* the_adapter = nullptr, LayerWatch* the_supply = nullptr)
        : base(the_base), adapter(the_adapter), supply(the_supply) {}

    const Parameters& base;
    const Lora* adapter;
    LayerWatch* supply;
};

/// What a backward pass adds to: the gradient of all parameters, or of the adapter alone, whose model is frozen. That of all
/// parameters may be written instead, whatever is there: then no pass over memory makes it zero first.
struct GradientView {
    GradientView(Parameters& of_all) : base(&of_all) {}
    GradientView(Lora& of_adapter) : adapter(&of_adapter) {}

    Parameters* base = nullptr;
    Lora* adapter = nullptr;
    bool adds = true;
};

}  // namespace wishbone
