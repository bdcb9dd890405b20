#include "pretrained/model_export.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "pretrained/companion_files.h"
#include "pretrained/model_weights.h"
#include "pretrained/tensor_upload.h"

namespace wishbone {

namespace {

std::vector<std::int64_t> shape_of(const Tensor& tensor) {
    return {tensor.shape.begin(), tensor.shape.begin() + tensor.rank};
}

void write_tensors(const std::filesystem::path& file, std::span<const ParameterShape> parameters,
                   const ParameterValues& fill) {
    std::vector<OutTensor> tensors;
    for (const ParameterShape& parameter : parameters)
        tensors.push_back({parameter.name, FileDType::f32, parameter.shape, {}});
    std::vector<float> values;
    // transformers refuses weight files without this entry.
    write_safetensors(file, tensors, {{"format", "pt"}}, [&](std::size_t i) {
        fill(parameters[i], values);
        return std::as_bytes(std::span<const float>(values));
    });
}

/// Names, shapes and values of tensors on a backend.
struct OnBackend {
    std::vector<ParameterShape> shapes;
    ParameterValues values;

    OnBackend(Backend& backend, const std::vector<NamedTensor>& all) {
        std::map<std::string, Tensor> tensors;
        for (const NamedTensor& parameter : all) {
            shapes.push_back({parameter.name, shape_of(parameter.tensor)});
            tensors[parameter.name] = parameter.tensor;
        }
        values = [&backend, tensors = std::move(tensors)](const ParameterShape& parameter, std::vector<float>& to) {
            const Tensor& tensor = tensors.at(parameter.name);
            to.resize(static_cast<std::size_t>(tensor.size()));
            download_floats(backend, to, tensor);
        };
    }
};

void write_config(const std::filesystem::path& folder, const std::filesystem::path& source) {
    const std::filesystem::path file = source / "config.json";
    auto config = parse_json(read_text(file), file.string());
    for (const char* name : {"torch_dtype", "dtype"})
        if (config.contains(name)) config[name] = "float32";
    write_text(folder / "config.json", config.dump(2) + "\n");
}

std::string shard_name(std::size_t index, std::size_t count) {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
    return name;
}

void write_weights(const std::filesystem::path& folder, std::span<const ParameterShape> all,
                   const ParameterValues& values, std::uint64_t shard_bytes) {
    const auto bytes_of = [](const ParameterShape& p) {
        return std::accumulate(p.shape.begin(), p.shape.end(), std::uint64_t{4},
                               [](std::uint64_t bytes, std::int64_t size) {
                                   return bytes * static_cast<std::uint64_t>(size);
                               });
    };
    std::vector<std::size_t> shard_begin = {0};
    std::uint64_t total = 0, in_shard = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (in_shard > 0 && in_shard + bytes_of(all[i]) > shard_bytes) {
            shard_begin.push_back(i);
            in_shard = 0;
        }
        in_shard += bytes_of(all[i]);
        total += bytes_of(all[i]);
    }
    const std::size_t shards = shard_begin.size();
    if (shards == 1) return write_tensors(folder / "model.safetensors", all, values);

    nlohmann::ordered_json index = {{"metadata", {{"total_size", total}}},
                                    {"weight_map", nlohmann::json::object()}};
    shard_begin.push_back(all.size());
    for (std::size_t s = 0; s < shards; ++s) {
        const auto part = all.subspan(shard_begin[s], shard_begin[s + 1] - shard_begin[s]);
        write_tensors(folder / shard_name(s, shards), part, values);
        for (const ParameterShape& parameter : part) index["weight_map"][parameter.name] = shard_name(s, shards);
    }
    write_text(folder / "model.safetensors.index.json", index.dump(2) + "\n");
}

}  // namespace

void write_parameters(const std::filesystem::path& file, Backend& backend,
                      const std::vector<Prefixed>& sets) {
    std::vector<NamedTensor> all;
    for (const auto& [prefix, parameters] : sets)
        for (const NamedTensor& parameter : parameters->named())
            all.push_back({prefix + parameter.name, parameter.tensor, parameter.decays});
    const OnBackend tensors(backend, all);
    write_tensors(file, tensors.shapes, tensors.values);
}

void read_parameters(const std::filesystem::path& file, Backend& backend,
                     const std::vector<Prefixed>& sets) {
    const SafetensorsFile tensors(file);
    std::vector<TensorUpload> uploads;
    for (const auto& [prefix, parameters] : sets) {
        for (const NamedTensor& parameter : parameters->named()) {
            const std::string name = prefix + parameter.name;
            const FileTensor& tensor = tensors.at(name);
            if (tensor.dtype != FileDType::f32 || tensor.shape != shape_of(parameter.tensor))
                throw bad_input("A tensor has another shape or dtype than the run's model",
                                file.string() + ": " + name,
                                "Use the files of this run, or start a new run.");
            uploads.push_back({parameter.tensor, &tensor});
        }
    }
    upload_tensors(backend, uploads);
}

void export_model(const std::filesystem::path& folder, const ExportSource& source,
                  const std::vector<ParameterShape>& parameters, const ParameterValues& values,
                  std::uint64_t shard_bytes) {
    AtomicFolder out(folder);
    write_config(out.path(), source.model);
    copy_companion(out.path(), source.model, "generation_config.json");
    copy_companions(out.path(), source.model, source.own_files);
    write_weights(out.path(), parameters, values, shard_bytes);
    out.commit();
}

void export_model(const std::filesystem::path& folder, const ExportSource& source, Backend& backend,
                  const NamedTensors& parameters, std::uint64_t shard_bytes) {
    const OnBackend tensors(backend, parameters.named());
    export_model(folder, source, tensors.shapes, tensors.values, shard_bytes);
}

}  // namespace wishbone
