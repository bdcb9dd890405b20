#pragma once

#include "io/json.h"
#include "model/config.h"

namespace wishbone {

/// What Gemma 2 and 3 have in common: norms on both sides of a sublayer that multiply by 1 + weight, a tanh
/// GELU, scaled embeddings, a scale of scores apart from the head size.
void gemma_defaults(ModelConfig& config);
void read_gemma_fields(JsonFields& fields, ModelConfig& config);

}  // namespace wishbone
