#pragma once

#include <functional>
#include <optional>
#include <utility>

namespace wishbone {

/// Work on a device is waited for once the next is begun, so that the device always has some. `Begun` says with `is_there` that there is
/// nothing to wait for: such work is finished at once.
template <typename Begun>
class OneBehind {
  public:
    explicit OneBehind(std::function<void(const Begun&)> finish) : finish_(std::move(finish)) {}

    void add(Begun begun) {
        end();
        last_.emplace(std::move(begun));
        if (last_->is_there()) end();
    }
    void end() {
        if (last_) finish_(*last_);
        last_.reset();
    }

  private:
    std::function<void(const Begun&)> finish_;
    std::optional<Begun> last_;
};

}  // namespace wishbone
