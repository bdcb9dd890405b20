#pragma once

namespace wishbone {

/// A point in work that goes on beside what a backend is asked for.
class Milestone {
  public:
    virtual ~Milestone() = default;
    /// What the backend is asked for from here on waits until the point is reached; the host does not.
    virtual void await() = 0;
};

}  // namespace wishbone
