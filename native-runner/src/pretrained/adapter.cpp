#include "pretrained/adapter.h"

#include <map>
#include <set>

#include "core/error.h"
#include "core/terminal.h"
#include "io/atomic_file.h"
#include "io/hub_origin.h"
#include "io/json.h"
#include "model/parameters.h"
#include "pretrained/companion_files.h"
#include "pretrained/lora_fields.h"
#include "pretrained/model_export.h"
#include "pretrained/model_weights.h"
#include "pretrained/tensor_upload.h"

namespace wishbone {

namespace {

constexpr const char* config_file = "adapter_config.json";
constexpr const char* weights_file = "adapter_model.safetensors";
/// PEFT wraps the model twice.
constexpr const char* prefix = "base_model.model.";

std::string shown(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t size : shape) text += (text.empty() ? "[" : ", ") + std::to_string(size);
    return text + "]";
}

/// Options that change what an adapter computes and that the runner has not: each must have its neutral value.
void refuse_unknown_kinds(JsonFields& fields) {
    const auto refuse = [&](const char* name) {
        throw bad_input("An adapter with \"" + std::string(name) + "\" is not supported", fields.where(name),
                        "Use a plain LoRA adapter without it.");
    };
    if (fields.text("peft_type", "LORA") != "LORA") refuse("peft_type");
    if (fields.text("bias", "none") != "none") refuse("bias");
    // These change the model below the adapter too.
    if (const auto& start = fields.any("init_lora_weights"); start.is_string())
        for (const char* kind : {"pissa", "olora", "corda", "loftq"})
            if (start.get<std::string>().starts_with(kind)) refuse("init_lora_weights");
    for (const char* name : {"use_dora", "fan_in_fan_out", "lora_bias", "use_qalora"})
        if (fields.has(name) && fields.boolean(name)) refuse(name);
    for (const char* name :
         {"modules_to_save", "target_parameters", "trainable_token_indices", "layer_replication",
          "layers_to_transform", "exclude_modules", "alora_invocation_tokens"})
        if (fields.has(name) && !fields.any(name).empty()) refuse(name);
}

/// The base by its name: where it lies is nobody's business who gets the adapter, and is another place there.
std::string name_of(const std::filesystem::path& folder) {
    return printable(name_of_path(std::filesystem::absolute(folder).lexically_normal()));
}

nlohmann::ordered_json config_json(const LoraConfig& config, const std::filesystem::path& base_model,
                                   const PlacedTensors& adapter) {
    nlohmann::ordered_json json = {{"peft_type", "LORA"},
                                   {"task_type", "CAUSAL_LM"},
                                   {"base_model_name_or_path", name_of(base_model)},
                                   {"r", config.r},
                                   {"lora_alpha", nullptr},
                                   {"lora_dropout", 0.0},
                                   {"use_rslora", config.use_rslora},
                                   {"bias", "none"},
                                   {"fan_in_fan_out", false},
                                   {"init_lora_weights", true},
                                   {"inference_mode", true}};
    if (const auto origin = hub_origin(std::filesystem::absolute(base_model)))
        json["revision"] = origin->commit;
    // PEFT takes alpha for a whole number wherever it is one.
    const auto alpha = [](double value) -> nlohmann::ordered_json {
        const auto whole = static_cast<std::int64_t>(value);
        if (static_cast<double>(whole) == value) return whole;
        return value;
    };
    json["lora_alpha"] = alpha(config.lora_alpha);
    if (!config.target_pattern.empty()) {
        json["target_modules"] = config.target_pattern;
    } else if (config.target_modules == std::vector<std::string>{"all-linear"}) {
        std::set<std::string> names;
        for (const NamedTensor& tensor : adapter.named()) {
            const std::string module = tensor.name.substr(0, tensor.name.find(".lora_"));
            names.insert(module.substr(module.rfind('.') + 1));
        }
        json["target_modules"] = names;
    } else {
        json["target_modules"] = config.target_modules;
    }
    json["rank_pattern"] = nlohmann::ordered_json::object();
    for (const auto& [pattern, rank] : config.rank_pattern) json["rank_pattern"][pattern] = rank;
    json["alpha_pattern"] = nlohmann::ordered_json::object();
    for (const auto& [pattern, value] : config.alpha_pattern) json["alpha_pattern"][pattern] = alpha(value);
    return json;
}

}  // namespace

LoraConfig read_adapter_config(const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / config_file;
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error))
        throw bad_input("The folder holds no PEFT adapter", file.string(),
                        "Give a folder with adapter_config.json and adapter_model.safetensors.");
    const auto json = parse_json(read_text(file), file.string());
    JsonFields fields(json, file.string(), "");
    refuse_unknown_kinds(fields);
    for (const char* name : {"r", "lora_alpha", "target_modules"})
        if (!fields.has(name))
            throw bad_input("The field \"" + std::string(name) + "\" is missing", fields.where(name),
                            "Use a folder that PEFT's save_pretrained wrote.");
    return read_lora_fields(fields, {"r", "lora_alpha", "target_modules", "rank_pattern", "alpha_pattern"});
}

AdapterWeights::AdapterWeights(const std::filesystem::path& folder, const std::vector<LoraModule>& modules)
    : file_(folder / weights_file) {
    const char* advice = "Use an adapter that was trained on this model, or start a new one.";
    std::set<std::string> rest;
    for (const auto& [name, tensor] : file_.tensors()) rest.insert(name);
    const auto check = [&](const std::string& own_name, const std::vector<std::int64_t>& shape) {
        const std::string name = prefix + own_name, where = file_.path().string() + ": " + name;
        if (rest.erase(name) == 0)
            throw bad_input("The adapter is for another model: it has no tensor of this name", where, advice);
        const FileTensor& tensor = file_.tensors().at(name);
        if (tensor.shape != shape)
            throw bad_input("The adapter is for another model: the tensor is " + shown(tensor.shape) +
                                ", this model needs " + shown(shape),
                            where, advice);
        if (tensor.dtype != FileDType::f32 && tensor.dtype != FileDType::f16 &&
            tensor.dtype != FileDType::bf16)
            throw bad_input("The dtype " + tensor.dtype_name + " is not supported", where,
                            "Save the adapter in F32, F16 or BF16.");
    };
    for (const LoraModule& module : modules) {
        check(module.linear.name + ".lora_A.weight", {module.rank, module.linear.inputs});
        check(module.linear.name + ".lora_B.weight", {module.linear.outputs, module.rank});
    }
    if (!rest.empty())
        throw bad_input("The adapter is for another model: the tensor does not belong to this one",
                        file_.path().string() + ": " + *rest.begin(), advice);
}

void AdapterWeights::load(Backend& backend, const NamedTensors& adapter) const {
    std::vector<TensorUpload> uploads;
    for (const HeldElements& held : adapter.held())
        uploads.push_back(
            {held.elements, &file_.tensors().at(prefix + adapter.named()[held.parameter].name), held.begin});
    upload_tensors(backend, uploads);
}

void export_adapter(const std::filesystem::path& folder, const ExportSource& base, const LoraConfig& config,
                    const PlacedTensors& adapter) {
    with_dtypes(ExportDTypes(base.dtypes.most()), [&](const ExportDTypes& dtypes) {
        AtomicFolder out(folder);
        write_text(out.path() / config_file, config_json(config, base.model, adapter).dump(2) + "\n");
        write_parameters(out.path() / weights_file, {{prefix, adapter}}, dtypes.most());
        copy_companions(out.path(), base.model, base.own_files);
        out.commit();
    });
}

void export_merged(const std::filesystem::path& folder, const ExportSource& base, const ModelConfig& config,
                   const std::vector<LoraModule>& modules, const PlacedTensors& adapter) {
    const Backend& backend = *adapter.places().front().backend;
    const ModelWeights weights(base.model, config);
    // As many threads as the run's where they are the host's, since their number decides bits; beside a GPU, all there are.
    const std::unique_ptr<Backend> host =
        make_cpu_backend(backend.is_in_host_memory() ? backend.threads() : 0);
    std::map<std::string, std::size_t> place;
    for (std::size_t i = 0; i < modules.size(); ++i) place[modules[i].linear.name + ".weight"] = i;
    const auto to_host = [&](std::size_t parameter, std::vector<float>& values) {
        adapter.read(parameter, values);
        Tensor tensor = adapter.named()[parameter].tensor;
        tensor.dtype = DType::f32;
        tensor.data = values.data();
        return tensor;
    };
    std::vector<float> a, b, change;
    export_model(folder, base, parameter_shapes(config),
                 [&](const ParameterShape& parameter, std::vector<float>& values) {
                     weights.read(parameter.name, values);
                     const auto found = place.find(parameter.name);
                     if (found == place.end()) return;
                     // Adapter tensors lie in the order of the modules, two each.
                     const Tensor low = to_host(2 * found->second, a),
                                  high = to_host(2 * found->second + 1, b);
                     change.resize(values.size());
                     const Tensor delta(change.data(), DType::f32, {high.shape[0], low.shape[1]});
                     const Tensor sum(values.data(), DType::f32, {high.shape[0], low.shape[1]});
                     host->linear_backward_input(delta, high, low);
                     host->scale(delta, static_cast<float>(modules[found->second].scale));
                     host->add(sum, sum, delta);
                 });
}

}  // namespace wishbone
