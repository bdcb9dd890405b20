#include "pretrained/export_dtypes.h"

#include <algorithm>

namespace wishbone {

ExportDTypes::ExportDTypes(const ModelWeights& source) : by_name_(source.dtypes()) {
    std::map<FileDType, std::int64_t> elements;
    for (const auto& [name, dtype] : by_name_) elements[dtype] += source.elements(name);
    most_ = std::ranges::max_element(elements, {}, [](const auto& each) { return each.second; })->first;
}

FileDType ExportDTypes::of(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? most_ : found->second;
}

const char* ExportDTypes::name() const {
    return most_ == FileDType::bf16 ? "bfloat16" : most_ == FileDType::f16 ? "float16" : "float32";
}

}  // namespace wishbone
