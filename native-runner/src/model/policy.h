#pragma once

#include "model/model_view.h"

namespace wishbone {

/// What training changes: all parameters of a model, or an adapter on a model that stays as it is.
struct Policy {
    Policy(Parameters& the_base) : base(the_base) {}
    Policy(Parameters& the_base, Lora& the_adapter) : base(the_base), adapter(&the_adapter) {}

    ModelView view() const { return {base, adapter}; }
    NamedTensors& trained() const { return adapter != nullptr ? static_cast<NamedTensors&>(*adapter) : base; }

    Parameters& base;
    Lora* adapter = nullptr;
};

}  // namespace wishbone
