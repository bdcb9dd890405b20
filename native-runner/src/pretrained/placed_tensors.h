#pragma once

#include <cstddef>
#include <vector>

#include "backend/backend.h"
#include "model/named_tensors.h"

namespace wishbone {

/// A set of named tensors where it lies: whole on one device, or in shards on several, all of which are named.
class PlacedTensors {
  public:
    struct Place {
        Backend* backend;
        const NamedTensors* tensors;
    };

    PlacedTensors(Backend& backend, const NamedTensors& tensors) : places_{{&backend, &tensors}} {}
    explicit PlacedTensors(std::vector<Place> places);

    const std::vector<Place>& places() const { return places_; }
    const std::vector<NamedTensor>& named() const { return places_.front().tensors->named(); }
    /// All of one parameter, by its number, as floats.
    void read(std::size_t parameter, std::vector<float>& values) const;

  private:
    std::vector<Place> places_;
};

}  // namespace wishbone
