export { complete, type SamplingOptions } from './complete.js';
export { endTokens, sampledModels, type SampledModel, type SampledModels } from './models.js';
export { datasetPrompts, typedPrompt, type Prompt } from './prompts.js';
