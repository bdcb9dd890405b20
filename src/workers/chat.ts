// Reads and writes text for the models of a chat. Started by `ChatTexts`.
import { serveChat } from '../core/sample/chat/serve-chat.js';
import { ownChannel } from '../core/transport/index.js';

serveChat(ownChannel());
