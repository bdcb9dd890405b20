#include "model/llama.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "model/activations.h"
#include "model/rope_table.h"

namespace wishbone {

struct DeviceBin {
    std::int64_t tokens = 0, rows = 0, targets = 0;
    Buffer memory;  ///< of all the tensors below
    Tensor token, position, read_row;
    HeadTargets head;
    std::unique_ptr<AttentionMask> mask;
};

namespace {

Error fault(const std::string& what) {
    return Error(ExitCode::internal, what, "model", "This is a fault of the runner, please report it.");
}

/// Rows a target reads, distinct and ascending, and for each target its place among them.
struct ReadRows {
    std::vector<std::int32_t> rows, place;

    explicit ReadRows(std::span<const std::int32_t> target_row) : rows(target_row.begin(), target_row.end()) {
        std::sort(rows.begin(), rows.end());
        rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
        place.reserve(target_row.size());
        for (const std::int32_t row : target_row)
            place.push_back(
                static_cast<std::int32_t>(std::lower_bound(rows.begin(), rows.end(), row) - rows.begin()));
    }
};

}  // namespace

struct Llama::Impl {
    Backend& backend;
    const LlamaConfig config;
    const DType dtype;
    const AttentionShape shape;
    const float eps;
    const Recompute recompute;
    Activations kept, passing;  ///< of a forward pass that keeps, and of one that does not
    Workspace work;
    Buffer rope_memory;
    Tensor rope_cos, rope_sin;
    std::int64_t rope_positions = 0;
    const DeviceBin* kept_bin = nullptr;

    Impl(Backend& the_backend, LlamaConfig the_config, Recompute the_recompute)
        : backend(the_backend),
          config(std::move(the_config)),
          dtype(backend.activation_dtype()),
          shape{config.query_heads, config.kv_heads, config.head_dim,
                static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_dim)))},
          eps(static_cast<float>(config.rms_norm_eps)),
          recompute(the_recompute) {
        kept.layers.resize(static_cast<std::size_t>(config.layers));
        passing.layers.resize(1);  // every layer overwrites the one before
    }

    Tensor activation(Slot& slot, std::initializer_list<std::int64_t> dims) {
        return slot.get(backend, dtype, dims);
    }
    Tensor statistic(Slot& slot, std::initializer_list<std::int64_t> dims) {
        return slot.get(backend, DType::f32, dims);
    }

    Activations::Layer& layer_of(Activations& activations, std::int64_t layer) {
        return activations.layers[static_cast<std::size_t>(layer) % activations.layers.size()];
    }

    /// Tables grow with the longest sequence seen, so a config that allows long ones costs nothing.
    void reach_position(std::int64_t positions) {
        if (positions <= rope_positions) return;
        const std::int64_t grown = std::max(positions, std::min<std::int64_t>(2 * rope_positions, 1 << 20));
        const RopeTable table = rope_table(config, grown);
        const std::size_t bytes = table.cos.size() * sizeof(float);
        rope_positions = 0;
        rope_memory = backend.allocate(2 * bytes);
        rope_cos = Tensor(rope_memory.get(), DType::f32, {grown, config.head_dim / 2});
        rope_sin = rope_cos;
        rope_sin.data = static_cast<std::byte*>(rope_memory.get()) + bytes;
        backend.upload(rope_cos, table.cos.data());
        backend.upload(rope_sin, table.sin.data());
        rope_positions = grown;
    }

    std::shared_ptr<DeviceBin> prepare(const BinView& view) {
        const std::size_t length = view.tokens.size(), count = view.target_row.size();
        if (view.position.size() != length || view.visible_until.size() != length ||
            view.target_token.size() != count)
            throw fault("the arrays of a bin differ in length");
        const auto outside = [](std::int64_t limit) {
            return [limit](std::int32_t value) { return value < 0 || value >= limit; };
        };
        if (std::any_of(view.tokens.begin(), view.tokens.end(), outside(config.vocab_size)) ||
            std::any_of(view.target_token.begin(), view.target_token.end(), outside(config.vocab_size)))
            throw fault("a bin has a token outside the model's vocabulary");
        if (std::any_of(view.target_row.begin(), view.target_row.end(),
                        outside(static_cast<std::int64_t>(length))) ||
            std::any_of(view.position.begin(), view.position.end(),
                        outside(static_cast<std::int64_t>(length))))
            throw fault("a bin has a target row or a position outside the bin");

        const ReadRows read(view.target_row);
        auto bin = std::make_shared<DeviceBin>();
        bin->tokens = static_cast<std::int64_t>(length);
        bin->rows = static_cast<std::int64_t>(read.rows.size());
        bin->targets = static_cast<std::int64_t>(count);
        if (length > 0) reach_position(1 + *std::max_element(view.position.begin(), view.position.end()));

        const auto padded = [](std::size_t n) { return (n + 63) / 64 * 64; };  // keeps each array aligned
        bin->memory = backend.allocate((2 * padded(length) + padded(read.rows.size()) + 2 * padded(count)) *
                                       sizeof(std::int32_t));
        std::size_t used = 0;
        const auto upload = [&](std::span<const std::int32_t> from) {
            Tensor tensor(static_cast<std::int32_t*>(bin->memory.get()) + used, DType::i32,
                          {static_cast<std::int64_t>(from.size())});
            used += padded(from.size());
            backend.upload(tensor, from.data());
            return tensor;
        };
        bin->token = upload(view.tokens);
        bin->position = upload(view.position);
        bin->read_row = upload(read.rows);
        bin->head.row = upload(read.place);
        bin->head.token = upload(view.target_token);
        bin->mask = backend.prepare_mask(view.visible_until, view.position, shape);
        return bin;
    }

    /// A layer's results, of all `tokens` up to attention and of the `rows` that go on behind it.
    struct LayerTensors {
        Tensor input, attention_inv_rms, qkv, attention, lse, middle, mlp_inv_rms, gate_up;
    };

    LayerTensors tensors_of(Activations& activations, std::int64_t layer, std::int64_t tokens,
                            std::int64_t rows) {
        Activations::Layer& own = layer_of(activations, layer);
        Activations::Layer& attention = recompute == Recompute::block ? activations.recomputed : own;
        Activations::Layer& mlp = recompute != Recompute::none ? activations.recomputed : own;
        const std::int64_t heads = shape.query_heads + 2 * shape.kv_heads;
        return {
            .input = activation(own.input, {tokens, config.hidden_size}),
            .attention_inv_rms = statistic(attention.attention_inv_rms, {tokens}),
            .qkv = activation(attention.qkv, {tokens, heads, shape.head_dim}),
            .attention = activation(attention.attention, {tokens, shape.query_heads * shape.head_dim}),
            .lse = statistic(attention.lse, {shape.query_heads, tokens}),
            .middle = activation(attention.middle, {rows, config.hidden_size}),
            .mlp_inv_rms = statistic(attention.mlp_inv_rms, {rows}),
            .gate_up = activation(mlp.gate_up, {rows, 2 * config.intermediate_size}),
        };
    }

    void attend(const Parameters::Layer& weights, const LayerTensors& layer, const Tensor& normed,
                const DeviceBin& bin) {
        backend.linear(flat(layer.qkv), normed, weights.qkv);
        backend.rope(layer.qkv, rope_cos, rope_sin, bin.position, shape, false);
        backend.attention(layer.attention, layer.lse, layer.qkv, *bin.mask, shape);
    }

    /// `stream` and `attention`: the rows that go on. `delta` is scratch.
    void project_and_gate(const Parameters::Layer& weights, const LayerTensors& layer, const Tensor& stream,
                          const Tensor& attention, const Tensor& delta) {
        backend.linear(delta, attention, weights.attention_out);
        const Tensor normed = activation(work.normed, {layer.middle.rows(), config.hidden_size});
        backend.add_rmsnorm(layer.middle, normed, layer.mlp_inv_rms, stream, delta, weights.mlp_norm, eps);
        backend.linear(layer.gate_up, normed, weights.gate_up);
    }

    /// Everything up to the head: returns the normed hidden states [rows, H] of the rows that are read.
    Tensor forward_hidden(const Parameters& parameters, DeviceBin& bin, Activations& activations) {
        const std::int64_t tokens = bin.tokens, hidden = config.hidden_size,
                           out_size = shape.query_heads * shape.head_dim;

        Tensor stream = activation(layer_of(activations, 0).input, {tokens, hidden});
        backend.embedding(stream, parameters.embedding, bin.token);
        Tensor delta;  // what the sublayer before adds to the stream
        for (std::int64_t i = 0; i < config.layers; ++i) {
            const Parameters::Layer& weights = parameters.layers[static_cast<std::size_t>(i)];
            const std::int64_t rows = i + 1 == config.layers ? bin.rows : tokens;
            const LayerTensors layer = tensors_of(activations, i, tokens, rows);

            const Tensor normed = activation(work.normed, {tokens, hidden});
            backend.add_rmsnorm(delta ? layer.input : Tensor(), normed, layer.attention_inv_rms, stream,
                                delta, weights.attention_norm, eps);
            stream = layer.input;
            attend(weights, layer, normed, bin);
            Tensor attention = layer.attention;
            if (i + 1 == config.layers) {
                attention = activation(activations.attention_rows, {rows, out_size});
                backend.gather_rows(attention, layer.attention, bin.read_row);
                stream = activation(activations.input_rows, {rows, hidden});
                backend.gather_rows(stream, layer.input, bin.read_row);
            }
            delta = activation(work.narrow, {rows, hidden});
            project_and_gate(weights, layer, stream, attention, delta);
            stream = layer.middle;
            const Tensor product = activation(work.wide, {rows, config.intermediate_size});
            backend.swiglu(product, layer.gate_up);
            backend.linear(delta, product, weights.down);
        }
        const Tensor last = activation(activations.last, {bin.rows, hidden});
        const Tensor normed = activation(activations.hidden, {bin.rows, hidden});
        backend.add_rmsnorm(last, normed, statistic(activations.final_inv_rms, {bin.rows}), stream, delta,
                            parameters.final_norm, eps);
        return normed;
    }

    /// Brings back what the forward pass did not keep of a layer. The last layer's results are still there.
    void bring_back(const Parameters::Layer& weights, const LayerTensors& layer, const DeviceBin& bin) {
        const Tensor normed = activation(work.normed, {bin.tokens, config.hidden_size});
        if (recompute == Recompute::mlp) {
            backend.add_rmsnorm({}, normed, layer.mlp_inv_rms, layer.middle, {}, weights.mlp_norm, eps);
            backend.linear(layer.gate_up, normed, weights.gate_up);
        } else if (recompute == Recompute::block) {
            backend.add_rmsnorm({}, normed, layer.attention_inv_rms, layer.input, {}, weights.attention_norm,
                                eps);
            attend(weights, layer, normed, bin);
            project_and_gate(weights, layer, layer.input, layer.attention,
                             activation(work.narrow, {bin.tokens, config.hidden_size}));
        }
    }

    /// [T, heads, D] as the matrix [T, heads · D].
    static Tensor flat(const Tensor& qkv) {
        return Tensor(qkv.data, qkv.dtype, {qkv.shape[0], qkv.shape[1] * qkv.shape[2]});
    }

    /// Logits of as many rows as the backend thinks worth keeping; an empty tensor when there are none.
    Tensor kept_logits(const DeviceBin& bin) {
        const std::size_t row_bytes = static_cast<std::size_t>(config.vocab_size) * size_of(dtype);
        const auto rows =
            std::min(bin.rows, static_cast<std::int64_t>(backend.kept_logits_budget() / row_bytes));
        return rows > 0 ? activation(kept.kept_logits, {rows, config.vocab_size}) : Tensor();
    }

    std::vector<float> forward(const Parameters& parameters, DeviceBin& bin, bool keep,
                               std::vector<float>* log_sum_squares) {
        if (keep) kept_bin = &bin;
        if (bin.targets == 0) return {};
        Activations& activations = keep ? kept : passing;
        const Tensor hidden = forward_hidden(parameters, bin, activations);
        const Tensor logps = statistic(activations.logps, {bin.targets});
        backend.head_logps(logps, statistic(activations.head_lse, {bin.rows}),
                           keep ? kept_logits(bin) : Tensor(), hidden, parameters.head, bin.head);
        std::vector<float> result(static_cast<std::size_t>(bin.targets));
        backend.download(result.data(), logps);
        if (log_sum_squares != nullptr) {
            const Tensor of_rows = statistic(work.log_sum_squares, {bin.rows});
            backend.head_log_sum_squares(of_rows, keep ? kept_logits(bin) : Tensor(), hidden, parameters.head,
                                         statistic(activations.head_lse, {bin.rows}));
            std::vector<float> rows(static_cast<std::size_t>(bin.rows));
            std::vector<std::int32_t> place(static_cast<std::size_t>(bin.targets));
            backend.download(rows.data(), of_rows);
            backend.download(place.data(), bin.head.row);
            log_sum_squares->resize(place.size());
            std::ranges::transform(place, log_sum_squares->begin(),
                                   [&](std::int32_t row) { return rows[static_cast<std::size_t>(row)]; });
        }
        return result;
    }

    void backward(const Parameters& parameters, Parameters& gradients, DeviceBin& bin,
                  std::span<const float> weight) {
        if (kept_bin != &bin) throw fault("backward without a forward pass of the same bin that keeps");
        if (static_cast<std::int64_t>(weight.size()) != bin.targets)
            throw fault("backward with too few weights");
        kept_bin = nullptr;
        if (bin.targets == 0) return;
        const std::int64_t tokens = bin.tokens, hidden = config.hidden_size,
                           feed_forward = config.intermediate_size;
        const std::int64_t heads = shape.query_heads + 2 * shape.kv_heads,
                           out_size = shape.query_heads * shape.head_dim;

        const Tensor target_weight = statistic(work.target_weight, {bin.targets});
        backend.upload(target_weight, weight.data());
        std::int64_t rows = bin.rows;
        Tensor d_normed = activation(work.narrow, {rows, hidden});
        backend.head_logps_backward(d_normed, gradients.head, kept_logits(bin),
                                    activation(kept.hidden, {rows, hidden}), parameters.head,
                                    statistic(kept.head_lse, {rows}), bin.head, target_weight);
        Tensor d_stream = activation(work.d_rows, {rows, hidden});
        backend.zero(d_stream);
        backend.rmsnorm_backward(d_stream, gradients.final_norm, activation(work.normed, {rows, hidden}),
                                 d_normed, activation(kept.last, {rows, hidden}),
                                 statistic(kept.final_inv_rms, {rows}), parameters.final_norm);

        for (std::int64_t i = config.layers - 1; i >= 0; --i) {
            const Parameters::Layer& weights = parameters.layers[static_cast<std::size_t>(i)];
            Parameters::Layer& d_weights = gradients.layers[static_cast<std::size_t>(i)];
            const LayerTensors layer = tensors_of(kept, i, tokens, rows);
            const bool last = i + 1 == config.layers;
            if (!last) bring_back(weights, layer, bin);

            const Tensor product = activation(work.wide, {rows, feed_forward});
            const Tensor d_product = activation(work.wide2, {rows, feed_forward});
            backend.linear_backward_input(d_product, d_stream, weights.down);
            const Tensor d_gate_up = layer.gate_up;
            backend.swiglu_backward(d_gate_up, product, d_product, layer.gate_up);
            backend.linear_backward_weight(d_weights.down, d_stream, product);

            d_normed = activation(work.narrow, {rows, hidden});
            backend.linear_backward_input(d_normed, d_gate_up, weights.gate_up);
            Tensor normed = activation(work.normed, {rows, hidden});
            backend.rmsnorm_backward(d_stream, d_weights.mlp_norm, normed, d_normed, layer.middle,
                                     layer.mlp_inv_rms, weights.mlp_norm);
            backend.linear_backward_weight(d_weights.gate_up, d_gate_up, normed);

            const Tensor d_attention = activation(work.d_attention, {tokens, out_size});
            if (last) {
                // Only the rows that are read went on; the others get their gradient through attention alone.
                const Tensor d_rows = activation(work.d_attention_rows, {rows, out_size});
                backend.linear_backward_input(d_rows, d_stream, weights.attention_out);
                backend.linear_backward_weight(d_weights.attention_out, d_stream,
                                               activation(kept.attention_rows, {rows, out_size}));
                backend.zero(d_attention);
                backend.scatter_add_rows(d_attention, d_rows, bin.read_row);
                const Tensor d_read = d_stream;
                d_stream = activation(work.d_stream, {tokens, hidden});
                backend.zero(d_stream);
                backend.scatter_add_rows(d_stream, d_read, bin.read_row);
                rows = tokens;
            } else {
                backend.linear_backward_input(d_attention, d_stream, weights.attention_out);
                backend.linear_backward_weight(d_weights.attention_out, d_stream, layer.attention);
            }

            const Tensor d_qkv = activation(work.d_qkv, {tokens, heads, shape.head_dim});
            backend.attention_backward(d_qkv, d_attention, layer.attention, layer.lse, layer.qkv, *bin.mask,
                                       shape);
            backend.rope(d_qkv, rope_cos, rope_sin, bin.position, shape, true);
            d_normed = activation(work.narrow, {tokens, hidden});
            backend.linear_backward_input(d_normed, flat(d_qkv), weights.qkv);
            normed = activation(work.normed, {tokens, hidden});
            backend.rmsnorm_backward(d_stream, d_weights.attention_norm, normed, d_normed, layer.input,
                                     layer.attention_inv_rms, weights.attention_norm);
            backend.linear_backward_weight(d_weights.qkv, flat(d_qkv), normed);
        }
        backend.embedding_backward(gradients.embedding, bin.token, d_stream);
    }

    std::vector<float> logits(const Parameters& parameters, std::span<const std::int32_t> tokens) {
        const auto length = static_cast<std::int32_t>(tokens.size());
        std::vector<std::int32_t> position(tokens.size()), until(tokens.size(), length);
        for (std::int32_t i = 0; i < length; ++i) position[static_cast<std::size_t>(i)] = i;
        BinView view;
        view.tokens = tokens;
        view.position = position;
        view.visible_until = until;
        view.target_row = position;  // every row is read
        view.target_token = tokens;
        const std::shared_ptr<DeviceBin> bin = prepare(view);
        if (length == 0) return {};
        const Tensor hidden = forward_hidden(parameters, *bin, passing);
        Slot slot;
        const Tensor out = activation(slot, {length, config.vocab_size});
        backend.linear(out, hidden, parameters.head);
        Slot converted;
        const Tensor out_f32 = dtype == DType::f32 ? out : statistic(converted, {length, config.vocab_size});
        if (dtype != DType::f32) backend.copy(out_f32, out);
        std::vector<float> result(static_cast<std::size_t>(out.size()));
        backend.download(result.data(), out_f32);
        return result;
    }
};

Llama::Llama(Backend& backend, LlamaConfig config, Recompute recompute)
    : impl_(std::make_unique<Impl>(backend, std::move(config), recompute)) {}
Llama::~Llama() = default;

const LlamaConfig& Llama::config() const { return impl_->config; }

std::shared_ptr<DeviceBin> Llama::prepare(const BinView& bin) { return impl_->prepare(bin); }

std::vector<float> Llama::forward(const Parameters& parameters, DeviceBin& bin, bool keep,
                                  std::vector<float>* log_sum_squares) {
    return impl_->forward(parameters, bin, keep, log_sum_squares);
}

void Llama::backward(const Parameters& parameters, Parameters& gradients, DeviceBin& bin,
                     std::span<const float> weight) {
    impl_->backward(parameters, gradients, bin, weight);
}

std::vector<float> Llama::logits(const Parameters& parameters, std::span<const std::int32_t> tokens) {
    return impl_->logits(parameters, tokens);
}

}  // namespace wishbone
