// Writes GGUF files.
import { exportGguf } from '../core/gguf/export.js';
import { ollamaChat } from '../core/gguf/ollama-chat.js';
import { quantiserInThreads } from '../core/gguf/quantise/pool.js';
import { serveTasks } from '../core/tasks/index.js';
import { workerBundle } from '../core/transport/index.js';

serveTasks({
  ollamaChat,
  gguf: async (request, work) => {
    const bundle = workerBundle('quantise');
    const quantiser = bundle === undefined ? undefined : quantiserInThreads(bundle);
    try {
      return await exportGguf(request, work, quantiser);
    } finally {
      await quantiser?.close();
    }
  },
});
