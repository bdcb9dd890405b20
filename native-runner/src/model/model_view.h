#pragma once

#include "model/lora.h"
#include "model/parameters.h"

namespace wishbone {

/// What a forward pass reads: a model's parameters, and an adapter on them or none.
struct ModelView {
    ModelView(const Parameters& the_base, const Lora* the_adapter = nullptr)
        : base(the_base), adapter(the_adapter) {}

    const Parameters& base;
    const Lora* adapter;
};

/// What a backward pass adds to: the gradient of all parameters, or of the adapter alone, whose model is frozen.
struct GradientView {
    GradientView(Parameters& of_all) : base(&of_all) {}
    GradientView(Lora& of_adapter) : adapter(&of_adapter) {}

    Parameters* base = nullptr;
    Lora* adapter = nullptr;
};

}  // namespace wishbone
