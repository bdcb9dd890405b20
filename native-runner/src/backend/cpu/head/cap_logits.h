#pragma once

#include <cstdint>

namespace wishbone::cpu {

/// logits := cap · tanh(logits / cap), as Gemma 2 (arXiv 2408.00118) caps them. f32 [width].
void cap_logits(std::int64_t width, float* logits, float cap);

}  // namespace wishbone::cpu
