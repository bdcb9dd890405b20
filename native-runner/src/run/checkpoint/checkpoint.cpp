#include "run/checkpoint/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <limits>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/terminal.h"
#include "io/atomic_file.h"
#include "io/json.h"

namespace wishbone {

namespace {

constexpr const char* model_file = "model.safetensors";
constexpr const char* optimizer_file = "optimizer.safetensors";
constexpr const char* reference_file = "reference.safetensors";

/// The reference is no longer a model that some folder holds.
bool reference_has_moved(Trainer& trainer, const TrainingOptions& options, std::int64_t step) {
    const bool taken_after_sft = options.reference_follows_sft() && step > options.sft_steps;
    return trainer.reference_model() != nullptr && (options.sync_ref_model || taken_after_sft);
}

std::string name_of(std::int64_t step) {
    char name[40];
    std::snprintf(name, sizeof name, "step-%06lld", static_cast<long long>(step));
    return name;
}

/// Checkpoint folders by step, whole or not, newest first.
std::map<std::int64_t, std::filesystem::path, std::greater<>> list(const std::filesystem::path& folder) {
    std::map<std::int64_t, std::filesystem::path, std::greater<>> found;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error), end;
    for (; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        std::int64_t step = 0;
        if (!name.starts_with("step-")) continue;
        const auto [rest, problem] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
        if (problem == std::errc() && rest == name.data() + name.size() && name == name_of(step))
            found[step] = entry->path();
    }
    return found;
}

/// Throws Error(bad_input) when the checkpoint is not whole.
CheckpointState read_state(const std::filesystem::path& folder) {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    const std::filesystem::path file = folder / "state.json";
    const auto json = parse_json(read_text(file), file.string());
    JsonFields fields(json, file.string(), "");
    if (fields.text("format") != "wishbone-checkpoint" || fields.integer("version", 0, most) != 1)
        throw bad_input("Not a checkpoint of this version of Wishbone", file.string(), "Start a new run.");
    CheckpointState state;
    state.step = fields.integer("step", 0, most);
    state.next_seq = fields.integer("next_seq", 0, most);
    state.plan_sha256 = fields.text("plan_sha256");
    state.training = nlohmann::json(fields.any("training")).dump();
    if (fields.has("eval")) state.best = BestModel::from_json(fields.object("eval"));
    state.weights_only = fields.boolean("weights_only", false);
    if (fields.has("models")) {
        JsonFields models = fields.object("models");
        for (const std::string& name : models.names()) state.models[name] = models.text(name);
    }
    JsonFields bytes = fields.object("bytes");
    for (const char* name : {model_file, optimizer_file, reference_file}) {
        const bool needed = name == model_file || (name == optimizer_file && !state.weights_only);
        if (!needed && !bytes.has(name)) continue;
        std::error_code error;
        const auto found = std::filesystem::file_size(folder / name, error);
        if (error || static_cast<std::int64_t>(found) != bytes.integer(name, 0, most))
            throw bad_input("The file is missing or has another size than when it was written",
                            (folder / name).string(), "Restore the file, or remove this checkpoint.");
    }
    return state;
}

/// state.json, last, of a checkpoint whose other files are `written`.
void write_state(const AtomicFolder& folder, const CheckpointState& state, const TrainingOptions& options,
                 const std::vector<const char*>& written) {
    nlohmann::ordered_json json = {{"format", "wishbone-checkpoint"},
                                   {"version", 1},
                                   {"step", state.step},
                                   {"next_seq", state.next_seq},
                                   {"plan_sha256", state.plan_sha256},
                                   {"training", nullptr},
                                   {"bytes", nlohmann::json::object()}};
    json["training"] = nlohmann::ordered_json::parse(state.training);
    if (options.eval_steps > 0) json["eval"] = state.best.to_json();
    if (state.weights_only) json["weights_only"] = true;
    if (!state.models.empty()) json["models"] = state.models;
    for (const char* name : written) {
        // The run's folder may be moved away at any time.
        std::error_code error;
        const auto bytes = std::filesystem::file_size(folder.path() / name, error);
        if (error) throw cannot_write(error.value(), folder.path() / name);
        json["bytes"][name] = bytes;
    }
    write_text(folder.path() / "state.json", json.dump(2) + "\n");
}

void remove_folder(const std::filesystem::path& path) {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) warn("cannot remove " + path.string() + ": " + error.message());
}

/// The tensors that `of` names of a trainer: its own, or the shards of all.
template <typename Of>
PlacedTensors placed(const Trainers& trainers, Of of) {
    Trainer& first = *trainers.front();
    const NamedTensors* const own = of(first);
    if (!own->is_shard()) return {own->backend(), *own};
    std::vector<PlacedTensors::Place> places;
    for (Trainer* const trainer : trainers) places.push_back({&of(*trainer)->backend(), of(*trainer)});
    return PlacedTensors(std::move(places));
}

/// Removes checkpoints that are not to stay, once the one of `state` is written.
void remove_old(const std::filesystem::path& checkpoints, const CheckpointState& state,
                const TrainingOptions& options, std::optional<std::int64_t> also_kept) {
    std::int64_t whole = 0;
    for (const auto& [step, path] : list(checkpoints)) {
        std::error_code error;
        // A step beyond this one is left from before a resume that went further back.
        if (step <= state.step) {
            const bool counts = std::filesystem::exists(path / optimizer_file, error);
            if (counts && (options.save_total_limit == 0 || ++whole <= options.save_total_limit)) continue;
            if (step == state.best.step() || step == also_kept) continue;
        }
        remove_folder(path);
    }
}

}  // namespace

PlacedTensors trained_weights(const Trainers& trainers) {
    return placed(trainers, [](Trainer& trainer) { return &trainer.optimizer().master(); });
}

CheckpointFiles whole_checkpoint(const Trainers& trainers, const TrainingOptions& options,
                                 std::int64_t step) {
    const auto of = [&](auto tensors) { return placed(trainers, tensors); };
    CheckpointFiles files = weights_alone(trainers);
    files.push_back(
        {optimizer_file,
         {{"exp_avg.", of([](Trainer& trainer) { return &trainer.optimizer().first_moment(); })},
          {"exp_avg_sq.", of([](Trainer& trainer) { return &trainer.optimizer().second_moment(); })}}});
    Trainer& first = *trainers.front();
    if (reference_has_moved(first, options, step))
        files.push_back({reference_file, {{"", {first.backend(), first.reference_model()->parameters()}}}});
    else if (first.reference_adapter() != nullptr)
        // The folder it was loaded from is not the run's own.
        files.push_back({reference_file, {{"", {first.backend(), *first.reference_adapter()}}}});
    return files;
}

CheckpointFiles weights_alone(const Trainers& trainers) {
    return {{model_file, {{"", trained_weights(trainers)}}}};
}

void write_checkpoint(const std::filesystem::path& run_folder, const CheckpointState& state,
                      const CheckpointFiles& files, const TrainingOptions& options,
                      std::optional<std::int64_t> also_kept, const std::function<void()>& before_commit) {
    const std::filesystem::path checkpoints = run_folder / "checkpoints";
    std::error_code error;
    std::filesystem::create_directory(checkpoints, error);
    if (error) throw cannot_write(error.value(), checkpoints);
    {
        AtomicFolder folder(checkpoints / name_of(state.step));
        std::vector<const char*> written;
        for (const CheckpointFile& file : files) {
            write_parameters(folder.path() / file.name, file.sets);
            written.push_back(file.name);
        }
        write_state(folder, state, options, written);
        before_commit();
        folder.commit();
    }
    remove_old(checkpoints, state, options, also_kept);
}

std::string checkpoint_path(std::int64_t step) { return "checkpoints/" + name_of(step); }

std::filesystem::path weights_file(const std::filesystem::path& run_folder, std::int64_t step) {
    const std::filesystem::path file = run_folder / "checkpoints" / name_of(step) / model_file;
    if (!std::filesystem::exists(file))
        throw bad_input("There is no checkpoint of step " + std::to_string(step), file.string(),
                        "Restore it, or name the step of a checkpoint that is there.");
    return file;
}

std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& run_folder) {
    for (const auto& [step, path] : list(run_folder / "checkpoints")) {
        try {
            Checkpoint checkpoint{path, read_state(path)};
            if (checkpoint.state.weights_only) continue;
            if (checkpoint.state.step == step) return checkpoint;
            warn(path.string() + " says another step than its name; passed over");
        } catch (const Error& error) {
            warn(std::string("checkpoint passed over: ") + error.what() + " (" + error.where() + ")");
        }
    }
    return std::nullopt;
}

void remove_surplus(const Checkpoint& newest, const TrainingOptions& options) {
    if (options.save_total_limit == 0) return;
    std::int64_t whole = 0;
    for (const auto& [step, path] : list(newest.folder.parent_path())) {
        std::error_code error;
        const bool counts =
            step <= newest.state.step && std::filesystem::exists(path / optimizer_file, error);
        if (counts && ++whole > options.save_total_limit && step != newest.state.best.step())
            remove_folder(path);
    }
}

void load_weights(const std::filesystem::path& run_folder, std::int64_t step, Trainer& trainer) {
    NamedTensors& master = trainer.optimizer().master();
    read_parameters(weights_file(run_folder, step), master.backend(), {{"", &master}});
}

void load_checkpoint(const Checkpoint& checkpoint, Trainer& trainer) {
    Backend& backend = trainer.backend();
    Optimizer& optimizer = trainer.optimizer();
    read_parameters(checkpoint.folder / model_file, optimizer.master().backend(),
                    {{"", &optimizer.master()}});
    optimizer.master_changed();
    read_parameters(checkpoint.folder / optimizer_file, optimizer.first_moment().backend(),
                    {{"exp_avg.", &optimizer.first_moment()}, {"exp_avg_sq.", &optimizer.second_moment()}});
    if (trainer.reference_model() != nullptr && std::filesystem::exists(checkpoint.folder / reference_file))
        read_parameters(checkpoint.folder / reference_file, backend,
                        {{"", &trainer.reference_model()->parameters()}});
    if (trainer.reference_adapter() != nullptr)
        read_parameters(checkpoint.folder / reference_file, backend, {{"", trainer.reference_adapter()}});
    optimizer.set_updates(checkpoint.state.step);
}

}  // namespace wishbone
