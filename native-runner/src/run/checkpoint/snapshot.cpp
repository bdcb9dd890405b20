#include "run/checkpoint/snapshot.h"

#include <cstddef>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "backend/transfer_parts.h"
#include "core/error.h"
#include "core/workers.h"

namespace wishbone {

namespace {

/// Whether no other device has any of it.
bool are_all_there(const CheckpointFiles& files, const Backend& device) {
    for (const CheckpointFile& file : files)
        for (const Prefixed& set : file.sets)
            for (const auto& place : set.tensors.places())
                if (place.backend != &device) return false;
    return true;
}

}  // namespace

bool Snapshot::reserve(const CheckpointFiles& files) {
    if (is_in_place() && !place_.is_in_host_memory() && !are_all_there(files, place_)) return false;
    std::set<const NamedTensors*> missing;
    std::size_t bytes = 0;
    for (const CheckpointFile& file : files)
        for (const Prefixed& set : file.sets)
            for (const PlacedTensors::Place& of : set.tensors.places())
                if (!copies_.contains(of.tensors) && missing.insert(of.tensors).second)
                    bytes += of.tensors->flat().bytes();
    // A part of them would take memory for nothing.
    if (bytes > room_) return false;
    for (const NamedTensors* const tensors : missing) {
        try {
            copies_[tensors] = std::make_unique<NamedTensors>(place_, *tensors, tensors->flat().dtype);
        } catch (const Error& error) {
            if (error.code() != ExitCode::out_of_memory) throw;
            copies_.erase(tensors);
            return false;
        }
        room_ -= tensors->flat().bytes();
    }
    return true;
}

void Snapshot::copy(const CheckpointFiles& files) {
    std::map<Backend*, std::vector<DownloadPart>> downloads;
    for (const CheckpointFile& file : files) {
        for (const Prefixed& set : file.sets) {
            for (const auto& [backend, tensors] : set.tensors.places()) {
                const Tensor from = tensors->flat(), to = copies_.at(tensors)->flat();
                if (is_in_place()) {
                    place_.copy(to, from);
                    continue;
                }
                for_each_part(from, elements_of_part(from), [&](std::int64_t begin, Tensor part) {
                    downloads[backend].push_back({part, [place = to.slice(begin, begin + part.size()).data](
                                                            std::span<const std::byte> bytes) {
                                                      std::memcpy(place, bytes.data(), bytes.size());
                                                  }});
                });
            }
        }
    }
    // Devices have a bus each.
    const std::vector<std::pair<Backend*, std::vector<DownloadPart>>> all(downloads.begin(), downloads.end());
    TaskNumbers numbers(all.size());
    work_together(all.size(), numbers, [&] {
        while (const auto i = numbers.next()) all[*i].first->download_parts(all[*i].second);
    });
}

CheckpointFiles Snapshot::copied(const CheckpointFiles& files) const {
    CheckpointFiles of_copies = files;
    for (CheckpointFile& file : of_copies)
        for (Prefixed& set : file.sets) {
            std::vector<PlacedTensors::Place> places;
            for (const auto& place : set.tensors.places())
                places.push_back({&place_, copies_.at(place.tensors).get()});
            set.tensors = PlacedTensors(std::move(places));
        }
    return of_copies;
}

}  // namespace wishbone
