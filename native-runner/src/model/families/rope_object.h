#pragma once

#include "io/json.h"
#include "model/config.h"
#include "model/families/family.h"

namespace wishbone {

/// What to do where a config says something twice and differently.
constexpr const char* said_twice = "Leave one of them out, or correct it.";

/// Reads one RoPE into `rope`, which holds its base: what the top of `config.json` says of it, `theta_field` being what
/// stands for `rope_theta` there, and an object of RoPE fields, or null. Needs the sizes in `config`. Throws
/// Error(bad_input). src/core/model/rope-object.ts judges alike.
void read_rope_object(JsonFields& top, JsonFields* within, const RopeTraits& traits,
                      const ModelConfig& config, Rope& rope, const char* theta_field);

}  // namespace wishbone
