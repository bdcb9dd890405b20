export { complete, type SamplingOptions } from './complete.js';
export { endTokens, sampledModels, type SampledModel, type SampledModels } from './models.js';
export { sampleTexts, type SampleText } from './sample-texts.js';
export { datasetPrompts, typedPrompt, type Prompt } from './prompts.js';
