#include "pretrained/model_weights.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "core/error.h"
#include "core/half.h"
#include "core/sha256.h"
#include "core/workers.h"
#include "io/json.h"
#include "pretrained/tensor_upload.h"

namespace wishbone {

namespace {

constexpr const char* single_file = "model.safetensors";
constexpr const char* index_file = "model.safetensors.index.json";
constexpr const char* fetch_again = "Download or write the model again.";

std::string shown(const std::vector<std::int64_t>& shape) {
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + "]";
}

constexpr const char* embedding_name = "model.embed_tokens.weight";
constexpr const char* head_name = "lm_head.weight";

bool ignored(const std::string& name) { return name.ends_with("rotary_emb.inv_freq"); }

bool is_float(const FileTensor& tensor) {
    return tensor.dtype == FileDType::f32 || tensor.dtype == FileDType::f16 ||
           tensor.dtype == FileDType::bf16;
}

/// Of two tensors of floats, whatever their dtypes.
bool equal(const FileTensor& a, const FileTensor& b) {
    if (a.shape != b.shape || !is_float(a) || !is_float(b)) return false;
    if (a.dtype == b.dtype) return std::memcmp(a.data, b.data, a.bytes) == 0;
    std::vector<float> one(static_cast<std::size_t>(a.size())), other(one.size());
    to_float(a, one);
    to_float(b, other);
    return one == other;
}

constexpr std::size_t most_staged = std::size_t{1} << 30;

std::size_t staged_bytes(const Fp8Matrix& matrix, const Backend& backend) {
    constexpr std::size_t unit = 256;
    const std::size_t bytes =
        static_cast<std::size_t>(matrix.values.size()) * size_of(backend.activation_dtype());
    return (bytes + unit - 1) / unit * unit;
}

using NamesOfShard = std::map<std::string, std::set<std::string>>;

/// Throws Error(bad_input) when there is none, or it is not one.
NamesOfShard read_index(const std::filesystem::path& index) {
    std::error_code error;
    if (!std::filesystem::exists(index, error))
        throw bad_input(
            "The model has no weights: neither model.safetensors nor model.safetensors.index.json",
            index.parent_path().string(), "Choose a model folder with weights in safetensors format.");

    const std::string where = index.string();
    const auto json = parse_json_table(read_text(index), where);
    const auto map = json.find("weight_map");
    if (!json.is_object() || map == json.end() || !map->is_object())
        throw bad_input("The index has no weight_map", where, fetch_again);
    NamesOfShard names_of_shard;
    for (const auto& [name, shard] : map->items()) {
        if (!shard.is_string())
            throw bad_input("The shard of a tensor is not a string", where + ": " + name, fetch_again);
        const std::string file = shard.get<std::string>();
        // An index must not lead out of its folder.
        if (file.empty() || std::filesystem::path(file).filename() != file || file == "." || file == "..")
            throw bad_input("The shard \"" + file + "\" is not a plain file name", where + ": " + name,
                            fetch_again);
        names_of_shard[file].insert(name);
    }
    return names_of_shard;
}

}  // namespace

ModelWeights::ModelWeights(const std::filesystem::path& folder, const ModelConfig& config) {
    open(folder);
    if (config.tie_word_embeddings) take_tied_head();
    check(config);
}

/// What a tied model's folder calls its head is the embedding, alone or beside it.
void ModelWeights::take_tied_head() {
    const auto head = tensors_.find(head_name);
    if (head == tensors_.end()) return;
    const auto embedding = tensors_.find(embedding_name);
    if (embedding == tensors_.end()) {
        tensors_[embedding_name] = head->second;
        file_of_[embedding_name] = file_of_.at(head_name);
    } else if (!equal(*embedding->second, *head->second)) {
        throw bad_input("config.json ties the head to the embedding, but the weights hold another head",
                        file_of_.at(head_name) + ": " + head_name,
                        "Set tie_word_embeddings to false in config.json if the head is its own.");
    }
    tensors_.erase(head_name);
    file_of_.erase(head_name);
}

void ModelWeights::open(const std::filesystem::path& folder) {
    const std::filesystem::path single = folder / single_file;
    const std::filesystem::path index = folder / index_file;
    std::error_code error;
    // The order of transformers: the single file wins.
    if (std::filesystem::exists(single, error)) {
        where_ = single.string();
        files_.emplace_back(single);
        for (const auto& [name, tensor] : files_.back().tensors()) {
            tensors_[name] = &tensor;
            file_of_[name] = where_;
        }
        return;
    }
    where_ = index.string();
    const NamesOfShard names_of_shard = read_index(index);
    files_.reserve(names_of_shard.size());
    for (const auto& [file, names] : names_of_shard) {
        const std::filesystem::path path = folder / file;
        if (!std::filesystem::exists(path, error))
            throw bad_input("A shard of the model is missing", path.string(), fetch_again);
        files_.emplace_back(path);
        for (const std::string& name : names) {
            tensors_[name] = &files_.back().at(name);
            file_of_[name] = path.string();
        }
    }
}

void ModelWeights::check(const ModelConfig& config) const {
    std::set<std::string> expected;
    for (const auto& [name, shape] : parameter_shapes(config)) {
        expected.insert(name);
        const auto found = tensors_.find(name);
        if (found == tensors_.end()) {
            const bool head = name == head_name;
            throw bad_input(
                "The tensor \"" + name + "\" is missing", where_,
                head ? "Set tie_word_embeddings to true in config.json if the model's head is tied."
                     : fetch_again);
        }
        const FileTensor& tensor = *found->second;
        const std::string where = file_of_.at(name) + ": " + name;
        if (tensor.shape != shape)
            throw bad_input(
                "The tensor has shape " + shown(tensor.shape) + ", but config.json says " + shown(shape),
                where, "Use the config.json and weights of one and the same model.");
        if (!is_float(tensor))
            throw bad_input("The tensor has dtype " + tensor.dtype_name, where,
                            "Save the model in F32, F16 or BF16.");
    }
    for (const auto& [name, tensor] : tensors_)
        if (!expected.contains(name) && !ignored(name))
            throw bad_input("The tensor \"" + name + "\" does not belong to this architecture",
                            file_of_.at(name) + ": " + name, "Check that config.json describes this model.");
}

void ModelWeights::load(Backend& backend, const NamedTensors& parameters) const {
    std::vector<TensorUpload> uploads;
    for (const HeldElements& held : parameters.held())
        uploads.push_back({held.elements, &at(parameters.named()[held.parameter].name), held.begin});
    upload_tensors(backend, uploads);
    load_frozen(backend, parameters);
}

void ModelWeights::load_frozen(Backend& backend, const NamedTensors& parameters) const {
    const std::vector<FrozenMatrix>& all = parameters.frozen();
    const std::size_t room = staging_bytes(parameters);
    if (room == 0) return;
    const Buffer memory = backend.allocate(room);
    // As many at a time as there is room for: every call makes threads and pins memory.
    for (std::size_t next = 0; next < all.size();) {
        std::vector<TensorUpload> uploads;
        std::vector<std::pair<Fp8Matrix, Tensor>> staged;
        for (std::size_t used = 0; next < all.size(); ++next) {
            const Fp8Matrix& matrix = all[next].matrix;
            Tensor place(static_cast<std::byte*>(memory.get()) + used, backend.activation_dtype(),
                         {matrix.values.rows(), matrix.values.shape[1]});
            used += staged_bytes(matrix, backend);
            if (used > room) break;
            uploads.push_back({place.flattened(), &at(all[next].name), 0});
            staged.emplace_back(matrix, place);
        }
        upload_tensors(backend, uploads);
        for (const auto& [matrix, place] : staged) backend.fp8_quantise(matrix, {}, place);
    }
    backend.synchronize();
}

bool ModelWeights::all_are(FileDType dtype, const NamedTensors& parameters) const {
    return std::ranges::all_of(parameters.named(),
                               [&](const auto& parameter) { return at(parameter.name).dtype == dtype; });
}

std::map<std::string, FileDType> ModelWeights::dtypes() const {
    std::map<std::string, FileDType> all;
    for (const auto& [name, tensor] : tensors_)
        if (!ignored(name)) all[name] = tensor->dtype;
    return all;
}

const FileTensor& ModelWeights::at(const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
        throw Error(ExitCode::internal, "The model and its file disagree", name, "Report this.");
    return *found->second;
}

void ModelWeights::read(const std::string& name, std::vector<float>& values) const {
    const FileTensor& tensor = at(name);
    values.resize(static_cast<std::size_t>(tensor.size()));
    to_float(tensor, values);
}

std::string ModelWeights::content_sha256(const StopRequested& stop) const {
    constexpr std::size_t piece = std::size_t{32} << 20;
    struct Piece {
        std::span<const std::byte> data;
        std::string sha256;
    };
    std::vector<Piece> pieces;
    Sha256 all;
    const auto add = [&all](const std::string& text) { all.update(std::as_bytes(std::span(text))); };
    for (const auto& [name, tensor] : tensors_) {
        add(name + " " + tensor->dtype_name + " " + shown(tensor->shape) + "\n");
        for (std::size_t begin = 0; begin < tensor->bytes; begin += piece)
            pieces.push_back({{tensor->data + begin, std::min(piece, tensor->bytes - begin)}, {}});
    }
    TaskNumbers numbers(pieces.size());
    work_together(std::min(cores(), pieces.size()), numbers, [&] {
        while (const auto i = numbers.next()) {
            if (stop()) return;
            Sha256 hash;
            hash.update(pieces[*i].data);
            pieces[*i].sha256 = hash.hex();
        }
    });
    for (const Piece& done : pieces) add(done.sha256);
    return all.hex();
}

std::size_t staging_bytes(const NamedTensors& parameters) {
    std::size_t all = 0, largest = 0;
    for (const FrozenMatrix& one : parameters.frozen()) {
        const std::size_t bytes = staged_bytes(one.matrix, parameters.backend());
        all += bytes;
        largest = std::max(largest, bytes);
    }
    return std::min(all, std::max(most_staged, largest));
}

void download_floats(Backend& backend, std::span<float> to, Tensor from) {
    if (from.dtype == DType::f32) {
        backend.download(to.data(), from);
        return;
    }
    std::vector<std::uint16_t> bits(to.size());
    backend.download(bits.data(), from);
    std::ranges::transform(bits, to.begin(), bfloat16_to_float);
}

std::vector<std::filesystem::path> weight_files(const std::filesystem::path& folder) {
    std::error_code error;
    if (const auto single = folder / single_file; std::filesystem::exists(single, error)) return {single};
    std::vector<std::filesystem::path> files = {folder / index_file};
    for (const auto& [shard, names] : read_index(files.front())) files.push_back(folder / shard);
    return files;
}

}  // namespace wishbone
