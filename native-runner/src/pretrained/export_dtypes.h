#pragma once

#include <map>
#include <string>

#include "io/safetensors.h"
#include "pretrained/model_weights.h"

namespace wishbone {

/// The dtypes that weights are exported in.
class ExportDTypes {
  public:
    /// One for all of them: F32, F16 or BF16.
    explicit ExportDTypes(FileDType all) : most_(all) {}
    /// Each parameter's as the model's own files have it.
    explicit ExportDTypes(const ModelWeights& source);

    FileDType of(const std::string& name) const;
    /// That of most of the elements; what is no parameter of the model (an adapter's) has it too.
    FileDType most() const { return most_; }
    /// `most` as config.json of transformers names it.
    const char* name() const;

  private:
    FileDType most_;
    std::map<std::string, FileDType> by_name_;
};

}  // namespace wishbone
