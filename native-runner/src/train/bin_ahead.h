#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "model/transformer/transformer.h"
#include "plan/plan.h"

namespace wishbone {

/// The bin that comes next, prepared while the device is at work on those before it.
class BinAhead {
  public:
    explicit BinAhead(Transformer& transformer) : transformer_(transformer) {}

    void prepare(const BinView& bin);
    /// The bin on the device: as it was prepared where it is that one, else prepared now.
    std::shared_ptr<DeviceBin> take(const BinView& bin);

  private:
    Transformer& transformer_;
    std::shared_ptr<DeviceBin> device_;
    std::array<std::vector<std::int32_t>, 5>
        values_;  ///< what was prepared: a plan may have gone, or changed
};

}  // namespace wishbone
