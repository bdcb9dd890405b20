#include "pretrained/model_export.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <string>

#include "core/error.h"
#include "core/terminal.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "pretrained/companion_files.h"
#include "pretrained/tensor_download.h"
#include "pretrained/tensor_upload.h"

namespace wishbone {

namespace {

std::vector<std::int64_t> shape_of(const Tensor& tensor) {
    return {tensor.shape.begin(), tensor.shape.begin() + tensor.rank};
}

/// Tensors of a file to come, and who writes some of them into it, by their indices among all.
struct Weights {
    std::vector<ParameterShape> shapes;
    std::function<void(SafetensorsWriter& file, std::size_t begin, std::size_t end,
                       std::span<const FileDType> dtypes)>
        write;
};

/// Of all sets, one behind the other.
Weights on_devices(const std::vector<Prefixed>& sets) {
    struct Piece {
        Backend* backend;
        HeldElements held;
    };
    Weights weights;
    std::vector<Piece> pieces;
    for (const auto& [prefix, tensors] : sets) {
        const std::size_t first = weights.shapes.size();
        for (const NamedTensor& parameter : tensors.named())
            weights.shapes.push_back({prefix + parameter.name, shape_of(parameter.tensor)});
        for (const auto& [backend, here] : tensors.places())
            for (const HeldElements& held : here->held())
                pieces.push_back({backend, {first + held.parameter, held.begin, held.elements}});
    }
    weights.write = [pieces](SafetensorsWriter& file, std::size_t begin, std::size_t end,
                             std::span<const FileDType> dtypes) {
        std::map<Backend*, std::vector<TensorDownload>> downloads;
        for (const auto& [backend, held] : pieces)
            if (begin <= held.parameter && held.parameter < end)
                downloads[backend].push_back(
                    {held.elements, dtypes[held.parameter], held.parameter - begin, held.begin});
        for (const auto& [backend, own] : downloads) download_tensors(*backend, own, file);
    };
    return weights;
}

Weights of_values(const std::vector<ParameterShape>& shapes, const ParameterValues& fill) {
    return {shapes, [&shapes, &fill](SafetensorsWriter& file, std::size_t begin, std::size_t end,
                                     std::span<const FileDType> dtypes) {
                std::vector<float> values;
                std::vector<std::byte> stored;
                for (std::size_t i = begin; i < end; ++i) {
                    fill(shapes[i], values);
                    stored.resize(values.size() * size_of(dtypes[i]));
                    from_floats(values, dtypes[i], stored);
                    file.write(i - begin, 0, stored);
                }
            }};
}

/// Writes the tensors from `begin` to `end`.
void write_tensors(const std::filesystem::path& file, const Weights& weights, std::size_t begin,
                   std::size_t end, std::span<const FileDType> dtypes) {
    std::vector<OutTensor> tensors;
    for (std::size_t i = begin; i < end; ++i)
        tensors.push_back({weights.shapes[i].name, dtypes[i], weights.shapes[i].shape, {}});
    // transformers refuses weight files without this entry.
    SafetensorsWriter out(file, tensors, {{"format", "pt"}});
    weights.write(out, begin, end, dtypes);
    out.commit();
}

void write_config(const std::filesystem::path& folder, const std::filesystem::path& source,
                  const ExportDTypes& dtypes) {
    const std::filesystem::path file = source / "config.json";
    auto config = parse_json(read_text(file), file.string());
    bool said = false;
    for (const char* name : {"torch_dtype", "dtype"}) {
        if (!config.contains(name)) continue;
        config[name] = dtypes.name();
        said = true;
    }
    // The name that every version of transformers knows.
    if (!said) config["torch_dtype"] = dtypes.name();
    write_text(folder / "config.json", config.dump(2) + "\n");
}

std::string shard_name(std::size_t index, std::size_t count) {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
    return name;
}

void write_weights(const std::filesystem::path& folder, const Weights& weights, const ExportDTypes& dtypes,
                   const std::filesystem::path& written, std::uint64_t shard_bytes) {
    const std::vector<ParameterShape>& all = weights.shapes;
    std::vector<FileDType> stored;
    std::vector<std::size_t> shard_begin = {0};
    std::uint64_t total = 0, in_shard = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        stored.push_back(dtypes.of(all[i].name));
        const std::uint64_t bytes =
            std::accumulate(all[i].shape.begin(), all[i].shape.end(), std::uint64_t{size_of(stored[i])},
                            [](std::uint64_t product, std::int64_t size) {
                                return product * static_cast<std::uint64_t>(size);
                            });
        if (in_shard > 0 && in_shard + bytes > shard_bytes) {
            shard_begin.push_back(i);
            in_shard = 0;
        }
        in_shard += bytes;
        total += bytes;
    }
    const std::size_t shards = shard_begin.size();
    if (shards == 1) {
        const std::filesystem::path file = folder / "model.safetensors";
        const bool as_written =
            !written.empty() && std::ranges::all_of(stored, [](FileDType d) { return d == FileDType::f32; });
        if (as_written && share_file(written, file)) return;
        return write_tensors(file, weights, 0, all.size(), stored);
    }

    nlohmann::ordered_json index = {{"metadata", {{"total_size", total}}},
                                    {"weight_map", nlohmann::json::object()}};
    shard_begin.push_back(all.size());
    for (std::size_t s = 0; s < shards; ++s) {
        write_tensors(folder / shard_name(s, shards), weights, shard_begin[s], shard_begin[s + 1], stored);
        for (std::size_t i = shard_begin[s]; i < shard_begin[s + 1]; ++i)
            index["weight_map"][all[i].name] = shard_name(s, shards);
    }
    write_text(folder / "model.safetensors.index.json", index.dump(2) + "\n");
}

void export_weights(const std::filesystem::path& folder, const ExportSource& source, const Weights& weights,
                    std::uint64_t shard_bytes) {
    with_dtypes(source.dtypes, [&](const ExportDTypes& dtypes) {
        AtomicFolder out(folder);
        write_config(out.path(), source.model, dtypes);
        copy_companion(out.path(), source.model, "generation_config.json");
        copy_companions(out.path(), source.model, source.own_files);
        write_weights(out.path(), weights, dtypes, source.written, shard_bytes);
        out.commit();
    });
}

}  // namespace

void with_dtypes(const ExportDTypes& wanted, const std::function<void(const ExportDTypes&)>& write) {
    try {
        write(wanted);
    } catch (const ValueTooLarge&) {
        warn("a weight is too large for float16; the export is in float32");
        write(ExportDTypes(FileDType::f32));
    }
}

void write_parameters(const std::filesystem::path& file, const std::vector<Prefixed>& sets, FileDType dtype) {
    const Weights weights = on_devices(sets);
    const std::vector<FileDType> dtypes(weights.shapes.size(), dtype);
    write_tensors(file, weights, 0, weights.shapes.size(), dtypes);
}

void read_parameters(const std::filesystem::path& file, Backend& backend,
                     const std::vector<PrefixedTarget>& sets) {
    const SafetensorsFile tensors(file);
    std::vector<TensorUpload> uploads;
    for (const auto& [prefix, parameters] : sets) {
        for (const HeldElements& held : parameters->held()) {
            const NamedTensor& parameter = parameters->named()[held.parameter];
            const std::string name = prefix + parameter.name;
            const FileTensor& tensor = tensors.at(name);
            if (tensor.dtype != FileDType::f32 || tensor.shape != shape_of(parameter.tensor))
                throw bad_input("A tensor has another shape or dtype than the run's model",
                                file.string() + ": " + name,
                                "Use the files of this run, or start a new run.");
            uploads.push_back({held.elements, &tensor, held.begin});
        }
    }
    upload_tensors(backend, uploads);
}

void export_model(const std::filesystem::path& folder, const ExportSource& source,
                  const std::vector<ParameterShape>& parameters, const ParameterValues& values,
                  std::uint64_t shard_bytes) {
    export_weights(folder, source, of_values(parameters, values), shard_bytes);
}

void export_model(const std::filesystem::path& folder, const ExportSource& source,
                  const PlacedTensors& parameters, std::uint64_t shard_bytes) {
    export_weights(folder, source, on_devices({{"", parameters}}), shard_bytes);
}

}  // namespace wishbone
