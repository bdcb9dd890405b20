// Tokenises batches of pairs. Started by `tokeniseInThreads`.
import { serveTokeniser } from '../core/tokenise/threads.js';
import { threadChannel } from '../core/transport/index.js';

serveTokeniser(threadChannel());
