#include "run/checkpoint/snapshot.h"

#include <cstring>
#include <vector>

#include "backend/transfer_parts.h"
#include "core/error.h"

namespace wishbone {

bool Snapshot::reserve(const CheckpointFiles& files) {
    for (const CheckpointFile& file : files) {
        for (const Prefixed& set : file.sets) {
            std::unique_ptr<NamedTensors>& copy = copies_[set.parameters];
            if (copy) continue;
            const Tensor tensors = set.parameters->flat();
            if (tensors.bytes() > room_) return false;
            try {
                copy = std::make_unique<NamedTensors>(place_, *set.parameters, tensors.dtype);
            } catch (const Error& error) {
                if (error.code() != ExitCode::out_of_memory) throw;
                return false;
            }
            room_ -= tensors.bytes();
        }
    }
    return true;
}

void Snapshot::copy(const CheckpointFiles& files) {
    std::vector<DownloadPart> parts;
    for (const CheckpointFile& file : files) {
        for (const Prefixed& set : file.sets) {
            const Tensor from = set.parameters->flat(), to = copies_.at(set.parameters)->flat();
            if (is_in_place()) {
                device_.copy(to, from);
                continue;
            }
            for_each_part(from, elements_of_part(from), [&](std::int64_t begin, Tensor part) {
                parts.push_back({part, [place = to.slice(begin, begin + part.size()).data](
                                           std::span<const std::byte> bytes) {
                                     std::memcpy(place, bytes.data(), bytes.size());
                                 }});
            });
        }
    }
    if (!parts.empty()) device_.download_parts(parts);
}

CheckpointFiles Snapshot::copied(const CheckpointFiles& files) const {
    CheckpointFiles of_copies = files;
    for (CheckpointFile& file : of_copies)
        for (Prefixed& set : file.sets) set.parameters = copies_.at(set.parameters).get();
    return of_copies;
}

}  // namespace wishbone
