#include "run/rehearsal.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>

#include "backend/length_class.h"
#include "core/error.h"
#include "core/half.h"
#include "model/lora.h"
#include "model/parameters.h"
#include "model/transformer/transformer.h"
#include "plan/computed_rows.h"
#include "run/samples.h"

namespace wishbone {

namespace {

struct FewLayers {
    ModelConfig config;
    RecomputePlan recompute;
};

/// A layer of each kind there is, of which a layer each has all, its MLP and nothing computed again, as far as layers of the run have;
/// and the last, of which only rows that the head reads go on.
FewLayers with_few_layers(ModelConfig config, RecomputePlan recompute) {
    std::vector<LayerKind> kinds;
    for (std::int64_t layer = 0; layer + 1 < config.layers; ++layer)
        if (std::ranges::find(kinds, config.kind_of(layer)) == kinds.end())
            kinds.push_back(config.kind_of(layer));
    const RecomputePlan of_run = recompute.within(config.layers);
    const auto each = static_cast<std::int64_t>(kinds.size());
    const RecomputePlan of_few(of_run.block_layers > 0 ? each : 0, of_run.mlp_layers > 0 ? each : 0);
    const bool has_kept = of_run.block_layers + of_run.mlp_layers + 1 < config.layers;
    const std::int64_t again = of_few.block_layers + of_few.mlp_layers;
    std::vector<LayerKind> layers;
    for (std::int64_t done = 0; done < again + (has_kept ? each : 0); ++done)
        layers.push_back(kinds[static_cast<std::size_t>(done % each)]);
    layers.push_back(config.kind_of(config.layers - 1));
    config.layers = static_cast<std::int64_t>(layers.size());
    config.layer_kinds = std::move(layers);
    return {std::move(config), of_few};
}

/// Numbers as weights have. (On zeros a chip draws less power and is faster, and not equally so for every algorithm.)
void fill(Backend& backend, const Tensor& flat) {
    constexpr std::int64_t most = std::int64_t{1} << 20;
    const std::int64_t count = std::min(flat.size(), most);
    std::mt19937 random(0);
    std::normal_distribution<float> normal(0.0f, 0.02f);
    std::vector<float> values(static_cast<std::size_t>(count));
    std::ranges::generate(values, [&] { return normal(random); });
    if (flat.dtype == DType::bf16) {
        std::vector<std::uint16_t> bits(values.size());
        std::ranges::transform(values, bits.begin(), float_to_bfloat16);
        backend.upload(flat.slice(0, count), bits.data());
    } else {
        backend.upload(flat.slice(0, count), values.data());
    }
    for (std::int64_t done = count; done < flat.size();) {
        const std::int64_t next = std::min(2 * done, flat.size());
        backend.copy(flat.slice(done, next), flat.slice(0, next - done));
        done = next;
    }
}

Parameters filled_parameters(Backend& backend, const ModelConfig& config) {
    Parameters parameters(backend, config, backend.activation_dtype());
    fill(backend, parameters.flat());
    return parameters;
}

Parameters filled_frozen_parameters(Backend& backend, const ModelConfig& config) {
    Parameters parameters(backend, config, FrozenInFp8());
    fill(backend, parameters.flat());
    std::int64_t largest = 0;
    for (const FrozenMatrix& one : parameters.frozen()) largest = std::max(largest, one.matrix.values.size());
    const DType dtype = backend.activation_dtype();
    const Buffer memory = backend.allocate(static_cast<std::size_t>(largest) * size_of(dtype));
    fill(backend, Tensor(memory.get(), dtype, {largest}));
    for (const FrozenMatrix& one : parameters.frozen())
        backend.fp8_quantise(
            one.matrix, {},
            Tensor(memory.get(), dtype, {one.matrix.values.rows(), one.matrix.values.shape[1]}));
    backend.synchronize();
    return parameters;
}

/// What an update runs, of a few elements.
void rehearse_update(Backend& backend, const NamedTensors& trained, const NamedTensors& gradients,
                     const TrainingOptions& options) {
    (void)backend.sum_of_squares(gradients.flat());
    const std::int64_t count = std::min<std::int64_t>(trained.flat().size(), 4096);
    const DType moments = options.moments == Moments::f32 ? DType::f32 : DType::bf16;
    std::vector<Buffer> buffers;
    const auto zeros = [&](DType dtype) {
        buffers.push_back(backend.allocate(static_cast<std::size_t>(count) * size_of(dtype)));
        const Tensor tensor(buffers.back().get(), dtype, {count});
        backend.zero(tensor);
        return tensor;
    };
    const bool has_master = trained.flat().dtype != DType::f32;
    const AdamW adamw = {0, 0.9f, 0.999f, 1e-8f, 0, 1, 0};
    backend.adamw(trained.flat().slice(0, count), has_master ? zeros(DType::f32) : Tensor(),
                  gradients.flat().slice(0, count), zeros(moments), zeros(moments), 1, adamw);
    backend.synchronize();
}

void rehearse_training(const RunInputs& inputs, Backend& backend, RecomputePlan of_run) {
    const TrainingOptions& options = inputs.options();
    const auto [config, recompute] = with_few_layers(inputs.model, of_run);
    // As in RankModel.
    const bool is_frozen = options.lora && inputs.config.precision == Precision::fp8;
    const Parameters parameters =
        is_frozen ? filled_frozen_parameters(backend, config) : filled_parameters(backend, config);
    std::optional<Lora> adapter, adapter_gradients;
    std::optional<Parameters> gradients;
    if (options.lora) {
        const std::vector<LoraModule> modules = lora_modules(config, *options.lora, inputs.run_json());
        adapter.emplace(backend, config, modules, parameters.flat().dtype);
        adapter_gradients.emplace(backend, config, modules, DType::f32);
        fill(backend, adapter->flat());
    } else {
        gradients.emplace(backend, config, DType::f32);
    }
    Transformer transformer(backend, config, recompute, inputs.config.precision);
    transformer.expect_length(inputs.longest());
    const ModelView base(parameters), policy(parameters, adapter ? &*adapter : nullptr);
    const GradientView to = adapter_gradients ? GradientView(*adapter_gradients) : GradientView(*gradients);
    for (const std::int64_t b : bins_of_usual_sizes(inputs.train.plan)) {
        const BinView view = inputs.train.plan.bin(b);
        const auto bin = transformer.prepare(view);
        transformer.forward(base, *bin, false);
        transformer.begin_forward(policy, *bin, true, options.loss.use_weighting);
        transformer.backward(policy, to, *bin, std::vector<float>(view.target_row.size(), 0.01f));
    }
    if (inputs.eval) {
        for (const std::int64_t b : bins_of_usual_sizes(inputs.eval->plan))
            transformer.forward(policy, *transformer.prepare(inputs.eval->plan.bin(b)), false);
    }
    if (options.sample_steps > 0)
        RunSamples(inputs.train.plan, options, 0, inputs.longest(), {})
            .rehearse(backend, transformer, policy);
    const NamedTensors& trained = adapter ? static_cast<const NamedTensors&>(*adapter) : parameters;
    rehearse_update(backend, trained,
                    adapter ? static_cast<const NamedTensors&>(*adapter_gradients) : *gradients, options);
}

/// A reference of a shape of its own.
void rehearse_reference(const RunInputs& inputs, Backend& backend) {
    const ModelConfig config = with_few_layers(*inputs.reference_model, Recompute::none).config;
    const Parameters parameters = filled_parameters(backend, config);
    Transformer transformer(backend, config, Recompute::none, inputs.config.precision);
    transformer.expect_length(inputs.longest());
    for (const std::int64_t b : bins_of_usual_sizes(inputs.train.plan))
        transformer.forward(parameters, *transformer.prepare(inputs.train.plan.bin(b)), false);
}

}  // namespace

std::vector<std::int64_t> bins_of_usual_sizes(const Plan& plan) {
    struct Size {
        std::int64_t bin;
        std::size_t tokens;
        std::int64_t length, reads;  ///< their classes
    };
    std::vector<Size> sizes;
    std::map<std::int64_t, std::int64_t> of_length, of_reads;
    for (std::int64_t b = 0; b < plan.bins(); ++b) {
        const BinView bin = plan.bin(b);
        std::vector<std::int32_t> rows(bin.target_row.begin(), bin.target_row.end());
        std::ranges::sort(rows);
        const auto repeated = std::ranges::unique(rows);
        const std::size_t tokens = computed_rows(bin).size();
        const Size size = {b, tokens, length_class(static_cast<std::int64_t>(tokens)),
                           length_class(static_cast<std::int64_t>(rows.size() - repeated.size()))};
        ++of_length[size.length];
        ++of_reads[size.reads];
        sizes.push_back(size);
    }
    std::ranges::stable_sort(sizes, std::greater{}, &Size::tokens);
    std::vector<std::int64_t> bins;
    std::set<std::int64_t> lengths, reads;
    for (const Size& size : sizes) {
        const bool is_longest = bins.empty();
        const bool new_length =
            (is_longest || of_length[size.length] >= least_bins_to_try) && lengths.insert(size.length).second;
        const bool new_reads =
            (is_longest || of_reads[size.reads] >= least_bins_to_try) && reads.insert(size.reads).second;
        if (new_length || new_reads) bins.push_back(size.bin);
    }
    return bins;
}

bool rehearse(const RunInputs& inputs, Backend& backend, RecomputePlan recompute) {
    try {
        rehearse_training(inputs, backend, recompute);
        if (inputs.reference_model) rehearse_reference(inputs, backend);
        backend.synchronize();
        return true;
    } catch (const Error& error) {
        if (error.code() != ExitCode::out_of_memory && error.code() != ExitCode::bad_input) throw;
        return false;
    }
}

}  // namespace wishbone
