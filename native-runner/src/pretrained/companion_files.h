#pragma once

#include <filesystem>

namespace wishbone {

/// Copies from a model folder what people need beside its weights: tokenizer and chat templates, the configs of processors, and
/// the licence. A link that leads out of the folder is not followed (what it names would be published with the export), with a
/// warning on stderr; one into the blobs of the Hugging Face cache, of which the folder is a snapshot, is.
///
/// `own`: a folder of files that go before those of the model, which may be missing: the run's, where its text was rendered
/// otherwise than the model folder says. With a chat template there, none of the model's is copied.
void copy_companions(const std::filesystem::path& folder, const std::filesystem::path& model,
                     const std::filesystem::path& own);

/// One file, by the same rule of links, if it is there.
void copy_companion(const std::filesystem::path& folder, const std::filesystem::path& model,
                    const char* name);

}  // namespace wishbone
