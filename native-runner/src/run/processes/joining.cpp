#include "run/processes/joining.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "comm/processes/messages.h"
#include "core/sha256.h"
#include "core/terminal.h"
#include "core/version.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "pretrained/model_weights.h"
#include "run/process/stop_signals.h"

namespace wishbone {

namespace {

std::string run_id(const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / "run.json";
    const auto json = parse_json(read_text(file), file.string());
    return JsonFields(json, file.string(), "").text("id");
}

Introduction introduction(const ProcessPlace& place, const std::filesystem::path& folder) {
    return {place, version, folder.empty() ? "" : run_id(folder),
            folder.empty() ? "" : std::filesystem::absolute(folder).string()};
}

std::string sha256_of(std::string_view text) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(text.data(), text.size())));
    return hash.hex();
}

/// Of what tells one model folder from another without reading all of it: its config, and of each file of weights the size, its
/// beginning, where the names and shapes are, and its end.
std::string model_sha256(const std::filesystem::path& folder) {
    constexpr std::size_t most = std::size_t{1} << 20;
    std::string text = sha256_of_file(folder / "config.json");
    std::vector<std::filesystem::path> files = weight_files(folder);
    std::ranges::sort(files);
    for (const std::filesystem::path& file : files) {
        std::ifstream in(file, std::ios::binary | std::ios::ate);
        const std::streamoff size = in.tellg();
        if (size < 0) throw bad_input("The file cannot be read", file.string(), "Check the model folder.");
        std::string piece(std::min(most, static_cast<std::size_t>(size)), '\0');
        for (const std::streamoff place :
             {std::streamoff{0}, size - static_cast<std::streamoff>(piece.size())}) {
            in.seekg(place);
            in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
            text += " " + sha256_of(piece);
        }
        text += " " + std::to_string(size);
    }
    return sha256_of(text);
}

/// What must be the same for all, by the name that a message gives it.
struct Same {
    const char* name;   ///< "plan"
    std::string where;  ///< file of this process
    std::string hash;
};

std::vector<Same> same_for_all(const RunInputs& inputs) {
    const RunConfig& config = inputs.config;
    const std::string run = inputs.run_json();
    const std::string settings =
        config.backend.name + (config.backend.cuda.deterministic ? " deterministic " : " ") +
        (config.recompute ? std::string(name_of(*config.recompute)) : "auto") + " " +
        std::to_string(static_cast<int>(config.precision)) + " " +
        (config.shard ? std::string(name_of(*config.shard)) : "auto") + " " + std::to_string(config.seed);
    std::vector<Same> all = {{"plan", (inputs.folder / "plan.safetensors").string(), inputs.train.sha256},
                             {"eval plan", (inputs.folder / "eval-plan.safetensors").string(),
                              inputs.eval ? inputs.eval->sha256 : ""},
                             {"training settings", run + ": training", sha256_of(config.training_text)},
                             {"runner settings", run + ": runner", sha256_of(settings)},
                             {"model", config.model.string(), model_sha256(config.model)}};
    if (!inputs.options().reference_model.empty())
        all.push_back({"reference model", inputs.options().reference_model.string(),
                       model_sha256(inputs.options().reference_model)});
    if (!inputs.options().adapter.empty())
        all.push_back({"adapter", inputs.options().adapter.string(),
                       sha256_of_file(inputs.options().adapter / "adapter_model.safetensors")});
    return all;
}

}  // namespace

std::unique_ptr<ProcessGroup> join_processes(const ProcessPlace& place, const std::filesystem::path& folder) {
    const ProcessLimits limits = ProcessLimits::from_environment();
    std::optional<Introduction> self;
    try {
        self = introduction(place, folder);
    } catch (const Error& error) {
        if (place.process == 0) throw;
        self = {place, version, "", "", error};
        try {
            (void)meet(*self, limits, StopSignals::requested);
        } catch (const std::exception&) {
            // It is told of the failure, or not there itself.
        }
        throw;
    }
    return std::make_unique<ProcessGroup>(*self, limits, StopSignals::requested);
}

void tell_of_failure(const ProcessPlace& place, const Error& error) noexcept {
    try {
        (void)meet({place, version, "", "", error}, ProcessLimits::from_environment(),
                   StopSignals::requested);
    } catch (const std::exception&) {
        // All that could be told were.
    }
}

void check_same_run(ProcessGroup& processes, const RunInputs& inputs) {
    const std::vector<Same> own = same_for_all(inputs);
    Message message = Message::object();
    for (const Same& same : own) message[same.name] = same.hash;
    const std::vector<std::string> all = processes.exchange(message.dump());
    const Message first = parsed(all.front());
    for (std::size_t p = 1; p < all.size(); ++p) {
        const Message other = parsed(all[p]);
        for (const Same& same : own)
            if (text_of(other, same.name) != text_of(first, same.name))
                throw bad_input("The " + std::string(same.name) + " of " +
                                    processes.name(static_cast<int>(p)) + " is another one than that of " +
                                    processes.name(0),
                                same.where,
                                "Give every process the same run folder and model: on a file system that all "
                                "machines share, or the same files on each.");
    }
}

void log_failure(const ProcessGroup& processes, const std::filesystem::path& folder,
                 const Error& error) noexcept {
    // What it was ended by is told by the first, unless that is what is gone.
    if (!processes.failed_here() && !processes.is_gone_without_a_word()) return;
    try {
        const std::filesystem::path file = folder / "runner.log";
        const FileDescriptor log(
            ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
        if (!log) throw cannot_write(errno, file);
        const std::string text =
            processes.name(processes.process()) + " ended:\nerror: " + printable(error.what()) +
            "\n  at: " + printable(error.where()) + "\n  fix: " + printable(error.advice()) + "\n";
        write_all(log.get(), std::as_bytes(std::span(text)), file);
    } catch (const std::exception& second) {
        warn(std::string("the failure could not be logged: ") + second.what());
    }
}

}  // namespace wishbone
