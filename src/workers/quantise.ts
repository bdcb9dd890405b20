// Quantises pieces of tensors. Started by `quantiserInThreads`.
import { serveQuantiser } from '../core/gguf/quantise/pool.js';
import { threadChannel } from '../core/transport/index.js';

serveQuantiser(threadChannel());
