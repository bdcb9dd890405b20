/** The run panel's messages. Each panel has a file of its own in `protocol/`; import it from there. */
export * from './protocol/run.js';
