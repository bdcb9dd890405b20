#pragma once

#include "io/json.h"
#include "model/config.h"
#include "model/families/family.h"

namespace wishbone {

/// Reads what `config.json` says of RoPE into `config.ropes`, which hold the family's bases: `rope_theta`,
/// `partial_rotary_factor` and `rope_scaling` at the top, or the newer `rope_parameters` with all in one, as
/// transformers reads them. Needs the sizes in `config`. Throws Error(bad_input) for what is not computed, and for
/// what is said twice and differently. src/core/model/rope.ts judges alike, in the same words.
void read_rope(JsonFields& fields, const RopeTraits& traits, ModelConfig& config);

}  // namespace wishbone
