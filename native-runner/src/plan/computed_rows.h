#pragma once

#include <cstdint>
#include <vector>

#include "plan/plan.h"

namespace wishbone {

/// Rows of a bin that its log-probabilities depend on, ascending: those that targets read, and those that such a
/// row sees. The others cost a pass over the model and change nothing, so they are not computed: of each response
/// that no other one goes on from, the last token, which is scored and never read. All rows of a bin without targets.
std::vector<std::int32_t> computed_rows(const BinView& bin);

/// A bin without the rows that need not be computed: the same targets of the same paths, in the same order.
class ComputedBin {
  public:
    explicit ComputedBin(const BinView& bin);
    ComputedBin(const ComputedBin&) = delete;
    ComputedBin& operator=(const ComputedBin&) = delete;

    /// Of the bin itself where all of its rows are computed, else of arrays that live as long as this does.
    const BinView& view() const { return view_; }

  private:
    std::vector<std::int32_t> tokens_, position_, visible_until_, target_row_;
    BinView view_;
};

}  // namespace wishbone
