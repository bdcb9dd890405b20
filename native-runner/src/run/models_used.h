#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "pretrained/weights_hash.h"
#include "run/inputs.h"

namespace wishbone {

/// What each file of a model held that a run reads anew whenever it goes on, by what it is to the run: SHA-256 in hexadecimal.
using ModelHashes = std::map<std::string, std::string>;

/// What a run depends on that is neither in its folder nor in a checkpoint: the configs of its models, the weights below an adapter, those
/// of a reference that is computed in every step and does not move. All of it has to be the same when the run goes on.
class ModelsUsed {
  public:
    /// `hash`: of the weights in `RunInputs::reference_folder`. Configs are hashed as they are now, when the run reads them; weights are
    /// begun to be, beside other work. Throws Error(bad_input) for a config that cannot be read.
    ModelsUsed(const RunInputs& inputs, WeightsHash& hash);

    /// Waits for what is not worked out yet. Throws Error(bad_input) for files that cannot be read.
    const ModelHashes& hashes();
    /// Throws Error(bad_input) naming the first that is not as `earlier` has it, which has none where an older runner wrote it.
    void check(const ModelHashes& earlier);

  private:
    struct Used {
        std::string name;  ///< in a checkpoint
        std::string what;  ///< in a sentence
        std::filesystem::path file;
        WeightsHash* weights = nullptr;  ///< of the folder `file`; null: `file` itself is hashed
    };
    std::vector<Used> used_;
    WeightsHash own_;  ///< of the start model, where the reference is another one
    ModelHashes hashes_;
};

}  // namespace wishbone
