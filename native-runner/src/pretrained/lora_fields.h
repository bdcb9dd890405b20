#pragma once

#include "io/json.h"
#include "model/lora_config.h"

namespace wishbone {

/// What the fields that describe an adapter are called in some file.
struct LoraFieldNames {
    const char *r, *lora_alpha, *target_modules, *rank_pattern, *alpha_pattern;
};

/// `r` and so on as PEFT's `LoraConfig` has them: a list of names, or one text that is "all-linear" or a regular
/// expression. Throws Error(bad_input) naming file and field.
LoraConfig read_lora_fields(JsonFields& fields, const LoraFieldNames& names);

}  // namespace wishbone
