#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "io/safetensors.h"
#include "model/config.h"
#include "model/transformer.h"

namespace wishbone {

/// The weight files of a Hugging Face folder: `model.safetensors`, or the shards that
/// `model.safetensors.index.json` lists. Opening checks every tensor's name, shape and dtype (F32, F16, BF16)
/// against the configuration and throws Error(bad_input) naming file and tensor. A tied model's embedding may be stored
/// as `lm_head.weight`, or as both when they are equal. Old `rotary_emb.inv_freq` are ignored.
class ModelWeights {
  public:
    ModelWeights(const std::filesystem::path& folder, const ModelConfig& config);

    /// Converts and uploads all of them.
    void load(Backend& backend, const NamedTensors& parameters) const;

    /// One tensor by its Hugging Face name, converted to float.
    void read(const std::string& name, std::vector<float>& values) const;

    /// Of names, dtypes, shapes and data of all tensors, however they are divided into files. Uses all cores.
    std::string content_sha256() const;

  private:
    void open(const std::filesystem::path& folder);
    void take_tied_head();
    void check(const ModelConfig& config) const;

    std::vector<SafetensorsFile> files_;
    std::map<std::string, const FileTensor*> tensors_;
    std::map<std::string, std::string> file_of_;
    std::string where_;
};

/// Uploads host floats, converting to the tensor's dtype (f32 or bf16).
void upload_floats(Backend& backend, Tensor to, std::span<const float> from);
/// Downloads an f32 or bf16 tensor as floats.
void download_floats(Backend& backend, std::span<float> to, Tensor from);

}  // namespace wishbone
