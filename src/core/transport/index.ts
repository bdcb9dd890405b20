export { type Answer, type Api, type Argument, type Handlers, type Method, Moved, type Work } from './api.js';
export type { Channel, OwnedChannel } from './channel.js';
export { Client, type ClientListener } from './client.js';
export { LeftAlone, readingEnded } from './left-alone.js';
export type { Breach, Limits } from './limits.js';
export { ownChannel, type ProcessOptions, ProcessEnded, processChannel, startProcess } from './process.js';
export { startReading } from './reading-process.js';
export { serve, type Teller } from './server.js';
export { startThread, threadChannel, workerBundle } from './thread.js';
