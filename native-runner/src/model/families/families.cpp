#include "model/families/family.h"

namespace wishbone {

std::span<const Family* const> families() {
    static constexpr const Family* all[] = {&llama,  &mistral, &qwen2,   &qwen3, &phi3,
                                            &gemma2, &gemma3,  &smollm3, &olmo2};
    return all;
}

}  // namespace wishbone
