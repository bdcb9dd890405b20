#include "run/ahead.h"

#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "backend/registry.h"
#include "comm/communicator.h"
#include "core/error.h"
#include "core/host_memory.h"
#include "io/kept_findings.h"
#include "pretrained/model_config.h"
#include "pretrained/model_weights.h"

namespace wishbone {

namespace {

/// The one device of a choice, as make_backends understands it; nothing where there are several.
std::optional<BackendChoice> single(BackendChoice choice) {
    if (choice.cuda_devices.size() > 1 || (choice.cuda_devices.empty() && choice.devices > 1))
        return std::nullopt;
    if (!choice.cuda_devices.empty()) choice.cuda.device = choice.cuda_devices.front();
    return choice;
}

bool is_same(const std::filesystem::path& one, const std::filesystem::path& other) {
    std::error_code gone;
    return std::filesystem::equivalent(one, other, gone);
}

}  // namespace

ReadAhead read_ahead(const std::filesystem::path& model) {
    std::vector<std::filesystem::path> files;
    try {
        files = weight_files(model);
    } catch (const Error&) {
        // Told of where they are opened.
    }
    // The rest is for other programs, and for what was read already.
    return {std::move(files), host_memory().available / 2};
}

BackendChoice with_findings(BackendChoice choice) {
    choice.cuda.findings = [](const std::string& circumstances) {
        return cached_findings("matmul", circumstances);
    };
    return choice;
}

Ahead::Ahead(ExpectedRun expected) noexcept : expected_(std::move(expected)) {
    try {
        prepare();
    } catch (const std::exception&) {
        model_.reset();
        backend_.reset();
    }
}

void Ahead::prepare() {
    const std::optional<BackendChoice> choice = single(expected_.backend);
    if (!choice) return;
    files_.emplace(read_ahead(expected_.model));
    const ModelConfig config = read_model_config(expected_.model);
    backend_ = make_backend(with_findings(*choice));
    const bool is_fp8 = expected_.precision == Precision::fp8;
    if (backend_named(backend_->name()).is_slow_at_first) {
        // On a processor others would disturb it now.
        (void)backend_->measure_matmul_ceiling();
        if (is_fp8) (void)backend_->measure_fp8_ceiling();
    }
    const std::size_t free = backend_->free_memory();
    // A rehearsal and what a large model needs come first.
    if (free > 0 &&
        static_cast<std::size_t>(parameter_count(config)) * size_of(backend_->activation_dtype()) > free / 2)
        return;
    RankModel model(*backend_, config, single_rank(), Sharding::none, !expected_.trains_adapter,
                    expected_.precision);
    ModelWeights(expected_.model, config).load(*backend_, model.kept());
    model.changed();
    backend_->synchronize();
    // Of the host's memory others take some at the same time.
    memory_of_model_ = backend_named(backend_->name()).memory.is_of_host
                           ? model.kept().flat().bytes()
                           : free - std::min(free, backend_->free_memory());
    model_.emplace(std::move(model));
}

std::unique_ptr<Backend> Ahead::take_backend(const BackendChoice& choice) {
    const std::optional<BackendChoice> asked = single(choice), own = single(expected_.backend);
    const bool suits = backend_ && asked && own && own->name == asked->name &&
                       own->threads == asked->threads && own->cuda.device == asked->cuda.device &&
                       own->cuda.deterministic == asked->cuda.deterministic &&
                       own->cuda.cublaslt == asked->cuda.cublaslt;
    if (suits) return std::move(backend_);
    model_.reset();
    backend_.reset();
    return nullptr;
}

std::optional<RankModel> Ahead::take_model(const RunInputs& inputs) {
    const bool suits = model_ && is_same(inputs.config.model, expected_.model) &&
                       inputs.config.precision == expected_.precision &&
                       inputs.options().lora.has_value() == expected_.trains_adapter;
    if (!suits) {
        model_.reset();
        memory_of_model_ = 0;
        return std::nullopt;
    }
    std::optional<RankModel> taken(std::move(model_));
    model_.reset();
    return taken;
}

}  // namespace wishbone
