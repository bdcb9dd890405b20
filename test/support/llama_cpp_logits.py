"""Prints the log-probabilities that llama.cpp gives a sequence's tokens: JSON {file, ids, context, adapter} a line in, a list a line out."""

import json
import sys

import llama_cpp
import numpy as np

for line in sys.stdin:
    asked = json.loads(line)
    ids = asked["ids"]
    model = llama_cpp.Llama(
        asked["file"], n_ctx=asked["context"], n_batch=len(ids), n_ubatch=len(ids), logits_all=True, verbose=False, n_threads=2,
        type_k=0, type_v=0, lora_path=asked.get("adapter"),
    )  # fmt: skip
    model.eval(ids)
    logits = np.asarray(model.scores[: len(ids)], dtype=np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    logps = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    print(json.dumps([float(logps[i, ids[i + 1]]) for i in range(len(ids) - 1)]))
