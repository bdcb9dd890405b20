export { complete, type SamplingOptions } from './complete.js';
export { endTokens, isBelow, sampledModels, type SampledModel, type SampledModels } from './models.js';
export { type Completion, Sampler, type SamplerWork } from './sampler.js';
export { sampleRun, type Sample, type SampleRequest } from './sample-run.js';
export { decodeSamples, sampleTexts, type SampleText } from './sample-texts.js';
export { datasetPrompts, promptOf, type Prompt } from './prompts.js';
