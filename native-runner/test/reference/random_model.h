#pragma once

#include <random>

#include "model/transformer/transformer.h"
#include "reference/transformer_reference.h"

namespace wishbone::reference {

/// Random weights that a float holds exactly: matrices and biases around 0, norms around 1.
Weights random_weights(std::mt19937& random, const ModelConfig& config);

/// The same numbers on a backend. Throws std::out_of_range when the two sides differ in names.
void upload(Backend& backend, const NamedTensors& parameters, const Weights& weights);

/// Parameters or gradients back in double.
Weights download(Backend& backend, const NamedTensors& parameters);

}  // namespace wishbone::reference
