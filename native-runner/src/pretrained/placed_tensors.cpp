#include "pretrained/placed_tensors.h"

#include <span>
#include <utility>

#include "backend/require.h"
#include "pretrained/model_weights.h"

namespace wishbone {

PlacedTensors::PlacedTensors(std::vector<Place> places) : places_(std::move(places)) {
    require(!places_.empty(), "placed tensors");
    const NamedTensors& first = *places_.front().tensors;
    require(static_cast<std::int64_t>(places_.size()) == (first.is_shard() ? first.parts() : 1),
            "placed tensors");
}

void PlacedTensors::read(std::size_t parameter, std::vector<float>& values) const {
    values.resize(static_cast<std::size_t>(named()[parameter].tensor.size()));
    for (const Place& place : places_)
        for (const HeldElements& held : place.tensors->held())
            if (held.parameter == parameter)
                download_floats(*place.backend,
                                std::span(values).subspan(static_cast<std::size_t>(held.begin),
                                                          static_cast<std::size_t>(held.elements.size())),
                                held.elements);
}

}  // namespace wishbone
