#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "core/callbacks.h"
#include "io/safetensors.h"
#include "model/config.h"
#include "model/transformer/transformer.h"

namespace wishbone {

/// The weight files of a Hugging Face folder: `model.safetensors`, or the shards that
/// `model.safetensors.index.json` lists. Opening checks every tensor's name, shape and dtype (F32, F16, BF16)
/// against the configuration and throws Error(bad_input) naming file and tensor. A tied model's embedding may be stored
/// as `lm_head.weight`, or as both when they are equal. Old `rotary_emb.inv_freq` are ignored.
class ModelWeights {
  public:
    ModelWeights(const std::filesystem::path& folder, const ModelConfig& config);

    /// Converts and uploads all of them (tensor_upload.h). What is frozen in FP8 comes in the backend's dtype of activations first, some
    /// at a time, in `staging_bytes` of memory.
    void load(Backend& backend, const NamedTensors& parameters) const;

    /// Whether the files hold all of these parameters in this dtype: then one that has it was loaded without a loss.
    bool all_are(FileDType dtype, const NamedTensors& parameters) const;

    /// Of every parameter, as the files have it.
    std::map<std::string, FileDType> dtypes() const;
    std::int64_t elements(const std::string& name) const { return at(name).size(); }

    /// One tensor by its Hugging Face name, converted to float.
    void read(const std::string& name, std::vector<float>& values) const;

    /// Of names, dtypes, shapes and data of all tensors, however they are divided into files. Uses all cores. Worth nothing when
    /// `stop` ended it early.
    std::string content_sha256(const StopRequested& stop) const;

  private:
    void load_frozen(Backend& backend, const NamedTensors& parameters) const;
    const FileTensor& at(const std::string& name) const;
    void open(const std::filesystem::path& folder);
    void take_tied_head();
    void check(const ModelConfig& config) const;

    std::vector<SafetensorsFile> files_;
    std::map<std::string, const FileTensor*> tensors_;
    std::map<std::string, std::string> file_of_;
    std::string where_;
};

/// Memory beside the parameters that ModelWeights::load needs for a while.
std::size_t staging_bytes(const NamedTensors& parameters);

/// Files that a folder's weights are in, the index of shards among them. Throws Error(bad_input) as ModelWeights does where there are
/// none or the index is not one; they may be missing.
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& folder);

/// Downloads an f32 or bf16 tensor as floats.
void download_floats(Backend& backend, std::span<float> to, Tensor from);

}  // namespace wishbone
